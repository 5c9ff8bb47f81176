"""What every store keeps about the installation itself: no copy takes it along, and an older version may lose it."""

from pathlib import Path

import orjson

from domain.freshness import Moment
from domain.kinds import HEARTBEAT, KINDS
from domain.times import epoch
from domain.workers import Run
from operations.heartbeat import KEY, Life
from operations.transfer import Place, contents
from operations.workers import note_run, workers
from storage import Store
from stores import open_tokens, site_of
from tests.stores.clocks import Clock
from tests.stores.kinds import NOW
from tests.stores.older import refuses_older
from tests.stores.records import keep_in_journal, opened, put, server


def test_the_heartbeat_is_kept_by_every_store(store: Store) -> None:
    clock = Clock()
    Life(store, clock).note()
    clock.now += 3_600
    life = Life(store, clock)
    life.begin()
    assert life.outages() == ((epoch(NOW) + 15, epoch(NOW) + 3_600),)
    found = [{"start": "2026-04-26T10:30:15Z", "end": "2026-04-26T11:30:00Z"}]
    assert store.get(HEARTBEAT, KEY) == {"noted": "2026-04-26T11:30:00Z", "outages": found}


def test_a_machine_whose_clock_is_ahead_has_nobody_put_its_notes_right_but_whoever_notes_next(path: Path) -> None:
    ahead, right = Clock(), Clock()
    ahead.now += 3_600
    other = opened(path, clock=ahead)
    Life(other, ahead).note()
    note_run(other, Run("sweeper", "other 1", ahead.now, 0.1))
    store = opened(path, clock=right)
    assert store.snapshot().revision == 2
    (row,) = workers(store, Moment(right.now, 7_200))
    assert (row["last_run"], row["running"]) == (NOW, True)
    Life(store, right).note()
    heartbeat = store.get(HEARTBEAT, KEY)
    assert heartbeat
    assert (heartbeat["noted"], heartbeat["outages"]) == (NOW, [])


def test_it_leaves_the_file_one_that_older_versions_read(path: Path) -> None:
    store = opened(path)
    Life(store, Clock()).note()
    put(store, server("a/x"))
    assert not refuses_older(path)
    value = orjson.loads(path.read_bytes())
    assert list(value) == ["version", "revision", "servers", "heartbeats"]
    assert value["heartbeats"] == {KEY: {"noted": NOW, "outages": []}}


def test_no_copy_takes_it_along(path: Path) -> None:
    store = opened(path)
    put(store, server("a/x"))
    place = Place(store, open_tokens(path), site_of(path), KINDS)
    before = list(contents(place))
    keep_in_journal(store)
    Life(store, Clock()).note()
    assert list(contents(place))[1:] == before[1:]
    assert contents(place).__next__()[1]["version"] == "1"
