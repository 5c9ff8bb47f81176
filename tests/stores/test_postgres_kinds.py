"""Several kinds in a database, and the migration that makes room for them while replicas of an earlier version report."""

import contextlib
import json
import threading
from collections.abc import Iterator

import psycopg
import pytest

from domain.errors import Unavailable
from domain.history import change_entry
from domain.kinds import SERVER
from stores.postgres.schema import MIGRATIONS
from stores.postgres.store import PostgresStore
from tests.process.service import wait_until
from tests.stores.databases import connected
from tests.stores.kinds import parcel, tick
from tests.stores.records import got, note, opened, put, remove, server, servers, told

OF_SERVERS = 3  # as many migrations as a version knows that keeps servers only


class EarlierReplica:
    """What a replica of that version asks of the database, word for word."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self._connection = connection

    def report(self, key: str, status: str) -> None:
        ask = self._connection.execute
        with self._connection.transaction():
            ask(
                "INSERT INTO servers (key) SELECT key FROM unnest(%(keys)s::text[]) AS key "
                "WHERE NOT EXISTS (SELECT FROM servers WHERE servers.key = key.key) ON CONFLICT DO NOTHING",
                {"keys": [key]},
            )
            locked = "SELECT key, record::text FROM servers WHERE key = ANY(%(keys)s::text[]) ORDER BY key FOR UPDATE"
            ((_key, known),) = ask(locked, {"keys": [key]}).fetchall()
            ((revision, _last),) = ask(
                "SELECT min(number), max(number) FROM (SELECT nextval('revisions') AS number FROM generate_series(1, 1)) AS s"
            ).fetchall()
            new = server(key, status=status, revision=revision)
            ask(
                "UPDATE servers SET record = new.record::json, revision = %s, changed = DEFAULT "
                "FROM unnest(%b::text[], %b::text[]) AS new (key, record) WHERE servers.key = new.key",
                [revision, [key], [json.dumps(new)]],
            )
            if entry := change_entry(json.loads(known) if known else None, new, "cron"):
                ask(
                    "INSERT INTO history (revision, time, key, entry) SELECT revision, time, key, entry::json "
                    "FROM unnest(%b::bigint[], %b::text[], %b::text[], %b::text[]) AS new (revision, time, key, entry)",
                    [[revision], [entry["time"]], [key], [json.dumps(entry)]],
                )

    def changed_since(self, seen: str) -> list[str]:
        rows = self._connection.execute(
            "SELECT key, record::text, revision FROM (SELECT) AS once LEFT JOIN servers "
            "ON changed >= split_part(%(seen)s, ':', 2)::xid8 "
            "OR changed = ANY(string_to_array(split_part(%(seen)s, ':', 3), ',')::xid8[])",
            {"seen": seen},
        )
        return [key for key, *_ in rows if key is not None]

    def now(self) -> str:
        ((seen,),) = self._connection.execute("SELECT pg_current_snapshot()::text").fetchall()
        return str(seen)


@pytest.fixture
def earlier(database: str) -> Iterator[EarlierReplica]:
    """A replica of an earlier version in a database that it made."""
    with connected(database) as connection:
        connection.execute("CREATE TABLE migrations (number int PRIMARY KEY, made timestamptz NOT NULL DEFAULT now())")
        for number, statements in enumerate(MIGRATIONS[:OF_SERVERS], 1):
            connection.execute(statements)
            connection.execute("INSERT INTO migrations (number) VALUES (%s)", [number])
        yield EarlierReplica(connection)


def test_the_tables_are_upgraded_while_an_earlier_replica_reports(database: str, earlier: EarlierReplica) -> None:
    earlier.report("a/x", "synced")
    reports, may_end, failed = list[str](), threading.Event(), list[Exception]()

    def report() -> None:
        with connected(database) as connection:
            replica = EarlierReplica(connection)
            try:
                while not may_end.is_set():
                    key = f"b/{len(reports)}"
                    replica.report(key, "synced")
                    reports.append(key)
            except psycopg.Error as error:
                failed.append(error)

    thread = threading.Thread(target=report)
    thread.start()
    try:
        wait_until(lambda: len(reports) > 20 or bool(failed), "it reports")
        with contextlib.closing(opened(database)) as store:
            assert "a/x" in servers(store)
            before = len(reports)
            wait_until(lambda: len(reports) > before + 20 or bool(failed), "it goes on")
            may_end.set()
            thread.join()
            assert failed == []
            assert list(servers(store)) == sorted(["a/x", *reports], key=SERVER.order)
            assert [entry[1] for entry in told(store)] == ["a/x", *reports]
    finally:
        may_end.set()
        thread.join()


def test_an_earlier_replica_and_this_one_see_what_the_other_reports(database: str, earlier: EarlierReplica) -> None:
    earlier.report("a/x", "synced")
    with contextlib.closing(opened(database)) as store:
        seen = earlier.now()
        note(store, ("a/x", "failed"), ("parcel:a/x", "here"), ("new/x", "synced"))
        assert sorted(earlier.changed_since(seen)) == ["a/x", "new/x"]
        earlier.report("new/y", "failed")
        earlier.report("a/x", "unknown")
        assert {key: one["status"] for key, one in servers(store).items()} == {
            "a/x": "unknown", "new/x": "synced", "new/y": "failed",
        }  # fmt: skip
        assert got(store, "parcel:a/x") == parcel("a/x")
        remove(store, "a/x")
        earlier.report("a/x", "synced")
        assert servers(store)["a/x"]["status"] == "synced"


def test_operators_find_the_servers_where_they_were(database: str) -> None:
    """README.md names the table."""
    with contextlib.closing(opened(database)) as store, connected(database) as somebody:
        note(store, ("a/x", "failed"), ("parcel:a/x", "here"))
        rows = somebody.execute("SELECT key, record->>'status' FROM servers").fetchall()
        assert rows == [("a/x", "failed")]


def test_a_version_that_knows_fewer_kinds_leaves_the_others_alone(database: str) -> None:
    with contextlib.closing(opened(database)) as store, contextlib.closing(PostgresStore(database)) as fewer:
        note(store, ("a/x", "failed"), ("parcel:a/x", "here"), ("tick:a", "on"))
        assert not fewer.snapshot().tables.keys() & {"parcel", "tick"}
        put(fewer, server("a/x"))
        remove(fewer, "a/x")
        assert (got(store, "parcel:a/x"), got(store, "tick:a")) == (parcel("a/x"), tick("a", 3))
        assert [entry[1] for entry in told(fewer)] == ["a/x", "parcel:a/x"]


def test_a_version_that_knows_fewer_migrations_refuses_the_database(database: str) -> None:
    with contextlib.closing(opened(database)) as store, connected(database) as somebody:
        put(store, server("a/x"))
        somebody.execute("INSERT INTO migrations (number) VALUES (%s)", [len(MIGRATIONS) + 1])
        with contextlib.closing(opened(database)) as older, pytest.raises(Unavailable, match="by a newer version"):
            older.snapshot()
