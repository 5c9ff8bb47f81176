"""The promises about time hold for every kind: nothing lies ahead, nothing runs backwards, and what is old goes."""

from collections.abc import Callable
from pathlib import Path

import pytest

from domain.kinds import Event
from domain.times import time_text
from storage import Changes, Decision, Store
from stores.retention import DAY, Mark, MarkFile, Retention
from tests.stores.clocks import MONTH, Clock, Open
from tests.stores.kinds import NOW, PARCEL, parcel, parcel_event, ref
from tests.stores.records import got, named, opened, put, server, servers

OLDEST = "2026-04-10T00:00:00Z"


def move(store: Store, clock: Callable[[], float], key: str, state: str | None) -> None:
    """What happens to a parcel now."""

    def decide(before: Changes, revision: int) -> Decision:
        now, known = time_text(int(clock())), before["parcel"][key]
        event = "deleted" if state is None else "moved" if known else "came"
        new = parcel(key, state, now) if state else None
        return Decision({"parcel": {key: new}}, [parcel_event(revision, key, event, now, state=state or "")])

    store.change([ref(f"parcel:{key}")], decide)


def told(store: Store) -> list[tuple[str, str, str]]:
    return [(named(one), one["event"], one["time"]) for one in store.events()]


@pytest.mark.parametrize("is_started_later", [False, True], ids=["that went on", "that was started later"])
def test_a_time_of_any_kind_that_lies_ahead_is_brought_back(
    open_it: Open, clock: Clock, is_started_later: bool
) -> None:
    store = open_it()
    put(store, server("a/x"))
    clock.now += MONTH
    move(store, clock, "a/x", "here")
    clock.now -= MONTH
    reader = open_it() if is_started_later else store
    assert got(reader, "parcel:a/x") == parcel("a/x", "here", clock.text())
    assert told(reader) == [("parcel:a/x", "came", clock.text())]
    assert servers(reader) == {"a/x": server("a/x")}
    clock.now += 100
    assert got(open_it(), "parcel:a/x") == parcel("a/x", "here", clock.text(-100)), "for all"


def test_a_record_of_any_kind_is_not_there_again_before_it_was_deleted(open_it: Open, clock: Clock) -> None:
    """By a clock that is set back in between. A server of the same key has nothing to do with it."""
    store = open_it()
    move(store, clock, "a/x", "here")
    clock.now += 30
    move(store, clock, "a/x", None)
    clock.now -= 30
    put(store, server("a/x"))
    move(open_it(), clock, "a/x", "there")
    assert got(store, "parcel:a/x") == parcel("a/x", "there", clock.text(30))
    assert servers(store) == {"a/x": server("a/x")}
    times = [time for _about, _event, time in told(store)]
    assert times == sorted(times)
    assert times[-1] == clock.text(30)


def old_and_new() -> list[Event]:
    """Of a parcel that is there, of one that is gone, and of a server."""
    days = ("01", "a/x", "came"), ("02", "b/1", "came"), ("03", "a/x", "moved"), ("04", "b/1", "deleted")
    later = ("12", "c/1", "came"), ("13", "a/x", "moved")
    return [
        parcel_event(revision, key, event, f"2026-04-{day}T00:00:00Z", state="here")
        for revision, (day, key, event) in enumerate([*days, *later], 1)
    ]


def test_old_events_of_any_kind_go_but_the_last_of_what_is_there(path: Path) -> None:
    opened(path).restore({"parcel": {key: parcel(key) for key in ("a/x", "c/1")}}, old_and_new(), 6)
    MarkFile(path).write(Mark(OLDEST, DAY))
    store = opened(path, oldest=Retention(lambda: OLDEST, MarkFile(path)))
    store.sweep()
    assert [one["revision"] for one in store.events()][:3] == [3, 5, 6]
    assert [one["revision"] for one in store.in_force(PARCEL, NOW)] == [5, 6]
