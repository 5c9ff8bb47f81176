"""What the database does beyond the contract: several processes and replicas, and whatever can be wrong with it."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from urllib.parse import quote, urlencode

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict
from pydantic import SecretStr

from domain.errors import Unavailable
from storage import Changes, Decision, Store, open_store
from storage.postgres import history, replica
from storage.postgres.schema import MIGRATIONS
from storage.queue import Change, CommitQueue, Take
from tests.postgres import fresh_schema, postgres_server
from tests.process.service import free_port
from tests.storage.records import (
    ROOT,
    at_once,
    count,
    counted,
    entry,
    never_version_1,
    opened,
    put,
    remove,
    server,
    told,
)

LIMIT = 5.0


@pytest.fixture
def stores(database: str) -> Iterator[list[Store]]:
    """Three replicas of one database."""
    with contextlib.ExitStack() as resources:
        yield [resources.enter_context(contextlib.closing(opened(database))) for _ in range(3)]


@contextlib.contextmanager
def connected(url: str) -> Iterator[psycopg.Connection]:
    """Somebody else in the database."""
    with contextlib.closing(psycopg.connect(url, autocommit=True)) as connection:
        yield connection


@contextlib.contextmanager
def held(store: Store, key: str) -> Iterator[None]:
    """A change of the key that is in the middle of its transaction, and commits behind the block."""
    began, may_end = threading.Event(), threading.Event()

    def decide(before: Changes, _revision: int) -> Decision:
        began.set()
        assert may_end.wait(20)
        return Decision({key: server(key, check_interval=counted(before[key]) + 1)})

    thread = threading.Thread(target=lambda: store.change([key], decide))
    thread.start()
    try:
        assert began.wait(20)
        yield
    finally:
        may_end.set()
        thread.join()


def test_what_is_committed_out_of_order_is_missed_by_no_replica(stores: list[Store]) -> None:
    one, other, reader = stores
    put(one, server("a/x"))
    with held(one, "a/x"):
        put(other, server("b/x"))  # begun later, and seen earlier
        assert counted(reader.get("a/x")) == 0
        assert reader.get("b/x") == server("b/x")
    assert counted(reader.get("a/x")) == 1


def test_a_transaction_that_stays_open_makes_no_replica_read_anything_twice(database: str, stores: list[Store]) -> None:
    one, reader, _ = stores
    put(one, server("a/x"))
    with connected(database) as somebody, somebody.transaction():
        somebody.execute("SELECT pg_current_xact_id()")  # holds the oldest transaction back
        put(one, server("b/x"))
        records = reader.snapshot().records
        assert reader.snapshot().records is records


def test_a_replica_that_is_far_behind_reads_all_in_pages(stores: list[Store], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replica, "MOST_CHANGED", 3)
    monkeypatch.setattr(replica, "PAGE", 2)
    one, reader, late = stores
    for count_changed in (2, 3, 4, 9):
        put(one, *(server(f"a/{count_changed}-{number}") for number in range(count_changed)))
        remove(one, "a/2-0")
        assert reader.snapshot() == one.snapshot()
    assert late.snapshot() == one.snapshot()
    assert len(late.snapshot().records) == 2 + 3 + 4 + 9 - 1


def test_changes_of_different_servers_do_not_wait_for_each_other(stores: list[Store]) -> None:
    one, other, _ = stores
    put(one, server("a/x"))
    with held(one, "a/x"), held(other, "new/x"):
        put(stores[2], server("b/x"), server("c/x"))


def test_changes_of_one_server_follow_each_other_known_or_new(stores: list[Store]) -> None:
    one, other, reader = stores
    for expected in (2, 4):
        with held(one, "a/x"):
            waits = threading.Thread(target=lambda: count(other, "b/x", "a/x"))
            waits.start()
        waits.join()
        assert counted(reader.get("a/x")) == expected


def test_a_server_that_another_change_holds_for_long_is_given_up_with_the_cause(stores: list[Store]) -> None:
    one, other, _ = stores
    with held(one, "a/x"):
        began = time.monotonic()
        with pytest.raises(Unavailable, match="another change of the same server took over 2 seconds"):
            count(other, "a/x")
        assert time.monotonic() - began < LIMIT
    count(other, "a/x")
    assert counted(other.get("a/x")) == 2


def test_processes_that_change_at_once_lose_no_update(database: str) -> None:
    child = [sys.executable, "-m", "tests.storage.child", "count", database, "50", "a/shared"]
    pipe = subprocess.PIPE
    with (
        contextlib.closing(opened(database)) as store,
        subprocess.Popen([*child, "a/1"], cwd=ROOT, stdin=pipe, stdout=pipe, text=True) as one,
        subprocess.Popen([*child, "a/2"], cwd=ROOT, stdin=pipe, stdout=pipe, text=True) as two,
    ):
        for process in (one, two):
            assert process.stdout
            assert process.stdout.readline() == "ready\n"
        at_once(
            lambda: one.communicate("go\n"),
            lambda: two.communicate("go\n"),
            lambda: [count(store, "a/3", "a/shared") for _ in range(50)],
        )
        assert (one.returncode, two.returncode) == (0, 0)
        records = store.snapshot().records
        assert {key: counted(one) for key, one in records.items()} == {
            "a/1": 50, "a/2": 50, "a/3": 50, "a/shared": 150,
        }  # fmt: skip
        revisions = [revision for revision, *_ in told(store)]
        assert revisions == sorted(set(revisions))


def test_a_revision_is_never_given_twice_however_many_processes_ask_at_once(database: str) -> None:
    """Each change gets as many that follow each other as it names servers."""
    given = list[int]()

    def report(store: Store, group: int) -> None:
        def decide(_before: Changes, first: int) -> Decision:
            revisions[:] = range(first, first + 40)
            return Decision({})

        for _ in range(20):
            revisions = list[int]()
            store.change([f"group-{group}/{number}" for number in range(40)], decide)
            given.extend(revisions)

    with contextlib.ExitStack() as resources:
        stores = [resources.enter_context(contextlib.closing(opened(database))) for _ in range(8)]
        at_once(*[lambda store=store, group=group: report(store, group) for group, store in enumerate(stores)])
    assert len(set(given)) == len(given) == 8 * 20 * 40


def test_ten_that_start_at_once_make_the_tables_once(database: str) -> None:
    with contextlib.ExitStack() as resources:
        stores = [resources.enter_context(contextlib.closing(opened(database))) for _ in range(10)]
        at_once(*[lambda store=store: count(store, "a/x") for store in stores])
        assert {counted(store.get("a/x")) for store in stores} == {10}
    with connected(database) as somebody:
        rows = somebody.execute("SELECT number FROM migrations ORDER BY number").fetchall()
    assert rows == [(number,) for number in range(1, len(MIGRATIONS) + 1)]


def test_a_newer_schema_is_left_alone(database: str) -> None:
    with contextlib.closing(opened(database)) as store:
        put(store, server("a/x"))
    with connected(database) as somebody, contextlib.closing(opened(database)) as store:
        somebody.execute("INSERT INTO migrations (number) VALUES (99)")
        for use in (store.snapshot, store.check, lambda: put(store, server("b/x"))):
            with pytest.raises(Unavailable, match=r"a newer version .* is number 99"):
                use()
        somebody.execute("DELETE FROM migrations WHERE number = 99")
        assert store.snapshot().records == {"a/x": server("a/x")}


def test_a_dump_from_another_cluster_is_not_read_again_and_again(database: str) -> None:
    with contextlib.closing(opened(database)) as store:
        put(store, server("a/x"))
    with connected(database) as somebody, contextlib.closing(opened(database)) as store:
        somebody.execute("UPDATE servers SET changed = '999999999999'")
        records = store.snapshot().records
        assert records == {"a/x": server("a/x")}
        assert store.snapshot().records is records
        remove(store, "a/x")
        assert store.snapshot().records == {}


def test_connections_that_died_while_they_were_idle_are_replaced_without_an_error(
    database: str, stores: list[Store]
) -> None:
    for store in stores:
        count(store, "a/x")
        store.snapshot()
    end_all_others(database)
    assert counted(stores[0].get("a/x")) == 3
    count(stores[1], "a/x")
    stores[2].check()
    assert counted(stores[2].get("a/x")) == 4


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
            CREATE CONSTRAINT TRIGGER die AFTER UPDATE ON servers DEFERRABLE INITIALLY DEFERRED
            FOR EACH ROW EXECUTE FUNCTION die()
        """)
        with pytest.raises(Unavailable, match="may be stored or not; send it again"):
            count(stores[0], "a/x")
        somebody.execute("DROP TRIGGER die ON servers")
    count(stores[0], "a/x")
    assert counted(stores[1].get("a/x")) == 1


def test_a_deadlock_with_somebody_else_is_tried_again(database: str) -> None:
    with (
        contextlib.closing(opened(f"{database}{quote(' -cdeadlock_timeout=300ms')}")) as store,
        connected(f"{database}{quote(' -cdeadlock_timeout=60s')}") as somebody,
    ):
        put(store, server("a/x"), server("b/x"))
        with somebody.transaction():
            somebody.execute("UPDATE servers SET revision = revision WHERE key = 'b/x'")
            change = threading.Thread(target=lambda: count(store, "a/x", "b/x"))
            change.start()
            while not somebody.execute("SELECT FROM pg_locks WHERE NOT granted").fetchall():
                os.sched_yield()
            somebody.execute("UPDATE servers SET revision = revision WHERE key = 'a/x'")
        change.join()
        assert [counted(store.get(key)) for key in ("a/x", "b/x")] == [1, 1]


def test_a_database_that_is_read_only_is_read_and_the_cause_is_named(database: str, stores: list[Store]) -> None:
    put(stores[0], server("a/x"))
    with contextlib.closing(opened(f"{database}{quote(' -cdefault_transaction_read_only=on')}")) as store:
        for use in (store.check, lambda: put(store, server("b/x"))):
            with pytest.raises(Unavailable, match="can only be read"):
                use()
        assert store.snapshot().records == {"a/x": server("a/x")}


def test_a_damaged_record_is_named_and_heals_when_it_is_mended(database: str, stores: list[Store]) -> None:
    put(stores[0], server("a/x"))
    with connected(database) as somebody:
        somebody.execute("CREATE TABLE kept AS SELECT * FROM servers")
        somebody.execute("""UPDATE servers SET record = '{"host": "x"}', changed = DEFAULT""")
        for use in (stores[0].snapshot, lambda: count(stores[1], "a/x")):
            with pytest.raises(Unavailable, match="the record 'a/x' is wrong at"):
                use()
        somebody.execute("UPDATE servers SET record = kept.record, changed = DEFAULT FROM kept")
    assert stores[0].get("a/x") == server("a/x")


def test_commits_are_on_disk_also_where_the_database_is_set_to_promise_less(database: str) -> None:
    """The setting is seen from within the transaction."""
    with contextlib.closing(opened(f"{database}{quote(' -csynchronous_commit=off')}")) as store:
        put(store, server("a/x"))
        with connected(database) as somebody:
            somebody.execute("""
                CREATE TABLE seen (setting text);
                CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS $$
                BEGIN INSERT INTO seen VALUES (current_setting('synchronous_commit')); RETURN NULL; END $$;
                CREATE TRIGGER see AFTER UPDATE ON servers FOR EACH ROW EXECUTE FUNCTION see()
            """)
            put(store, server("a/x"))
            assert somebody.execute("SELECT setting FROM seen").fetchall() == [("on",)]


@pytest.mark.parametrize("page", [1, 10_000])
def test_old_entries_go_but_the_last_of_each_server_that_is_there(
    database: str, monkeypatch: pytest.MonkeyPatch, page: int
) -> None:
    monkeypatch.setattr(history, "PRUNED_AT_ONCE", page)
    oldest = [""]
    store = open_store(SecretStr(database), never_version_1, lambda: oldest[0])
    with contextlib.closing(store):
        put(store, server("a/x"), server("c/x"))
        for key, day in (("a/x", "01"), ("b/x", "02"), ("a/x", "03"), ("b/x", "04"), ("c/x", "05"), ("a/x", "08")):

            def decide(before: Changes, revision: int, key: str = key, day: str = day) -> Decision:
                return Decision(before, [entry(revision, key, f"2026-04-{day}")])

            store.change([key], decide)
        assert [key for _, key, *_ in told(store)] == ["a/x", "b/x", "a/x", "b/x", "c/x", "a/x"]
        oldest[0] = "2026-04-07T00:00:00Z"
        for _ in range(5):
            put(store, server("d/x"))
        assert [(one["host"], one["server_group"], one["time"][8:10]) for one in store.events()] == [
            ("x", "a", "03"), ("x", "c", "05"), ("x", "a", "08"),
        ]  # fmt: skip


def test_each_commit_is_timed(database: str) -> None:
    seconds = list[float]()
    with contextlib.closing(open_store(SecretStr(database), never_version_1, committed=seconds.append)) as store:
        put(store, server("a/x"))
        store.snapshot()
        put(store, server("a/x"))
    assert len(seconds) == 2
    assert all(0 < each < LIMIT for each in seconds)


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


def in_vain(use: Callable[[], object], limit: float = LIMIT) -> None:
    """Use it, and be told within the limit that it cannot be."""
    began = time.monotonic()
    with pytest.raises(Unavailable):
        use()
    assert time.monotonic() - began < limit


def test_a_database_that_stands_still_or_is_away_is_given_up_in_time_and_found_again() -> None:
    """Threads that wait for one another are over in time too."""
    with postgres_server() as machine, fresh_schema(machine.url) as url, contextlib.closing(opened(url)) as store:
        put(store, server("a/x"))
        store.snapshot()

        uses = [lambda: in_vain(store.snapshot), lambda: in_vain(lambda: count(store, "a/x"))]

        with machine.frozen():
            at_once(*uses * 6, lambda: in_vain(lambda: list(store.events())))
        store.check()

        machine.stop(signal.SIGKILL)
        at_once(*uses * 2)
        machine.start()
        records = store.snapshot().records
        assert list(records) == ["a/x"]
        count(store, "a/x")
        assert counted(store.get("a/x")) == counted(records["a/x"]) + 1


def test_the_driver_is_needed_only_where_a_database_is_the_store(database: str) -> None:
    program = f"""
import sys; sys.modules["psycopg"] = None
from pathlib import Path
from pydantic import SecretStr
from storage import open_store
open_store(Path("x"), None)
try: open_store(SecretStr({database!r}), None)
except RuntimeError as error: print(error)
"""
    ended = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "requirements-postgres.txt" in ended.stdout


def test_changes_that_name_many_servers_share_a_commit_only_up_to_a_limit() -> None:
    come, commits = threading.Semaphore(0), list[list[int]]()

    def commit(take: Take) -> list[BaseException]:
        if not commits:  # until all others wait
            for _ in range(5):
                come.acquire()
            while len(queue._waiting) < 6:
                os.sched_yield()
        batch: list[Change] = list(take())
        commits.append([len(change.keys) for change in batch])
        return [KeyError() for _ in batch]

    def submit(number: int) -> None:
        with pytest.raises(KeyError):
            queue.submit(["a"] * number, lambda _before, _revision: Decision({}))

    def late(number: int) -> None:
        while not queue._waiting:
            os.sched_yield()
        come.release()
        submit(number)

    queue = CommitQueue(commit, most_keys=4)
    at_once(lambda: submit(9), *[lambda: late(2)] * 5)
    assert commits == [[9], [2, 2], [2, 2], [2]]


def test_hosts_that_do_not_answer_are_given_up_in_time_and_asked_after_the_one_that_does(database_server: str) -> None:
    """They take connections, as a machine does that stands still."""
    given = conninfo_to_dict(database_server)
    with contextlib.ExitStack() as stack, fresh_schema(database_server) as url:
        silent = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(2)]
        ports = [*(host.getsockname()[1] for host in silent), given["port"]]
        hosts = {"host": f"127.0.0.1,127.0.0.1,{given['host']}", "port": ",".join(map(str, ports))}
        several = f"postgresql://?{urlencode(conninfo_to_dict(url) | hosts, quote_via=quote)}"
        store = stack.enter_context(contextlib.closing(opened(several)))
        for use in (store.snapshot, lambda: put(store, server("a/x"))):
            in_vain(use, LIMIT / 2)  # as it may have waited for another
        began = time.monotonic()
        at_once(*[lambda: count(store, "a/x"), store.check, store.snapshot] * 4)
        assert time.monotonic() - began < 1
