"""What every store promises (the docstring of storage.Store) of the history, asked of each one we have."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from domain.history import Entry
from domain.kinds import SERVER
from storage import Changes, Decision, Span, Store
from tests.stores.kinds import ref
from tests.stores.records import Refused, at_once, entry, keep_in_journal, note, opened, refuse, server, servers, told


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
    store.restore({SERVER.name: {"a/x": kept}}, [entry(2, "a/x", "2026-04-01"), entry(3, "b/x", "2026-04-02")], 9)
    assert store.get(SERVER, "a/x") == kept
    store.restore({}, [entry(8, "b/x", "2026-04-03", "deleted")], 9)
    assert [one["revision"] for one in store.events()] == [2, 3, 8]
    assert [one["revision"] for one in store.events(Span(about="b/x".__eq__))] == [3, 8]
    assert [one["revision"] for one in store.in_force(SERVER, "2026-04-03T00:00:00Z")] == [2, 3]
    assert store.snapshot().revision >= 9
    note(store, ("a/x", "failed"))
    assert servers(store).keys() == {"a/x"}
    assert [one["revision"] for one in store.events()][:3] == [2, 3, 8]
    assert list(store.events())[3]["revision"] > 9


def test_a_refused_change_leaves_no_entry(store: Store) -> None:
    note(store, ("a/x", "synced"))
    with pytest.raises(Refused):
        store.change([ref("a/x")], refuse)
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

        store.change([ref(key)], decide)


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
    assert found(store.events(span)) == []
    days(store)
    assert found(store.events(span)) == revisions
    assert found(store.events(span, newest_first=True)) == revisions[::-1]
    after = replace(span, after=3)
    assert found(store.events(after)) == [revision for revision in revisions if revision > 3]
    assert found(store.events(after, newest_first=True)) == [one for one in revisions[::-1] if one > 3]


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
    assert found(store.in_force(SERVER, time)) == []
    days(store)
    assert found(store.in_force(SERVER, time)) == revisions
    assert found(store.in_force(SERVER, time, lambda key: key == "b/b")) == [one for one in revisions if one in (2, 6)]


def test_a_reading_of_the_history_shows_what_was_told_before_it_began(store: Store) -> None:
    for number in range(1, 6):
        note(store, ("a/a", "synced" if number % 2 else "failed"))
        assert found(store.events(newest_first=True)) == list(range(number, 0, -1))
        assert found(store.in_force(SERVER, "2027-01-01T00:00:00Z")) == [number]
