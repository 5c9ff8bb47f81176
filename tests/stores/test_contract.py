"""What every store promises (the docstring of storage.Store) of records and snapshots, asked of each one we have."""

from typing import Any

import pytest

from domain.kinds import SERVER
from storage import Changes, Commit, Decision, Store
from stores.json_file.store import JsonFileStore
from tests.memory_store import snapshot_of
from tests.stores.kinds import ref
from tests.stores.records import (
    Refused,
    at_once,
    count,
    counted,
    entry,
    of_servers,
    put,
    refuse,
    remove,
    server,
    servers,
)


def both(commit: Commit) -> tuple[Any, Any]:
    """The servers before and after."""
    return commit.before[SERVER.name], commit.after[SERVER.name]


def test_a_new_store_is_empty(store: Store) -> None:
    assert store.snapshot() == snapshot_of(0, {})
    assert store.get(SERVER, "web/web-01") is None


def test_a_change_creates_updates_and_deletes_and_tells_the_records_before_and_after(store: Store) -> None:
    first, second = server("web/web-01"), server("web/web-01", status="failed")

    created = put(store, first)
    assert both(created) == ({"web/web-01": None}, {"web/web-01": first})
    assert store.get(SERVER, "web/web-01") == first

    updated = put(store, second)
    assert both(updated) == ({"web/web-01": first}, {"web/web-01": second})
    assert store.get(SERVER, "web/web-01") == second

    deleted = remove(store, "web/web-01")
    assert both(deleted) == ({"web/web-01": second}, {"web/web-01": None})
    assert store.get(SERVER, "web/web-01") is None
    assert servers(store) == {}


def test_a_change_leaves_every_other_record_alone(store: Store) -> None:
    put(store, server("web/web-01"), server("web/web-02"))
    put(store, server("web/web-02", status="failed"))
    remove(store, "web/web-02")
    assert servers(store) == {"web/web-01": server("web/web-01")}


def test_deleting_what_is_not_there_is_no_error(store: Store) -> None:
    assert both(remove(store, "web/web-01"))[0] == {"web/web-01": None}
    assert servers(store) == {}


def test_a_decision_gets_the_records_of_its_keys_only(store: Store) -> None:
    put(store, server("web/web-01"), server("web/web-02"))
    seen = list[Changes]()

    def decide(before: Changes, _revision: int) -> Decision:
        seen.append(before)
        return Decision({})

    store.change([ref("web/web-01"), ref("db/db-01")], decide)
    assert seen[-1] == {SERVER.name: {"web/web-01": server("web/web-01"), "db/db-01": None}}


def test_the_revision_grows_by_one_for_each_named_key_and_the_decision_gets_the_first(store: Store) -> None:
    firsts = list[int]()
    for keys in (["a/x"], ["a/x", "b/x", "c/x"], ["a/x", "a/x"], ["b/x"]):

        def decide(_before: Changes, revision: int, keys: list[str] = keys) -> Decision:
            firsts.append(revision)
            return of_servers({key: server(key, revision=revision) for key in keys})

        store.change([*map(ref, keys)], decide)
    assert firsts == [1, 2, 5, 7]
    assert store.snapshot().revision == 7


def test_a_change_that_changes_nothing_is_no_commit(store: Store) -> None:
    put(store, server("a/x"))
    before, journal = store.snapshot(), store.journal_size()

    commit = store.change([ref("a/x"), ref("b/x")], lambda known, _revision: Decision(known))

    assert both(commit) == ({"a/x": server("a/x"), "b/x": None}, {"a/x": server("a/x"), "b/x": None})
    assert store.snapshot() == before
    assert servers(store) is before.table(SERVER).records
    assert store.journal_size() == journal


def test_a_change_of_the_history_alone_is_one(store: Store) -> None:
    put(store, server("a/x"))
    one = entry(2, "a/x", "2026-04-27")
    store.change([ref("a/x")], lambda known, _revision: Decision(known, [one]))
    assert list(store.events()) == [one]
    assert store.snapshot().revision == 2


def test_changes_that_change_nothing_share_a_commit_with_those_that_do(store: Store) -> None:
    put(store, server("a/x"), server("b/x"))
    keeping = [lambda: store.change([ref("a/x")], lambda known, _revision: Decision(known))] * 4
    at_once(*keeping, *[lambda: count(store, "b/x")] * 4)
    assert store.get(SERVER, "a/x") == server("a/x")
    assert counted(store.get(SERVER, "b/x")) == 4
    assert store.snapshot().revision == 6


def test_a_deletion_takes_a_revision_too(store: Store) -> None:
    put(store, server("a/x"))
    remove(store, "a/x")
    assert store.snapshot().revision == 2


def test_what_a_decision_raises_reaches_its_caller_and_stores_nothing(store: Store) -> None:
    put(store, server("a/x"))
    before = store.snapshot()
    with pytest.raises(Refused):
        store.change([ref("a/x"), ref("b/x")], refuse)
    assert store.snapshot() == before


def test_a_change_whose_thread_is_ended_does_not_stop_the_next(store: Store) -> None:
    def end(_before: object, _revision: int) -> Decision:
        raise SystemExit

    with pytest.raises(SystemExit):
        store.change([ref("a/x")], end)
    put(store, server("a/x"))
    assert store.get(SERVER, "a/x") == server("a/x")


def test_a_refused_change_consumes_no_revision(store: Store) -> None:
    put(store, server("a/x"))
    with pytest.raises(Refused):
        store.change([ref("a/x"), ref("b/x")], refuse)
    given = list[int]()

    def decide(_before: Changes, revision: int) -> Decision:
        given.append(revision)
        return Decision({})

    store.change([ref("a/x")], decide)
    assert given[-1] == 2


def test_a_change_of_many_keys_is_all_or_nothing(store: Store) -> None:
    put(store, server("a/x", status="synced"))

    def decide(before: Changes, _revision: int) -> Decision:
        after = dict(before[SERVER.name])
        for key in before[SERVER.name]:
            if key == "c/x":
                raise Refused
            after[key] = server(key, status="failed")
        return of_servers(after)

    with pytest.raises(Refused):
        store.change([ref("a/x"), ref("b/x"), ref("c/x")], decide)
    assert servers(store) == {"a/x": server("a/x", status="synced")}


def test_a_snapshot_is_sorted_by_group_and_then_by_host(store: Store) -> None:
    """The order of names, not of keys: `-` and `.` come before the `/` of a key."""
    keys = ["a/x", "a/x-1", "a/y", "a-b/x", "a.b/x", "a1/x", "b/X", "b/x"]
    for key in reversed(keys):
        put(store, server(key))
    assert list(servers(store)) == keys
    remove(store, "a-b/x")
    put(store, server("a-b/x"), server("A/x"))
    assert list(servers(store)) == ["A/x", *keys]


def test_a_snapshot_knows_the_servers_of_each_group_that_has_some(store: Store) -> None:
    put(store, server("b/y"), server("a/z"), server("c/x"), server("b/x"), server("a-b/x"))
    remove(store, "c/x")
    table = store.snapshot().table(SERVER)
    assert {name: list(records) for name, records in table.parts.items()} == {
        "a": ["a/z"], "a-b": ["a-b/x"], "b": ["b/x", "b/y"],
    }  # fmt: skip
    assert list(table.of({"b", "c", "a"})) == ["a/z", "b/x", "b/y"]


def test_a_snapshot_stays_as_it_was_when_later_commits_come(store: Store) -> None:
    put(store, server("a/x", status="synced"), server("b/x"))
    snapshot = store.snapshot()
    put(store, server("a/x", status="failed"), server("c/x"))
    remove(store, "b/x")
    assert snapshot == snapshot_of(2, {"a/x": server("a/x", status="synced"), "b/x": server("b/x")})


def test_the_same_reading_gives_the_same_object_until_something_changes(store: Store) -> None:
    """Ready answers are kept for as long as that object lives."""
    put(store, server("a/x"))
    records = servers(store)
    assert servers(store) is records
    put(store, server("a/x"))
    assert servers(store) is not records


def test_a_check_changes_nothing(store: Store) -> None:
    put(store, server("a/x"))
    before = store.snapshot()
    store.check()
    assert store.snapshot() == before


def test_closing_loses_nothing_and_is_allowed_twice(store: Store) -> None:
    store.close()
    put(store, server("a/x"))
    store.close()
    store.close()
    assert store.get(SERVER, "a/x") == server("a/x")


def test_the_journal_has_a_size_once_something_is_committed_to_it(store: Store) -> None:
    assert store.journal_size() == 0
    put(store, server("a/x"))
    assert (store.journal_size() > 0) is isinstance(store, JsonFileStore)
