"""What every store promises (the docstring of storage.Store) to many threads at once, asked of each one we have."""

import threading
from collections.abc import Callable

import pytest

from domain.kinds import SERVER
from storage import Changes, Decision, Store
from tests.stores.kinds import ref
from tests.stores.records import Refused, at_once, count, counted, of_servers, put, refuse, server, servers


def test_many_threads_lose_no_update_of_one_key(store: Store) -> None:
    at_once(*[lambda: [count(store, "a/x") for _ in range(20)]] * 8)
    assert counted(store.get(SERVER, "a/x")) == 160
    assert store.snapshot().revision == 160


def test_many_threads_lose_no_update_of_shared_and_own_keys(store: Store) -> None:
    def counting(own: str) -> Callable[[], object]:
        return lambda: [count(store, own, "shared/x") for _ in range(10)]

    at_once(*[counting(f"own/{number}") for number in range(8)])
    records = servers(store)
    assert {key: counted(record) for key, record in records.items()} == {
        **{f"own/{number}": 10 for number in range(8)},
        "shared/x": 80,
    }
    assert store.snapshot().revision == 160


def test_a_revision_is_never_given_twice_however_many_ask_at_once(store: Store) -> None:
    kept = dict[str, int]()

    def report(key: str) -> None:
        def decide(_before: Changes, revision: int) -> Decision:
            return of_servers({key: server(key, revision=revision)})

        for turn in range(10):
            stored = store.change([ref(key)], decide).after[SERVER.name][key]
            assert stored is not None
            kept[f"{key} {turn}"] = stored["revision"]

    at_once(*[lambda key=f"a/{number}": report(key) for number in range(8)])
    assert sorted(kept.values()) == list(range(1, 81))


def test_a_refused_change_does_no_harm_to_those_that_share_its_commit(store: Store) -> None:
    """The first change is held until all others have come, so that those wait, and are committed, together."""
    come, refused = threading.Semaphore(0), list[int]()

    def first() -> None:
        def decide(_before: Changes, _revision: int) -> Decision:
            for _ in range(16):
                come.acquire()
            come.release(16)  # it may be asked again
            return of_servers({"a/first": server("a/first")})

        store.change([ref("a/first")], decide)

    def other(number: int) -> None:
        come.release()
        if number % 2:
            count(store, f"a/{number}", "shared/x")
        else:
            with pytest.raises(Refused):
                store.change([ref(f"a/{number}"), ref("shared/x")], refuse)
            refused.append(number)

    at_once(first, *[lambda number=number: other(number) for number in range(16)])
    assert sorted(refused) == list(range(0, 16, 2))
    records = servers(store)
    assert records.keys() == {"a/first", "shared/x", *(f"a/{number}" for number in range(1, 16, 2))}
    assert counted(records["shared/x"]) == 8
    assert store.snapshot().revision == 1 + 2 * 8


def test_a_thread_reads_what_was_acknowledged_before(store: Store) -> None:
    def write_and_read(key: str) -> None:
        for turn in range(1, 11):
            count(store, key)
            assert counted(store.get(SERVER, key)) == turn
            assert counted(servers(store)[key]) == turn

    at_once(*[lambda key=f"a/{number}": write_and_read(key) for number in range(6)])


def test_a_snapshot_never_shows_half_of_a_commit_and_its_revision_never_goes_back(store: Store) -> None:
    """The records that are always changed together are always seen alike, and belong to the revision."""
    keys = ["a/x", "b/x", "c/x"]
    put(store, *(server(key) for key in keys))
    is_over = threading.Event()

    def write() -> None:
        try:
            for _ in range(60):
                count(store, *keys)
        finally:
            is_over.set()

    def read() -> None:
        last = 0
        while not is_over.is_set():
            snapshot = store.snapshot()
            counts = {counted(snapshot.table(SERVER).records[key]) for key in keys}
            assert len(counts) == 1
            assert snapshot.revision == 3 + 3 * counts.pop()
            assert snapshot.revision >= last
            last = snapshot.revision

    at_once(write, read, read)


def test_checks_and_changes_do_not_wait_for_each_other(store: Store) -> None:
    """Each takes two locks; a probe that took them in the other order would stand still with a commit, for ever."""

    def change() -> None:
        for _ in range(150):
            count(store, "a/x")

    def check() -> None:
        for _ in range(150):
            store.check()

    threads = [threading.Thread(target=task, daemon=True) for task in (change, change, check, check)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert not any(thread.is_alive() for thread in threads)
    assert counted(store.get(SERVER, "a/x")) == 300
