"""What every store promises (the docstring of storage.Store) of several kinds, asked of each one we have."""

from typing import Any

import pytest

from domain.kinds import SERVER, Kind
from storage import Changes, Decision, Span, Store, Table
from tests.stores.clocks import Open
from tests.stores.kinds import PARCEL, TICK, parcel, parcel_event, ref, tick
from tests.stores.records import Refused, at_once, got, named, note, put, remove, server, told

OURS: tuple[Kind[Any], ...] = (SERVER, PARCEL, TICK)


def tables(store: Store) -> list[Table[object]]:
    return [store.snapshot().table(kind) for kind in OURS]


def test_a_table_is_the_same_object_until_a_record_of_its_kind_changes(store: Store) -> None:
    """So is all that was made of it: a parcel that moves renders no board."""
    note(store, ("a/x", "synced"), ("parcel:a/x", "here"), ("tick:a", "on"))
    for text in ("a/x", "parcel:a/x", "tick:a"):
        before = tables(store)
        records = [table.records for table in before]
        note(store, (text, "failed"))
        after = tables(store)
        is_same = [kind.name != ref(text).kind for kind in OURS]
        assert [one is other for one, other in zip(before, after, strict=True)] == is_same
        assert [one is table.records for one, table in zip(records, after, strict=True)] == is_same


def test_a_decision_that_gives_back_what_it_looked_at_changes_no_table_of_that(store: Store) -> None:
    note(store, ("a/x", "synced"), ("parcel:a/x", "here"))
    before = tables(store)

    def decide(known: Changes, revision: int) -> Decision:
        return Decision({**known, "parcel": {}, "tick": {"a": tick("a", revision)}})

    store.change([ref("a/x"), ref("parcel:a/x"), ref("tick:a")], decide)
    assert got(store, "tick:a") == tick("a", 3)
    assert [one is other for one, other in zip(before, tables(store), strict=True)] == [True, True, False]


def test_also_for_a_process_that_hears_of_it(open_it: Open) -> None:
    store, reader = open_it(), open_it()
    note(store, ("a/x", "synced"), ("parcel:a/x", "here"), ("tick:a", "on"))
    for text in ("a/x", "parcel:a/x", "tick:a"):
        before = tables(reader)
        note(store, (text, "failed"))
        is_same = [kind.name != ref(text).kind for kind in OURS]
        assert [one is other for one, other in zip(before, tables(reader), strict=True)] == is_same


def test_a_key_names_one_record_of_each_kind(store: Store) -> None:
    note(store, ("a/x", "synced"), ("parcel:a/x", "here"))
    assert (got(store, "a/x") or {})["status"] == "synced"
    assert got(store, "parcel:a/x") == parcel("a/x")
    remove(store, "a/x")
    assert got(store, "a/x") is None
    assert got(store, "parcel:a/x") == parcel("a/x")
    assert store.get(TICK, "a/x") is None


def test_a_decision_over_several_kinds_is_one_commit(store: Store) -> None:
    """Create a parcel only where the server exists."""

    def decide(before: Changes, revision: int) -> Decision:
        if before["server"]["a/x"] is None:
            raise Refused
        event = parcel_event(revision + 1, "a/1", "came", state="here")
        return Decision({"parcel": {"a/1": parcel("a/1")}, "tick": {"a": tick("a", revision)}}, [event])

    refs = [ref("a/x"), ref("parcel:a/1"), ref("tick:a")]
    with pytest.raises(Refused):
        store.change(refs, decide)
    assert [table.records for table in tables(store)] == [{}, {}, {}]
    assert told(store) == []
    put(store, server("a/x"))
    commit = store.change(refs, decide)
    assert commit.before == {"server": {"a/x": server("a/x")}, "parcel": {"a/1": None}, "tick": {"a": None}}
    assert commit.after == {"parcel": {"a/1": parcel("a/1")}, "tick": {"a": tick("a", 2)}}
    assert store.snapshot().revision == 4
    assert (got(store, "parcel:a/1"), got(store, "tick:a")) == (parcel("a/1"), tick("a", 2))
    assert told(store) == [(3, "parcel:a/1", "came", "here")]


@pytest.mark.parametrize("stored", ["parcel:a/2", "tick:a"])
def test_what_a_decision_did_not_name_it_cannot_store(store: Store, stored: str) -> None:
    """In a database nobody would have locked it, and nothing would be there to be written."""
    kind, key = ref(stored)
    with pytest.raises(KeyError):
        store.change([ref("parcel:a/1")], lambda _before, _revision: Decision({kind: {key: tick(key)}}))
    assert [table.records for table in tables(store)] == [{}, {}, {}]


def test_a_change_that_gives_back_the_records_of_all_kinds_is_no_commit(store: Store) -> None:
    note(store, ("a/x", "synced"), ("parcel:a/x", "here"), ("tick:a", "on"))
    before = store.snapshot()
    store.change([ref("a/x"), ref("parcel:a/x"), ref("tick:a")], lambda known, _revision: Decision(known))
    assert store.snapshot() == before


def test_a_table_is_sorted_by_part_then_key_and_gives_the_parts_that_are_wanted(store: Store) -> None:
    keys = ["a/x", "a/x-1", "a/y", "a-b/x", "b/x"]
    note(store, *[(f"parcel:{key}", "here") for key in reversed(keys)], ("tick:z", "on"), ("tick:b", "on"))
    table = store.snapshot().table(PARCEL)
    assert list(table.records) == keys
    assert {name: list(records) for name, records in table.parts.items()} == {
        "a": ["a/x", "a/x-1", "a/y"], "a-b": ["a-b/x"], "b": ["b/x"],
    }  # fmt: skip
    assert list(table.of(["b", "none", "a-b"])) == ["a-b/x", "b/x"]
    assert list(store.snapshot().table(TICK).records) == ["b", "z"]


def test_the_history_tells_of_each_kind_and_of_all_in_the_order_of_revisions(store: Store) -> None:
    note(store, ("a/x", "synced"), ("parcel:a/x", "here"), ("parcel:b/1", "here"))
    note(store, ("parcel:a/x", "there"), ("tick:a", "on"), ("a/x", "failed"))
    note(store, ("parcel:a/x", None))
    of_parcels = [(2, "parcel:a/x", "came", "here"), (3, "parcel:b/1", "came", "here"),
                  (4, "parcel:a/x", "moved", "there"), (7, "parcel:a/x", "deleted", "there")]  # fmt: skip
    of_servers = [(1, "a/x", "created", "synced"), (6, "a/x", "changed", "failed")]
    assert told(store) == sorted(of_parcels + of_servers)
    for kind, expected in (("parcel", of_parcels), ("server", of_servers), ("tick", [])):
        for after in range(8):
            later = [one[0] for one in expected if one[0] > after]
            span = Span(kind=kind, after=after)
            assert [one["revision"] for one in store.events(span)] == later
            assert [one["revision"] for one in store.events(span, newest_first=True)] == later[::-1]
    about = Span(about="a/x".__eq__)
    assert [named(one) for one in store.events(about)] == ["a/x", *["parcel:a/x"] * 2, "a/x", "parcel:a/x"]
    assert [one["revision"] for one in store.events(Span(about="a/x".__eq__, kind="parcel"))] == [2, 4, 7]


def test_the_state_in_force_is_told_of_one_kind(store: Store) -> None:
    note(store, ("a/x", "synced"), ("parcel:a/x", "here"), ("parcel:b/1", "here"), ("parcel:c/1", "here"))
    note(store, ("parcel:b/1", "there"), ("parcel:c/1", None), ("a/x", "failed"))
    late = "9999-12-31T23:59:59Z"
    assert [one["revision"] for one in store.in_force(PARCEL, late)] == [2, 5]
    assert [one["revision"] for one in store.in_force(PARCEL, late, "b/1".__eq__)] == [5]
    assert [one["revision"] for one in store.in_force(SERVER, late)] == [7]
    assert list(store.in_force(TICK, late)) == []


def test_what_is_restored_is_of_every_kind(store: Store) -> None:
    records: Changes = {"server": {"a/x": server("a/x")}, "parcel": {"a/1": parcel("a/1")}, "tick": {"a": tick("a", 3)}}
    store.restore(records, [parcel_event(2, "b/1", "came", state="here"), parcel_event(3, "b/1", "deleted")], 9)
    assert [dict(table.records) for table in tables(store)] == list(records.values())
    assert [named(one) for one in store.events()] == ["parcel:b/1"] * 2
    note(store, ("parcel:b/1", "here"))
    assert store.snapshot().revision > 9
    assert list(store.snapshot().table(PARCEL).records) == ["a/1", "b/1"]


def test_commits_of_several_kinds_at_once_lose_no_update(store: Store) -> None:
    """Some name the kinds in one order, some in the other."""

    def count(*texts: str) -> None:
        refs = [ref(text) for text in texts]

        def decide(before: Changes, _revision: int) -> Decision:
            known = before["tick"]["shared"]
            return Decision({"tick": {"shared": tick("shared", (known["count"] if known else 0) + 1)}})

        for _ in range(10):
            store.change(refs, decide)

    texts = ["a/x", "parcel:a/x", "tick:shared"]
    at_once(*[lambda: count(*texts)] * 4, *[lambda: count(*texts[::-1])] * 4)
    assert got(store, "tick:shared") == tick("shared", 80)
    assert store.snapshot().revision == 240
