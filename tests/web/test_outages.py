"""While no process of the service lived, no server was silent: after a start, in every reading."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from domain.errors import Unavailable
from domain.kinds import HEARTBEAT
from operations.heartbeat import KEY, Life
from stores import open_store
from tests.memory_store import MemoryStore
from tests.web.api import START, Api, Clock

READINGS = ["/status", "/status/web", "/status/web/n1", "/summary", "/groups", "/status?host=n1", "/problems"]
AWAY = 3_600  # from 100 seconds after the start


def life_of(api: Api) -> Life:
    life: Life = api.app.extensions["life"]
    return life


@pytest.fixture
def back(api: Api, tmp_path: Path) -> Api:
    """The service after an hour away; a server that may be silent for 600 seconds was for 100, another for 700."""
    life_of(api).begin()
    api.clock.advance(-600)
    api.cron(server_group="web", host="gone", check_interval=300)
    api.clock.now = START
    api.cron(server_group="web", host="n1", check_interval=300)
    api.clock.advance(100)
    life_of(api).note()
    later = Api(tmp_path)
    later.clock.now = api.clock.now + AWAY
    return later


def stale(api: Api) -> list[str]:
    return [row["host"] for row in api.get("/status").json if row["stale"]]


def test_after_a_start_who_was_stale_is_and_the_others_have_what_was_left_of_their_silence(back: Api) -> None:
    life_of(back).begin()
    began, left = back.clock.now, 500 + 15  # the process may have lived until its next note was due
    for seconds, hosts in ((0, ["gone"]), (left - 30, ["gone"]), (left + 1, ["gone", "n1"])):
        back.clock.now = began + seconds
        assert stale(back) == hosts, seconds


@pytest.mark.parametrize("path", READINGS)
def test_whatever_is_asked_first_after_a_start_knows_it(back: Api, path: str) -> None:
    """And what a process showed that did not begin, like one that others wait for, does not stay."""
    before = back.get(path)
    life_of(back).begin()
    after = back.get(path)
    assert before.response.data != after.response.data
    assert back.get("/status/web/n1").json["stale"] is False


def test_the_badge_and_the_metrics_know_it(back: Api) -> None:
    assert b'gitops_server_stale{server_group="web",host="n1"' in back.get("/metrics").response.data
    life_of(back).begin()
    metrics = back.get("/metrics").response.data.decode().splitlines()
    (line,) = [line for line in metrics if line.startswith('gitops_server_stale{server_group="web",host="n1"')]
    assert line.endswith(" 0")
    assert back.get("/badge/web/n1.json").json["message"] == "synced"


def test_a_second_worker_that_begins_finds_the_outage_of_the_first_and_no_other(back: Api, tmp_path: Path) -> None:
    other = Api(tmp_path)
    other.clock.now = back.clock.now + 1
    for api in (back, other):
        life_of(api).begin()
        life_of(api).note()
    assert life_of(other).outages() == life_of(back).outages() != ()
    assert len(life_of(other).outages()) == 1


def test_a_service_whose_processes_never_note_anything_excuses_nobody(api: Api) -> None:
    api.cron(server_group="web", host="n1", check_interval=300)
    api.clock.advance(601)
    assert stale(api) == ["n1"]
    assert api.app.extensions["life"].outages() == ()


class Refusing(MemoryStore):
    """A store that says no until it is mended."""

    def __init__(self) -> None:
        super().__init__()
        self.is_broken = False
        self.asked = 0

    def get(self, *arguments: Any) -> Any:
        self.asked += 1
        if self.is_broken:
            raise Unavailable("Broken.")
        return super().get(*arguments)


def test_a_store_that_is_broken_at_first_is_asked_once_by_readings_and_the_outage_ends_where_the_process_began() -> (
    None
):
    store, clock = Refusing(), Clock()
    Life(store, clock).note()
    store.is_broken, store.asked = True, 0
    life = Life(store, clock)
    clock.advance(AWAY)
    life.begin()
    assert (life.outages(), life.outages(), store.asked) == ((), (), 1)
    clock.advance(AWAY)
    store.is_broken = False
    life.note()
    assert life.outages() == ((START + 15, START + AWAY),)


def test_who_asks_while_the_first_looks_waits_for_what_that_finds() -> None:
    clock = Clock()
    looking, go_on = threading.Event(), threading.Event()

    class Slow(MemoryStore):
        def get(self, *arguments: Any) -> Any:
            looking.set()
            go_on.wait()
            return super().get(*arguments)

    store = Slow()
    go_on.set()
    Life(store, clock).note()
    looking.clear()
    go_on.clear()
    clock.advance(AWAY)
    life = Life(store, clock)
    life.begin()
    with ThreadPoolExecutor() as threads:
        asked = [threads.submit(life.outages)]
        looking.wait()
        asked += [threads.submit(life.outages) for _ in range(3)]
        go_on.set()
        assert {one.result() for one in asked} == {((START + 15, START + AWAY),)}


def test_a_note_is_one_commit_a_while_however_many_processes_make_it(tmp_path: Path) -> None:
    clock = Clock()
    store = open_store(tmp_path / "status.json", lambda _stored: None, clock=clock)
    lives = [Life(store, clock) for _ in range(3)]
    for _ in range(6):
        for life in lives:
            life.note()
        clock.advance(5)
    assert store.snapshot().revision == 2
    heartbeat = store.get(HEARTBEAT, KEY)
    assert heartbeat
    assert (heartbeat["noted"], heartbeat["outages"]) == ("2026-04-26T10:30:15Z", [])
    store.close()
