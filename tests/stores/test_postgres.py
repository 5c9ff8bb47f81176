"""What the database does beyond the contract: several processes and replicas, its tables, and what it promises."""

import contextlib
import itertools
import os
import subprocess
import sys
import threading
from urllib.parse import quote

import pytest
from pydantic import SecretStr

from domain.kinds import SERVER
from storage import Changes, Decision, Store
from stores import open_store
from stores.postgres.pages import Pages
from stores.postgres.schema import MIGRATIONS
from stores.postgres.store import PostgresStore
from stores.queue import Change, CommitQueue, Take
from stores.retention import DAY
from tests.process.warm import Program
from tests.stores.databases import connected, held
from tests.stores.kinds import ref
from tests.stores.records import (
    ROOT,
    at_once,
    count,
    counted,
    entry,
    never_version_1,
    of_servers,
    opened,
    put,
    remove,
    server,
    servers,
    told,
)


def test_what_is_committed_out_of_order_is_missed_by_no_replica(stores: list[Store]) -> None:
    one, other, reader = stores
    put(one, server("a/x"))
    with held(one, "a/x"):
        put(other, server("b/x"))  # begun later, and seen earlier
        assert counted(reader.get(SERVER, "a/x")) == 0
        assert reader.get(SERVER, "b/x") == server("b/x")
    assert counted(reader.get(SERVER, "a/x")) == 1


def test_a_transaction_that_stays_open_makes_no_replica_read_anything_twice(database: str, stores: list[Store]) -> None:
    one, reader, _ = stores
    put(one, server("a/x"))
    with connected(database) as somebody, somebody.transaction():
        somebody.execute("SELECT pg_current_xact_id()")  # holds the oldest transaction back
        put(one, server("b/x"))
        records = servers(reader)
        assert servers(reader) is records


def test_a_replica_that_is_far_behind_reads_all_in_pages(database: str) -> None:
    with contextlib.ExitStack() as resources:
        one, reader, late = [
            resources.enter_context(contextlib.closing(opened(database, most_changed=3, loaded=2))) for _ in range(3)
        ]
        for count_changed in (2, 3, 4, 9):
            put(one, *(server(f"a/{count_changed}-{number}") for number in range(count_changed)))
            remove(one, "a/2-0")
            assert reader.snapshot() == one.snapshot()
        assert late.snapshot() == one.snapshot()
        assert len(servers(late)) == 2 + 3 + 4 + 9 - 1


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
        assert counted(reader.get(SERVER, "a/x")) == expected


def test_processes_that_change_at_once_lose_no_update(database: str) -> None:
    child = [sys.executable, "-m", "tests.stores.child", "count", database, "50", "a/shared"]
    pipe = subprocess.PIPE
    with (
        contextlib.closing(opened(database)) as store,
        Program([*child, "a/1"], cwd=ROOT, stdin=pipe, stdout=pipe, text=True) as one,
        Program([*child, "a/2"], cwd=ROOT, stdin=pipe, stdout=pipe, text=True) as two,
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
        records = servers(store)
        assert {key: counted(one) for key, one in records.items()} == {
            "a/1": 50, "a/2": 50, "a/3": 50, "a/shared": 150,
        }  # fmt: skip
        revisions = [revision for revision, *_ in told(store)]
        assert revisions == sorted(set(revisions))


def test_a_revision_is_never_given_twice_however_many_processes_ask_at_once(database: str) -> None:
    """Each change gets as many that follow each other as it names servers."""
    given = list[int]()

    def report(store: Store, group: int) -> None:
        keys = [f"group-{group}/{number}" for number in range(40)]

        def decide(_before: Changes, first: int) -> Decision:
            revisions[:] = range(first, first + 40)
            return of_servers({key: server(key) for key in keys})

        for _ in range(20):
            revisions = list[int]()
            store.change([*map(ref, keys)], decide)
            given.extend(revisions)

    with contextlib.ExitStack() as resources:
        stores = [resources.enter_context(contextlib.closing(opened(database))) for _ in range(8)]
        at_once(*[lambda store=store, group=group: report(store, group) for group, store in enumerate(stores)])
    assert len(set(given)) == len(given) == 8 * 20 * 40


def test_ten_that_start_at_once_make_the_tables_once(database: str) -> None:
    with contextlib.ExitStack() as resources:
        stores = [resources.enter_context(contextlib.closing(opened(database))) for _ in range(10)]
        at_once(*[lambda store=store: count(store, "a/x") for store in stores])
        assert {counted(store.get(SERVER, "a/x")) for store in stores} == {10}
    with connected(database) as somebody:
        rows = somebody.execute("SELECT number FROM migrations ORDER BY number").fetchall()
    assert rows == [(number,) for number in range(1, len(MIGRATIONS) + 1)]


def test_a_dump_from_another_cluster_is_not_read_again_and_again(database: str) -> None:
    with contextlib.closing(opened(database)) as store:
        put(store, server("a/x"))
    with connected(database) as somebody, contextlib.closing(opened(database)) as store:
        somebody.execute("UPDATE records SET changed = '999999999999'")
        records = servers(store)
        assert records == {"a/x": server("a/x")}
        assert servers(store) is records
        remove(store, "a/x")
        assert servers(store) == {}


def test_commits_are_on_disk_also_where_the_database_is_set_to_promise_less(database: str) -> None:
    """The setting is seen from within the transaction."""
    with contextlib.closing(opened(f"{database}{quote(' -csynchronous_commit=off')}")) as store:
        put(store, server("a/x"))
        with connected(database) as somebody:
            somebody.execute("""
                CREATE TABLE seen (setting text);
                CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS $$
                BEGIN INSERT INTO seen VALUES (current_setting('synchronous_commit')); RETURN NULL; END $$;
                CREATE TRIGGER see AFTER UPDATE ON records FOR EACH ROW EXECUTE FUNCTION see()
            """)
            put(store, server("a/x"))
            assert somebody.execute("SELECT setting FROM seen").fetchall() == [("on",)]


@pytest.mark.parametrize("page", [1, 10_000])
def test_old_entries_go_but_the_last_of_each_server_that_is_there(database: str, page: int) -> None:
    passes = itertools.count(0, DAY)  # a day with each look
    store = PostgresStore(database, oldest=lambda: oldest[0], monotonic=passes.__next__, pages=Pages(pruned=page))
    oldest = [""]
    with contextlib.closing(store):
        put(store, server("a/x"), server("c/x"))
        for key, day in (("a/x", "01"), ("b/x", "02"), ("a/x", "03"), ("b/x", "04"), ("c/x", "05"), ("a/x", "08")):

            def decide(before: Changes, revision: int, key: str = key, day: str = day) -> Decision:
                return Decision(before, [entry(revision, key, f"2026-04-{day}")])

            store.change([ref(key)], decide)
        assert [key for _, key, *_ in told(store)] == ["a/x", "b/x", "a/x", "b/x", "c/x", "a/x"]
        oldest[0] = "2026-04-07T00:00:00Z"
        for _ in range(3):
            store.sweep()
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
    assert min(seconds) > 0


def test_the_driver_is_needed_only_where_a_database_is_the_store(database: str) -> None:
    program = f"""
import sys; sys.modules["psycopg"] = None
from pathlib import Path
from pydantic import SecretStr
from stores import open_store
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
            while len(queue) < 6:
                os.sched_yield()
        batch: list[Change] = list(take())
        commits.append([len(change.refs) for change in batch])
        return [KeyError() for _ in batch]

    def submit(number: int) -> None:
        with pytest.raises(KeyError):
            queue.submit([ref("a")] * number, lambda _before, _revision: Decision({}))

    def late(number: int) -> None:
        while not queue:
            os.sched_yield()
        come.release()
        submit(number)

    queue = CommitQueue(commit, most_refs=4)
    at_once(lambda: submit(9), *[lambda: late(2)] * 5)
    assert commits == [[9], [2, 2], [2, 2], [2]]
