"""Whatever can be wrong with the database: it is damaged, slow, away, or somebody else is in the way."""

import contextlib
import os
import signal
import socket
import threading
from collections.abc import Callable
from urllib.parse import quote, urlencode

import pytest
from psycopg.conninfo import conninfo_to_dict

from domain.errors import Unavailable
from domain.kinds import SERVER
from storage import Store
from stores.postgres.database import CONNECT_SECONDS, SECONDS, SERVER_SECONDS, Connection, Database
from tests.postgres import fresh_schema, postgres_server
from tests.process.service import free_port
from tests.stores.databases import connected, held
from tests.stores.records import at_once, count, counted, opened, put, server, servers


def test_a_server_that_another_change_holds_for_long_is_given_up_with_the_cause(stores: list[Store]) -> None:
    one, other, _ = stores
    message = "another change of the same server took over 2 seconds"
    with held(one, "a/x"), pytest.raises(Unavailable, match=message):
        count(other, "a/x")
    count(other, "a/x")
    assert counted(other.get(SERVER, "a/x")) == 2


def test_a_newer_schema_is_left_alone(database: str) -> None:
    with contextlib.closing(opened(database)) as store:
        put(store, server("a/x"))
    with connected(database) as somebody, contextlib.closing(opened(database)) as store:
        somebody.execute("INSERT INTO migrations (number) VALUES (99)")
        for use in (store.snapshot, store.check, lambda: put(store, server("b/x"))):
            with pytest.raises(Unavailable, match=r"a newer version .* is number 99"):
                use()
        somebody.execute("DELETE FROM migrations WHERE number = 99")
        assert servers(store) == {"a/x": server("a/x")}


def test_connections_that_died_while_they_were_idle_are_replaced_without_an_error(
    database: str, stores: list[Store]
) -> None:
    for store in stores:
        count(store, "a/x")
        store.snapshot()
    end_all_others(database)
    assert counted(stores[0].get(SERVER, "a/x")) == 3
    count(stores[1], "a/x")
    stores[2].check()
    assert counted(stores[2].get(SERVER, "a/x")) == 4


def end_all_others(url: str) -> None:
    """End every connection of the service to this schema."""
    with connected(url) as somebody:
        somebody.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = 'gitops-status'"
        )


def test_a_commit_that_nobody_heard_of_is_not_acknowledged(database: str, stores: list[Store]) -> None:
    put(stores[0], server("a/x"))
    with connected(database) as somebody:
        somebody.execute("""
            CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END $$;
            CREATE CONSTRAINT TRIGGER die AFTER UPDATE ON records DEFERRABLE INITIALLY DEFERRED
            FOR EACH ROW EXECUTE FUNCTION die()
        """)
        with pytest.raises(Unavailable, match="may be stored or not; send it again"):
            count(stores[0], "a/x")
        somebody.execute("DROP TRIGGER die ON records")
    count(stores[0], "a/x")
    assert counted(stores[1].get(SERVER, "a/x")) == 1


def test_a_deadlock_with_somebody_else_is_tried_again(database: str) -> None:
    with (
        contextlib.closing(opened(f"{database}{quote(' -cdeadlock_timeout=300ms')}")) as store,
        connected(f"{database}{quote(' -cdeadlock_timeout=60s')}") as somebody,
    ):
        put(store, server("a/x"), server("b/x"))
        with somebody.transaction():
            somebody.execute("UPDATE records SET revision = revision WHERE key = 'b/x'")
            change = threading.Thread(target=lambda: count(store, "a/x", "b/x"))
            change.start()
            while not somebody.execute("SELECT FROM pg_locks WHERE NOT granted").fetchall():
                os.sched_yield()
            somebody.execute("UPDATE records SET revision = revision WHERE key = 'a/x'")
        change.join()
        assert [counted(store.get(SERVER, key)) for key in ("a/x", "b/x")] == [1, 1]


def test_a_database_that_is_read_only_is_read_and_the_cause_is_named(database: str, stores: list[Store]) -> None:
    put(stores[0], server("a/x"))
    with contextlib.closing(opened(f"{database}{quote(' -cdefault_transaction_read_only=on')}")) as store:
        for use in (store.check, lambda: put(store, server("b/x"))):
            with pytest.raises(Unavailable, match="can only be read"):
                use()
        assert servers(store) == {"a/x": server("a/x")}


def test_a_damaged_record_is_named_and_heals_when_it_is_mended(database: str, stores: list[Store]) -> None:
    put(stores[0], server("a/x"))
    with connected(database) as somebody:
        somebody.execute("CREATE TABLE kept AS SELECT * FROM records")
        somebody.execute("""UPDATE records SET record = '{"host": "x"}', changed = DEFAULT""")
        for use in (stores[0].snapshot, lambda: count(stores[1], "a/x")):
            with pytest.raises(Unavailable, match="the record 'a/x' is wrong at"):
                use()
        somebody.execute("UPDATE records SET record = kept.record, changed = DEFAULT FROM kept")
    assert stores[0].get(SERVER, "a/x") == server("a/x")


@pytest.mark.parametrize(
    ("url", "cause"),
    [
        ("postgresql://someone:secret@127.0.0.1:{closed}/status", "refuses connections: is it running?"),
        ("postgresql://someone:secret@db.invalid/status", "has a host name that is not known"),
        ("postgresql://someone:secret@127.0.0.1:{open}/status", "refuses the login of STATUS_STORE"),
        ("postgresql://postgres:secret@127.0.0.1:{open}/secret", "does not exist on its server"),
        ("postgresql://someone:secret%zz@127.0.0.1/status", "cannot be reached with STATUS_STORE"),
        ("postgresql://someone:secret@127.0.0.1/status?secret=1", "cannot be reached with STATUS_STORE"),
    ],
)
def test_a_database_that_cannot_be_reached_is_explained_without_a_secret(
    database_server: str, caplog: pytest.LogCaptureFixture, url: str, cause: str
) -> None:
    given = url.format(closed=free_port(), open=conninfo_to_dict(database_server)["port"])
    with contextlib.closing(opened(given)) as store:
        for use in (store.snapshot, store.check, lambda: put(store, server("a/x")), lambda: list(store.events())):
            with pytest.raises(Unavailable) as caught:
                use()
            assert str(caught.value) == f"The database {cause}."
            assert caught.value.__cause__ is None
    assert "secret" not in caplog.text


def in_vain(use: Callable[[], object]) -> None:
    """Use it, and be told that it cannot be."""
    with pytest.raises(Unavailable):
        use()


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """The pieces of work that were begun in a database. Each has its time."""
    begun, run = list[object](), Database.run

    def noted(database: Database, piece: Callable[[Connection], object]) -> object:
        begun.append(piece)
        return run(database, piece)

    monkeypatch.setattr(Database, "run", noted)
    return begun


def test_a_request_ends_within_five_seconds_as_it_waits_for_its_own_work_and_one_before_it() -> None:
    assert 2 * SECONDS < 5
    assert SERVER_SECONDS < SECONDS
    assert CONNECT_SECONDS < SECONDS


def test_a_database_that_stands_still_or_is_away_is_given_up_and_found_again(work: list[object]) -> None:
    """It stands still until all have given up. Those that wait for one another share the next piece of work."""
    with postgres_server() as machine, fresh_schema(machine.url) as url, contextlib.closing(opened(url)) as store:
        put(store, server("a/x"))
        store.snapshot()

        uses = [lambda: in_vain(store.snapshot), lambda: in_vain(lambda: count(store, "a/x"))]

        with machine.frozen():
            work.clear()
            at_once(*uses * 6, lambda: in_vain(lambda: list(store.events())))
            assert len(work) < 10  # about 5, and more only where threads begin seconds late; each by itself it were 13
        store.check()

        machine.stop(signal.SIGKILL)
        at_once(*uses * 2)
        machine.start()
        records = servers(store)
        assert list(records) == ["a/x"]
        count(store, "a/x")
        assert counted(store.get(SERVER, "a/x")) == counted(records["a/x"]) + 1


def test_hosts_that_do_not_answer_are_given_up_and_asked_after_the_one_that_does(database_server: str) -> None:
    """They take connections, as a machine does that stands still."""
    given = conninfo_to_dict(database_server)
    with contextlib.ExitStack() as stack, fresh_schema(database_server) as url:
        silent = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(2)]
        ports = [*(host.getsockname()[1] for host in silent), given["port"]]
        hosts = {"host": f"127.0.0.1,127.0.0.1,{given['host']}", "port": ",".join(map(str, ports))}
        several = f"postgresql://?{urlencode(conninfo_to_dict(url) | hosts, quote_via=quote)}"
        store = stack.enter_context(contextlib.closing(opened(several)))
        for use in (store.snapshot, lambda: put(store, server("a/x"))):
            in_vain(use)
        for host in silent:
            host.accept()[0].close()  # whoever asked it
            host.setblocking(False)
        uses: list[Callable[[], object]] = [lambda: count(store, "a/x"), store.check, store.snapshot]
        at_once(*uses * 4)
        for host in silent:
            with pytest.raises(BlockingIOError):  # nobody asked it again
                host.accept()
