"""Each worker stays on a core of its own, as far as there are cores."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.process.service import Service, running, wait_until

ALL = os.sched_getaffinity(0)
CORES = set(sorted(ALL)[:2])

pytestmark = pytest.mark.skipif(len(CORES) < 2, reason="this machine gives us one core, so there is nothing to choose")


@pytest.fixture(autouse=True)
def two_cores() -> Iterator[None]:
    """However many cores there are, the service is given two."""
    os.sched_setaffinity(0, CORES)
    yield
    os.sched_setaffinity(0, ALL)


def core(worker: int) -> int:
    """The one core that a worker may run on."""
    (only,) = os.sched_getaffinity(worker)
    return only


def successor(service: Service, workers: list[int]) -> int:
    """The worker that took the place of one of these, once it has chosen its core."""
    wait_until(lambda: len(set(service.workers()) - set(workers)) == 1, "another takes its place")
    (new,) = set(service.workers()) - set(workers)
    wait_until(lambda: len(os.sched_getaffinity(new)) == 1, "it stays on one core")
    return new


def test_each_worker_stays_on_one_core_and_the_cores_are_shared_out_evenly(tmp_path: Path) -> None:
    with running(tmp_path, workers=3) as service:
        taken = [core(worker) for worker in service.workers()]
        assert sorted(taken.count(one) for one in CORES) == [1, 2]
        assert os.sched_getaffinity(service.process.pid) == CORES, "the master chooses for others, not for itself"


def test_a_worker_that_replaces_a_killed_one_takes_the_core_that_became_free(tmp_path: Path) -> None:
    with running(tmp_path, workers=2) as service:
        for number in range(3):
            workers = service.workers()
            victim = workers[number % 2]
            freed = core(victim)
            os.kill(victim, signal.SIGKILL)
            assert core(successor(service, workers)) == freed


def test_after_a_reload_the_new_workers_are_on_different_cores_too(tmp_path: Path) -> None:
    with running(tmp_path, workers=2) as service:
        old = set(service.workers())
        service.signal(signal.SIGHUP)
        wait_until(lambda: not old & set(service.workers()), "the old workers are gone")
        assert {core(worker) for worker in service.workers()} == CORES
