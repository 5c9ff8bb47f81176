"""The memory that workers count in: right sums whoever dies when, and never an error to whoever counts."""

import os
import resource
import signal
from itertools import count
from pathlib import Path
from typing import NoReturn

import pytest

from tests.series import series
from tests.web.api import Api
from web.base.counters import PARTS, SERIES, Counts, free_part, shared_memory


def first_numbers(counts: Counts) -> dict[str, float]:
    sums = counts.sums()
    assert sums is not None
    return {name: numbers[0] for name, numbers in sums.items()}


def test_whoever_is_asked_adds_up_what_all_count() -> None:
    memory = shared_memory()
    workers = [Counts(memory, part) for part in (0, 1, PARTS - 1)]
    for number, worker in enumerate(workers):
        worker.add("all", (0, 1), (14, 0.5))
        worker.add(f"own-{number}", (0, number))
        worker.add("all", (0, 1))
    for worker in workers:
        assert first_numbers(worker) == {"all": 6, "own-0": 0, "own-1": 1, "own-2": 2}
        assert (worker.sums() or {})["all"] == [6.0, *[0.0] * 13, 1.5]


def test_a_successor_goes_on_and_takes_no_more_room() -> None:
    memory = shared_memory()
    Counts(memory, 1).add("old", (0, 1))
    before = memory[:2_000_000]
    for _ in range(50):
        Counts(memory, 1).add("old")
    assert memory[:2_000_000] == before
    last = Counts(memory, 1)
    last.add("old", (0, 1))
    last.add("new", (0, 1))
    assert first_numbers(last) == {"old": 2, "new": 1}


def test_a_part_is_one_that_no_living_worker_has() -> None:
    assert [free_part(taken) for taken in ([], [0, 1], [1, 2], [0, 2])] == [0, 2, 0, 1]
    assert free_part(range(PARTS)) == PARTS


def test_a_worker_that_is_killed_while_it_counts_leaves_whole_names_and_numbers() -> None:
    for _ in range(8):
        memory = shared_memory()
        begun, begins = os.pipe()
        if (child := os.fork()) == 0:
            _count_for_ever(Counts(memory), begins)
        assert os.read(begun, 1)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        successor = Counts(memory)
        left = first_numbers(successor)
        assert list(left) == [f"series-{number}" for number in range(len(left))]
        assert max(left.values()) - min(left.values()) <= 1
        successor.add("series-0", (0, 1))
        assert first_numbers(Counts(memory)) == {**left, "series-0": left["series-0"] + 1}
        os.close(begun)
        os.close(begins)


def _count_for_ever(counts: Counts, begins: int) -> NoReturn:
    for number in count():
        counts.add(f"series-{number % SERIES}", (0, 1))
        if number == 20:
            os.write(begins, b"x")
    raise AssertionError


def few_bytes_left() -> object:
    """What there is to count in where the system gives no memory."""
    limits = resource.getrlimit(resource.RLIMIT_AS)
    size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + 8_000_000, limits[1]))
    try:
        return shared_memory()
    finally:
        resource.setrlimit(resource.RLIMIT_AS, limits)


@pytest.mark.parametrize("kind", ["a worker too many", "no memory", "too many series", "too long a name"])
def test_where_one_cannot_count_every_worker_says_so_and_nothing_fails(kind: str) -> None:
    memory = few_bytes_left() if kind == "no memory" else shared_memory()
    one, other = Counts(memory, 0), Counts(memory, PARTS if kind == "a worker too many" else 1)
    if kind == "too many series":
        for number in range(SERIES):
            other.add(f"series-{number}", (0, 1))
        assert len(first_numbers(one)) == SERIES
    for _ in range(2):
        other.add("x" * (300 if kind == "too long a name" else 1), (0, 1))
    assert one.sums() is None
    assert other.sums() is None


def test_where_none_can_count_the_fleet_is_shown_and_the_rest_is_missed(api: Api) -> None:
    api.app.extensions["measured"].count_in(Counts(few_bytes_left()))
    api.pipeline(status="failed")
    seen = series(api.get("/metrics").response.text)
    assert seen["gitops_counters_kept",] == 0
    assert seen["gitops_group_problems", "server_group=web"] == 1
    assert not [name for name, *_ in seen if name.endswith(("_total", "_bucket", "_count", "_sum"))]
