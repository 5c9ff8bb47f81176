"""Times that lie ahead of now, as after a clock that was wrong: brought back once, for records and history alike."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from domain.history import Entry, change_entry, deletion_entry
from domain.kinds import SERVER
from domain.server import Server
from storage import Store
from tests.stores.clocks import DAY, LATE, MONTH, TIMES, Clock, Open, report
from tests.stores.kinds import NOW, ref
from tests.stores.records import beside, in_file, keep_in_journal, note, of_servers, opened, put, server, servers


def times_of(record: Server | None) -> set[str]:
    assert record
    fields: dict[str, Any] = {**record}
    return {fields[name] for name in TIMES}


def told(store: Store) -> list[tuple[str, str, str]]:
    return [(f"{one['server_group']}/{one['host']}", one["event"], one["time"]) for one in store.events()]


def ahead_once(store: Store, clock: Clock, seconds: int = MONTH) -> None:
    """One report each of two servers by a clock that is ahead, then right again."""
    report(store, clock, "a/old")
    clock.now += seconds
    report(store, clock, "a/x", "failed")
    report(store, clock, "b/x")
    clock.now -= seconds - 10


def readings(store: Store) -> list[Callable[[], object]]:
    return [
        store.snapshot,
        lambda: store.get(SERVER, "a/x"),
        lambda: list(store.events()),
        lambda: list(store.in_force(SERVER, LATE)),
        store.check,
        store.begin,
    ]


@pytest.mark.parametrize("is_started_later", [False, True], ids=["that went on", "that was started later"])
@pytest.mark.parametrize("which", range(6))
def test_whichever_reading_of_a_process_finds_it_brings_records_and_history_back_to_now(
    open_it: Open, clock: Clock, which: int, is_started_later: bool
) -> None:
    store = open_it()
    ahead_once(store, clock)
    readings(open_it() if is_started_later else store)[which]()
    assert_all_are_brought_back(store, clock)


@pytest.mark.parametrize("seconds", [61, 365 * DAY, 7_000 * 365 * DAY, 9_000 * 365 * DAY])
def test_however_far_ahead_it_is(open_it: Open, clock: Clock, seconds: int) -> None:
    store = open_it()
    ahead_once(store, clock, seconds + 10)
    store.snapshot()
    assert_all_are_brought_back(store, clock)


def assert_all_are_brought_back(store: Store, clock: Clock) -> None:
    now = clock.text()
    clock.now += 5  # once, and not to each later moment
    assert times_of(store.get(SERVER, "a/x")) == times_of(store.get(SERVER, "b/x")) == {now}
    assert told(store) == [("a/old", "created", NOW), ("a/x", "created", now), ("b/x", "created", now)]
    assert {one["time"] for one in store.in_force(SERVER, LATE)} == {NOW, now}


def test_it_is_on_disk_for_all_and_who_comes_later_finds_nothing_left(open_it: Open, clock: Clock) -> None:
    stores = [open_it(), open_it(), open_it()]
    ahead_once(stores[0], clock)
    first = stores[1].snapshot()
    history = list(stores[1].events())
    for store in (*stores, open_it()):
        assert store.snapshot() == first
        assert list(store.events()) == history
        store.check()
    assert open_it().snapshot().revision == first.revision


def test_a_commit_that_comes_first_decides_over_what_is_brought_back_already(open_it: Open, clock: Clock) -> None:
    for store in (open_it(), open_it()):  # the second has read nothing yet
        ahead_once(open_it(), clock)
        assert times_of(report(store, clock, "a/x")) == {clock.text()}
        assert times_of(store.get(SERVER, "a/x")) == times_of(open_it().get(SERVER, "a/x")) == {clock.text()}
        note(store, ("a/old", None), ("a/x", None), ("b/x", None))


@pytest.mark.parametrize("seconds", [1, 60])
def test_up_to_a_minute_ahead_nothing_is_changed(open_it: Open, clock: Clock, seconds: int) -> None:
    """The clocks of two machines differ by as much."""
    store = open_it()
    report(store, clock, "a/x")
    clock.now -= seconds
    before = store.snapshot(), list(store.events())
    for one in (store, open_it()):
        one.begin()
        assert (one.snapshot(), list(one.events())) == before
    assert times_of(report(store, clock, "a/x")) == {clock.text(seconds)}
    clock.now -= 61 - seconds
    assert times_of(store.get(SERVER, "a/x")) == {clock.text()}


def test_each_of_the_times_is_brought_back_and_no_other_field(open_it: Open, clock: Clock) -> None:
    for name in TIMES:
        store = open_it()
        before = server("a/x", **{"last_cron_check": clock.text(-DAY), "check_interval": 30, name: clock.text(MONTH)})
        put(store, before, server("a/y"))
        assert servers(store) == {"a/x": {**before, name: clock.text()}, "a/y": server("a/y")}
        assert open_it().get(SERVER, "a/x") == {**before, name: clock.text()}


def test_the_times_of_one_server_never_run_backwards(open_it: Open, clock: Clock) -> None:
    """Neither where one lay ahead by less than a minute, nor where the clock jumped twice."""
    store = open_it()
    for seconds, status in ((0, "synced"), (50, "failed"), (MONTH, "synced"), (2 * MONTH, "failed"), (MONTH, "synced")):
        clock.now += seconds
        report(store, clock, "a/x", status)
        clock.now -= seconds
    report(store, clock, "a/x", "failed")
    assert [(event, time) for _key, event, time in told(store)] == [
        ("created", clock.text()), ("changed", clock.text()), *[("changed", clock.text())] * 4,
    ]  # fmt: skip
    revisions = [one["revision"] for one in store.events()]
    assert revisions == sorted(set(revisions))


def test_an_entry_that_lies_ahead_is_found_where_its_server_is_gone(open_it: Open, clock: Clock) -> None:
    store = open_it()
    report(store, clock, "a/x")
    clock.now += MONTH
    gone = store.get(SERVER, "a/x")
    assert gone
    store.change(
        [ref("a/x")],
        lambda _before, revision: of_servers({"a/x": None}, [deletion_entry(gone, revision, clock.text())]),
    )
    clock.now -= MONTH
    for reader in (open_it(), store):
        assert told(reader)[-1] == ("a/x", "deleted", clock.text())
        assert list(reader.in_force(SERVER, LATE)) == []


def test_many_are_brought_back_in_portions(open_it: Open, clock: Clock) -> None:
    store, count = open_it(), 2_345
    clock.now += MONTH
    records = {f"a/{number}": server(f"a/{number}", timestamp=clock.text(), revision=number) for number in range(count)}
    entries = list[Entry]()
    for number in range(count):
        entry = change_entry(None, server(f"b/{number}", timestamp=clock.text(), revision=number + 1), "cron")
        entries += [entry] if entry else []
    store.restore({SERVER.name: records}, entries, count)
    clock.now -= MONTH
    assert {record["timestamp"] for record in servers(store).values()} == {clock.text()}
    assert {one["time"] for one in store.events()} == {clock.text()}
    assert [one["revision"] for one in store.events()] == [one["revision"] for one in entries]


def edited(path: Path, **fields: Any) -> None:
    """Write into each record of the file what stands there from then on."""
    value = orjson.loads(path.read_bytes())
    for record in value["servers"].values():
        record.update(fields)
    path.write_bytes(orjson.dumps(value))


def test_times_that_somebody_wrote_into_the_file_are_brought_back_by_the_start(path: Path, clock: Clock) -> None:
    note(opened(path), ("a/x", "synced"), ("b/x", "synced"))
    edited(path, last_cron_check=clock.text(26 * DAY), timestamp=clock.text(26 * DAY), status="failed")
    store = opened(path, clock=clock)
    store.begin()
    assert {record["last_cron_check"] for record in servers(store).values()} == {clock.text()}
    store.close()
    assert {record["last_cron_check"] for record in in_file(path).values()} == {clock.text()}
    assert told(store)[2:] == [("a/x", "changed", clock.text()), ("b/x", "changed", clock.text())]


def test_an_older_entry_between_others_is_found_when_the_history_is_read(path: Path, clock: Clock) -> None:
    """As an older version left it, which went on after it."""
    store = opened(path, clock=clock)
    for key in ("a/x", "gone/x", "b/x"):
        report(store, clock, key)
    store.close()
    history = beside(path, "history")
    first, second, third = history.read_text().splitlines(keepends=True)
    history.write_text(first + second.replace(clock.text(), clock.text(MONTH)) + third)
    assert told(opened(path, clock=clock))[1] == ("gone/x", "created", clock.text())
    assert clock.text(MONTH) not in history.read_text()


def test_what_cannot_be_written_is_shown_as_it_is_said_once_and_brought_back_later(
    path: Path, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    store = opened(path, clock=clock, costly=0)
    ahead_once(store, clock)
    keep_in_journal(store)
    beside(path, "lock").unlink()
    beside(path, "lock").mkdir()  # nobody can take it
    for _ in range(3):
        assert times_of(store.get(SERVER, "a/x")) == {clock.text(MONTH - 10)}
        assert len(list(store.events())) == 3
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert caplog.text.count("The store status.json cannot be locked: ") == 1
    beside(path, "lock").rmdir()
    assert times_of(store.get(SERVER, "a/x")) == {clock.text()}


def test_no_report_waits_for_a_history_that_cannot_be_read(
    path: Path, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    store = opened(path, clock=clock, costly=0)
    ahead_once(store, clock)
    history = beside(path, "history")
    good = history.read_bytes()
    history.write_bytes(good.replace(b'{"revision":1,', b"<html>", 1))
    store = opened(path, clock=clock)
    for _ in range(3):
        report(store, clock, "a/x")
    assert times_of(store.get(SERVER, "a/x")) == {clock.text()}
    assert caplog.text.count("line 1 of its history cannot be read. Times in its history lie ahead.") == 1
    history.write_bytes(good + history.read_bytes()[len(good) - len(b'{"revision":1,') + len(b"<html>") :])
    assert {time for *_, time in told(opened(path, clock=clock))} <= {NOW, clock.text()}
