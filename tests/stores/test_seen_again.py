"""A server that was deleted and is seen again, by a clock that was set back in between."""

import pytest

from domain.history import deletion_entry
from domain.kinds import SERVER
from tests.stores.clocks import LATE, MONTH, Clock, Open, report
from tests.stores.kinds import ref
from tests.stores.records import of_servers


@pytest.mark.parametrize("seconds", [1, 40, 60, 61, MONTH])
@pytest.mark.parametrize("is_started_later", [False, True], ids=["that went on", "that was started later"])
@pytest.mark.parametrize("is_read_between", [False, True], ids=["at once", "after a reading"])
def test_a_server_is_not_seen_again_before_it_was_deleted(
    open_it: Open, clock: Clock, seconds: int, is_started_later: bool, is_read_between: bool
) -> None:
    """By a clock that is set back in between, for whichever store and process."""
    store = open_it()
    report(store, clock, "a/x")
    clock.now += seconds
    gone = store.get(SERVER, "a/x")
    assert gone
    store.change(
        [ref("a/x")],
        lambda _before, revision: of_servers({"a/x": None}, [deletion_entry(gone, revision, clock.text())]),
    )
    clock.now -= seconds
    if is_started_later:
        store = open_it()
    if is_read_between:
        assert len(list(store.events())) == 2
    report(store, clock, "a/x", "failed")
    clock.now += 5
    report(store, clock, "a/x", "synced")
    for one in (store, open_it()):
        clock.now += 100
        entries = list(one.events())
        assert [entry["event"] for entry in entries] == ["created", "deleted", "created", "changed"]
        assert [entry["time"] for entry in entries] == sorted(entry["time"] for entry in entries)
        assert [entry["status"] for entry in one.in_force(SERVER, LATE)] == ["synced"]
        record = one.get(SERVER, "a/x")
        assert record
        assert record["timestamp"] == entries[-1]["time"]
        assert record["first_seen"] == entries[2]["time"]
