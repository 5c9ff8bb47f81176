"""What every store promises (the docstring of storage.Store), asked of each one we have."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest

from domain.history import Entry
from storage import Changes, Decision, Span, Store
from storage.json_file import JsonFileStore
from tests.memory_store import MemoryStore, snapshot_of
from tests.storage.records import (
    at_once,
    count,
    counted,
    entry,
    keep_in_journal,
    note,
    opened,
    put,
    remove,
    server,
    told,
)


class Refused(Exception):
    """What a decision raises."""


def _refuse(_before: Changes, _revision: int) -> NoReturn:
    raise Refused


@pytest.fixture(params=["memory", "file", "journal", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """The plain store; the file, brought up to date with each commit; the file that never is, but by its journal; and
    the database."""
    if request.param == "memory":
        yield MemoryStore()
        return
    store = opened(request.getfixturevalue("database") if request.param == "postgres" else tmp_path / "status.json")
    if request.param == "journal":
        keep_in_journal(store)
    yield store
    store.close()


def test_a_new_store_is_empty(store: Store) -> None:
    assert store.snapshot() == snapshot_of(0, {})
    assert store.get("web/web-01") is None


def test_a_change_creates_updates_and_deletes_and_tells_the_records_before_and_after(store: Store) -> None:
    first, second = server("web/web-01"), server("web/web-01", status="failed")

    created = put(store, first)
    assert (created.before, created.after) == ({"web/web-01": None}, {"web/web-01": first})
    assert store.get("web/web-01") == first

    updated = put(store, second)
    assert (updated.before, updated.after) == ({"web/web-01": first}, {"web/web-01": second})
    assert store.get("web/web-01") == second

    deleted = remove(store, "web/web-01")
    assert (deleted.before, deleted.after) == ({"web/web-01": second}, {"web/web-01": None})
    assert store.get("web/web-01") is None
    assert store.snapshot().records == {}


def test_a_change_leaves_every_other_record_alone(store: Store) -> None:
    put(store, server("web/web-01"), server("web/web-02"))
    put(store, server("web/web-02", status="failed"))
    remove(store, "web/web-02")
    assert store.snapshot().records == {"web/web-01": server("web/web-01")}


def test_deleting_what_is_not_there_is_no_error(store: Store) -> None:
    assert remove(store, "web/web-01").before == {"web/web-01": None}
    assert store.snapshot().records == {}


def test_a_decision_gets_the_records_of_its_keys_only(store: Store) -> None:
    put(store, server("web/web-01"), server("web/web-02"))
    seen = list[Changes]()

    def decide(before: Changes, _revision: int) -> Decision:
        seen.append(dict(before))
        return Decision({})

    store.change(["web/web-01", "db/db-01"], decide)
    assert seen[-1] == {"web/web-01": server("web/web-01"), "db/db-01": None}


def test_the_revision_grows_by_one_for_each_named_key_and_the_decision_gets_the_first(store: Store) -> None:
    firsts = list[int]()
    for keys in (["a/x"], ["a/x", "b/x", "c/x"], ["a/x", "a/x"], ["b/x"]):

        def decide(_before: Changes, revision: int, keys: list[str] = keys) -> Decision:
            firsts.append(revision)
            return Decision({key: server(key, revision=revision) for key in keys})

        store.change(keys, decide)
    assert firsts == [1, 2, 5, 7]
    assert store.snapshot().revision == 7


def test_a_deletion_takes_a_revision_too(store: Store) -> None:
    put(store, server("a/x"))
    remove(store, "a/x")
    assert store.snapshot().revision == 2


def test_what_a_decision_raises_reaches_its_caller_and_stores_nothing(store: Store) -> None:
    put(store, server("a/x"))
    before = store.snapshot()
    with pytest.raises(Refused):
        store.change(["a/x", "b/x"], _refuse)
    assert store.snapshot() == before


def test_a_change_whose_thread_is_ended_does_not_stop_the_next(store: Store) -> None:
    def end(_before: object, _revision: int) -> Decision:
        raise SystemExit

    with pytest.raises(SystemExit):
        store.change(["a/x"], end)
    put(store, server("a/x"))
    assert store.get("a/x") == server("a/x")


def test_a_refused_change_consumes_no_revision(store: Store) -> None:
    put(store, server("a/x"))
    with pytest.raises(Refused):
        store.change(["a/x", "b/x"], _refuse)
    given = list[int]()

    def decide(_before: Changes, revision: int) -> Decision:
        given.append(revision)
        return Decision({})

    store.change(["a/x"], decide)
    assert given[-1] == 2


def test_a_change_of_many_keys_is_all_or_nothing(store: Store) -> None:
    put(store, server("a/x", status="synced"))

    def decide(before: Changes, _revision: int) -> Decision:
        after = dict(before)
        for key in before:
            if key == "c/x":
                raise Refused
            after[key] = server(key, status="failed")
        return Decision(after)

    with pytest.raises(Refused):
        store.change(["a/x", "b/x", "c/x"], decide)
    assert store.snapshot().records == {"a/x": server("a/x", status="synced")}


def test_a_snapshot_is_sorted_by_group_and_then_by_host(store: Store) -> None:
    """The order of names, not of keys: `-` and `.` come before the `/` of a key."""
    keys = ["a/x", "a/x-1", "a/y", "a-b/x", "a.b/x", "a1/x", "b/X", "b/x"]
    for key in reversed(keys):
        put(store, server(key))
    assert list(store.snapshot().records) == keys
    remove(store, "a-b/x")
    put(store, server("a-b/x"), server("A/x"))
    assert list(store.snapshot().records) == ["A/x", *keys]


def test_a_snapshot_knows_the_servers_of_each_group_that_has_some(store: Store) -> None:
    put(store, server("b/y"), server("a/z"), server("c/x"), server("b/x"), server("a-b/x"))
    remove(store, "c/x")
    snapshot = store.snapshot()
    assert {name: list(records) for name, records in snapshot.groups.items()} == {
        "a": ["a/z"], "a-b": ["a-b/x"], "b": ["b/x", "b/y"],
    }  # fmt: skip
    assert list(snapshot.of({"b", "c", "a"})) == ["a/z", "b/x", "b/y"]


def test_a_snapshot_stays_as_it_was_when_later_commits_come(store: Store) -> None:
    put(store, server("a/x", status="synced"), server("b/x"))
    snapshot = store.snapshot()
    put(store, server("a/x", status="failed"), server("c/x"))
    remove(store, "b/x")
    assert snapshot == snapshot_of(2, {"a/x": server("a/x", status="synced"), "b/x": server("b/x")})


def test_the_same_reading_gives_the_same_object_until_something_changes(store: Store) -> None:
    """Ready answers are kept for as long as that object lives."""
    put(store, server("a/x"))
    records = store.snapshot().records
    assert store.snapshot().records is records
    put(store, server("a/x"))
    assert store.snapshot().records is not records


def test_many_threads_lose_no_update_of_one_key(store: Store) -> None:
    at_once(*[lambda: [count(store, "a/x") for _ in range(20)]] * 8)
    assert counted(store.get("a/x")) == 160
    assert store.snapshot().revision == 160


def test_many_threads_lose_no_update_of_shared_and_own_keys(store: Store) -> None:
    def counting(own: str) -> Callable[[], object]:
        return lambda: [count(store, own, "shared/x") for _ in range(10)]

    at_once(*[counting(f"own/{number}") for number in range(8)])
    records = store.snapshot().records
    assert {key: counted(record) for key, record in records.items()} == {
        **{f"own/{number}": 10 for number in range(8)},
        "shared/x": 80,
    }
    assert store.snapshot().revision == 160


def test_a_revision_is_never_given_twice_however_many_ask_at_once(store: Store) -> None:
    kept = dict[str, int]()

    def report(key: str) -> None:
        def decide(_before: Changes, revision: int) -> Decision:
            return Decision({key: server(key, revision=revision)})

        for turn in range(10):
            stored = store.change([key], decide).after[key]
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
            return Decision({"a/first": server("a/first")})

        store.change(["a/first"], decide)

    def other(number: int) -> None:
        come.release()
        if number % 2:
            count(store, f"a/{number}", "shared/x")
        else:
            with pytest.raises(Refused):
                store.change([f"a/{number}", "shared/x"], _refuse)
            refused.append(number)

    at_once(first, *[lambda number=number: other(number) for number in range(16)])
    assert sorted(refused) == list(range(0, 16, 2))
    records = store.snapshot().records
    assert records.keys() == {"a/first", "shared/x", *(f"a/{number}" for number in range(1, 16, 2))}
    assert counted(records["shared/x"]) == 8
    assert store.snapshot().revision == 1 + 2 * 8


def test_a_thread_reads_what_was_acknowledged_before(store: Store) -> None:
    def write_and_read(key: str) -> None:
        for turn in range(1, 11):
            count(store, key)
            assert counted(store.get(key)) == turn
            assert counted(store.snapshot().records[key]) == turn

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
            counts = {counted(snapshot.records[key]) for key in keys}
            assert len(counts) == 1
            assert snapshot.revision == 3 + 3 * counts.pop()
            assert snapshot.revision >= last
            last = snapshot.revision

    at_once(write, read, read)


def test_the_history_tells_each_change_once_in_the_order_of_its_revision(store: Store) -> None:
    assert told(store) == []
    note(store, ("a/x", "synced"), ("b/x", "failed"))
    note(store, ("a/x", "synced"))  # a heartbeat
    note(store, ("a/x", "failed"), ("a/x", "synced"))
    note(store, ("b/x", None))
    expected = [
        (1, "a/x", "created", "synced"),
        (2, "b/x", "created", "failed"),
        (4, "a/x", "changed", "failed"),
        (5, "a/x", "changed", "synced"),
        (6, "b/x", "deleted", "failed"),
    ]
    assert told(store) == expected
    for after in range(8):
        assert told(store, after) == [entry for entry in expected if entry[0] > after]


def test_what_is_restored_keeps_its_revisions_and_those_given_later_are_greater(store: Store) -> None:
    """In parts, of which each is there at once, for who reads and for who looks for one server that is gone."""
    kept = server("a/x", revision=7)
    store.restore({"a/x": kept}, [entry(2, "a/x", "2026-04-01"), entry(3, "b/x", "2026-04-02")], 9)
    assert store.get("a/x") == kept
    store.restore({}, [entry(8, "b/x", "2026-04-03", "deleted")], 9)
    assert [one["revision"] for one in store.events()] == [2, 3, 8]
    assert [one["revision"] for one in store.events(span=Span(about="b/x".__eq__))] == [3, 8]
    assert [one["revision"] for one in store.in_force("2026-04-03T00:00:00Z")] == [2, 3]
    assert store.snapshot().revision >= 9
    note(store, ("a/x", "failed"))
    assert store.snapshot().records.keys() == {"a/x"}
    assert [one["revision"] for one in store.events()][:3] == [2, 3, 8]
    assert list(store.events())[3]["revision"] > 9


def test_a_refused_change_leaves_no_entry(store: Store) -> None:
    note(store, ("a/x", "synced"))
    with pytest.raises(Refused):
        store.change(["a/x"], _refuse)
    note(store, ("a/x", "failed"))
    assert told(store) == [(1, "a/x", "created", "synced"), (2, "a/x", "changed", "failed")]


def test_an_entry_is_there_when_its_record_is_and_each_once_while_others_write(store: Store) -> None:
    """A snapshot is followed by a reading of the history: all that led to the one stands in the other."""
    is_over = threading.Event()

    def write() -> None:
        try:
            for turn in range(60):
                note(store, ("a/x", ("synced", "failed")[turn % 2]), ("b/x", ("failed", "synced")[turn % 2]))
        finally:
            is_over.set()

    def read() -> None:
        while not is_over.is_set():
            revision = store.snapshot().revision
            seen = [entry[0] for entry in told(store)]
            assert seen == list(range(1, len(seen) + 1))
            assert len(seen) >= revision

    at_once(write, read)
    assert len(told(store)) == 120


def test_a_history_that_is_read_slowly_misses_nothing_that_was_there_when_it_began(store: Store) -> None:
    note(store, ("a/x", "synced"))
    note(store, ("a/x", "failed"))
    reading = store.events()
    first = next(reading)
    store.close()  # what was in the journal moves to the history
    note(store, ("a/x", "synced"))
    assert [first["revision"], *(entry["revision"] for entry in reading)][:2] == [1, 2]


def test_a_check_changes_nothing(store: Store) -> None:
    put(store, server("a/x"))
    before = store.snapshot()
    store.check()
    assert store.snapshot() == before


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
    assert counted(store.get("a/x")) == 300


def test_closing_loses_nothing_and_is_allowed_twice(store: Store) -> None:
    store.close()
    put(store, server("a/x"))
    store.close()
    store.close()
    assert store.get("a/x") == server("a/x")


def test_a_file_opened_again_tells_the_same(tmp_path: Path) -> None:
    """What stands in the history's file and what waits in the journal."""
    path = tmp_path / "status.json"
    store = opened(path)
    note(store, ("a/x", "synced"))
    keep_in_journal(store)
    note(store, ("a/x", "failed"), ("b/x", "synced"))
    assert path.with_name("status.json.history").read_bytes().count(b"\n") == 1
    expected = [(1, "a/x", "created", "synced"), (2, "a/x", "changed", "failed"), (3, "b/x", "created", "synced")]
    assert told(opened(path)) == told(store) == expected
    store.close()
    assert path.with_name("status.json.history").read_bytes().count(b"\n") == 3
    assert told(opened(path)) == told(store) == expected


def days(store: Store) -> None:
    """An entry a day: a server that stays, one that goes, and one that comes again."""
    for day, key, event in (
        ("01", "a/a", "created"), ("02", "b/b", "created"), ("03", "a/a", "changed"), ("04", "b/b", "deleted"),
        ("05", "c-c/c", "created"), ("06", "b/b", "created"),
    ):  # fmt: skip

        def decide(_before: Changes, revision: int, day: str = day, key: str = key, event: Any = event) -> Decision:
            return Decision({}, [entry(revision, key, f"2026-04-{day}", event)])

        store.change([key], decide)


def found(entries: Iterator[Entry]) -> list[int]:
    return [one["revision"] for one in entries]


@pytest.mark.parametrize(
    ("span", "revisions"),
    [
        (Span(), [1, 2, 3, 4, 5, 6]),
        (Span(since="2026-04-03T00:00:00Z"), [3, 4, 5, 6]),
        (Span(since="2026-04-03T00:00:01Z"), [4, 5, 6]),
        (Span(until="2026-04-03T00:00:00Z"), [1, 2, 3]),
        (Span(until="2026-04-02T23:59:59Z"), [1, 2]),
        (Span("2026-04-03T00:00:00Z", "2026-04-05T00:00:00Z"), [3, 4, 5]),
        (Span("2026-04-05T00:00:00Z", "2026-04-03T00:00:00Z"), []),
        (Span(about=lambda key: key == "b/b"), [2, 4, 6]),
        (Span("2026-04-03T00:00:00Z", about=lambda key: key != "b/b"), [3, 5]),
        (Span(about=lambda _key: False), []),
    ],
)
def test_the_history_of_a_span_from_either_end(store: Store, span: Span, revisions: list[int]) -> None:
    assert found(store.events(span=span)) == []
    days(store)
    assert found(store.events(span=span)) == revisions
    assert found(store.events(span=span, newest_first=True)) == revisions[::-1]
    assert found(store.events(3, span)) == [revision for revision in revisions if revision > 3]
    assert found(store.events(3, span, newest_first=True)) == [one for one in revisions[::-1] if one > 3]


@pytest.mark.parametrize(
    ("time", "revisions"),
    [
        ("2026-04-01T00:00:00Z", []),
        ("2026-04-01T00:00:01Z", [1]),
        ("2026-04-03T00:00:00Z", [1, 2]),
        ("2026-04-04T00:00:00Z", [2, 3]),
        ("2026-04-05T00:00:00Z", [3]),
        ("2026-04-09T00:00:00Z", [3, 5, 6]),
    ],
)
def test_the_state_in_force_just_before_a_time(store: Store, time: str, revisions: list[int]) -> None:
    assert found(store.in_force(time)) == []
    days(store)
    assert found(store.in_force(time)) == revisions
    assert found(store.in_force(time, lambda key: key == "b/b")) == [one for one in revisions if one in (2, 6)]


def test_a_reading_of_the_history_shows_what_was_told_before_it_began(store: Store) -> None:
    for number in range(1, 6):
        note(store, ("a/a", "synced" if number % 2 else "failed"))
        assert found(store.events(newest_first=True)) == list(range(number, 0, -1))
        assert found(store.in_force("2027-01-01T00:00:00Z")) == [number]


def test_the_journal_has_a_size_once_something_is_committed_to_it(store: Store) -> None:
    assert store.journal_size() == 0
    put(store, server("a/x"))
    assert (store.journal_size() > 0) is isinstance(store, JsonFileStore)
