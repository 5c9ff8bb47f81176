"""The rounds, by clocks that stand still."""

import logging
from collections.abc import Callable

import pytest

from domain.errors import Unavailable
from domain.freshness import Moment
from domain.workers import WorkerRow
from operations.workers import workers
from tests.memory_store import MemoryStore
from tests.stores.clocks import Clock
from workers.rounds import UNFORESEEN, Rounds, once

HERE, THERE = "here 1", "there 2"


class World:
    """A store, a clock, who leads, and what was done."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.clock = Clock()
        self.leader = HERE
        self.done = list[str]()
        self.error: Exception | None = None

    def rounds(self, name: str = HERE) -> Rounds:
        """Those of one process."""

        def work() -> None:
            self.done.append(name)
            if self.error:
                raise self.error

        return Rounds(
            lambda: self.leader == name, self.store, {"sweeper": work}, name, self.clock, lambda: float(self.clock.now)
        )

    def row(self) -> WorkerRow:
        (row,) = workers(self.store, Moment(self.clock.now, 7_200))
        return row


@pytest.fixture
def world() -> World:
    return World()


def play(world: World, *rounds: Callable[[], None], seconds: int) -> None:
    """A round of each every two seconds."""
    for _ in range(0, seconds, 2):
        for go in rounds:
            go()
        world.clock.now += 2


def test_who_leads_works_at_once_and_then_once_an_interval(world: World) -> None:
    here, there = world.rounds(), world.rounds(THERE)
    play(world, here.go, there.go, seconds=180)
    assert world.done == [HERE] * 3
    row = world.row()
    assert (row["worker"], row["running"], row["leader"], row["runs"], row["failures"]) == ("sweeper", True, HERE, 3, 0)
    assert (row["interval"], row["last_run"], row["message"]) == (60, "2026-04-26T10:32:00Z", "")


def test_who_takes_over_works_at_once_and_who_lost_the_lead_does_nothing(world: World) -> None:
    here, there = world.rounds(), world.rounds(THERE)
    play(world, here.go, there.go, seconds=10)
    world.leader = THERE
    play(world, here.go, there.go, seconds=10)
    assert (world.done, world.row()["leader"]) == ([HERE, THERE], THERE)
    world.leader = HERE
    here.go()
    assert world.done == [HERE, THERE, HERE]


def test_what_fails_is_told_counted_and_tried_again_after_an_interval(world: World) -> None:
    rounds = world.rounds()
    for error, message in ((Unavailable("The disk is full."), "The disk is full."), (KeyError("x"), UNFORESEEN)):
        world.error = error
        play(world, rounds.go, seconds=60)
        assert world.row()["message"] == message
    world.error = None
    play(world, rounds.go, seconds=60)
    row = world.row()
    assert (row["runs"], row["failures"], row["message"], row["running"]) == (3, 2, "", True)


def test_before_the_first_run_and_long_after_the_last_nobody_does_it(world: World) -> None:
    assert world.row() == {
        "worker": "sweeper", "running": False, "leader": "", "interval": 60, "last_run": None, "last_seconds": None,
        "runs": 0, "failures": 0, "backlog": 0, "message": "",
    }  # fmt: skip
    world.rounds().go()
    world.clock.now += 75
    assert world.row()["running"]
    world.clock.now += 1
    assert not world.row()["running"]
    assert world.row()["leader"] == HERE


def test_where_no_service_made_a_store_nobody_asks_to_lead() -> None:
    made, asked = iter([False, False, True]), iter([True, False])
    leads = once(made.__next__, asked.__next__)
    assert [leads() for _ in range(4)] == [False, False, True, False]


def test_a_lead_that_cannot_be_asked_for_is_said_once_and_is_none(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    asked = 0

    def leads() -> bool:
        nonlocal asked
        asked += 1
        raise Unavailable("The database refuses connections: is it running?")

    rounds = world.rounds()
    rounds.leads = leads
    with caplog.at_level(logging.WARNING):
        play(world, rounds.go, seconds=120)
    assert (world.done, asked, len(caplog.messages)) == ([], 60, 1)
    rounds.leads = lambda: True
    rounds.go()
    assert world.done == [HERE]
