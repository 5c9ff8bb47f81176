"""The process beside the service: how it is started, started anew, and ended."""

import os
import subprocess
from collections.abc import Sequence

import pytest

from tests.process.service import wait_until
from workers.beside import Beside


class Started:
    """What was started instead."""

    def __init__(self, *words: str) -> None:
        self.processes = list[subprocess.Popen[bytes]]()
        self._words = words or ("sleep", "60")

    def __call__(self, _words: Sequence[str]) -> subprocess.Popen[bytes]:
        self.processes.append(subprocess.Popen(self._words))
        return self.processes[-1]


def test_it_is_started_after_the_service_and_anew_when_it_dies_but_not_without_a_pause(
    caplog: pytest.LogCaptureFixture,
) -> None:
    now, started = [100.0], Started()
    one = Beside(lambda: now[0], started)
    one.keep()
    assert not started.processes
    now[0] += 5
    for _ in range(3):
        one.keep()
    (first,) = started.processes
    first.kill()
    first.wait()
    one.keep()
    assert len(started.processes) == 1
    now[0] += 5
    one.keep()
    one.keep()
    assert len(started.processes) == 2
    assert caplog.messages == ["The process that works by the clock has ended; another is started."]
    one.end()
    assert started.processes[-1].returncode == -15
    now[0] += 5
    one.keep()
    assert len(started.processes) == 3
    one.end()


def test_a_child_that_somebody_else_reaped_is_started_anew() -> None:
    """As gunicorn does with every child."""

    now, started = [0.0], Started("true")
    one = Beside(lambda: now[0], started)
    for _ in range(2):
        now[0] += 5
        one.keep()
        os.waitpid(started.processes[-1].pid, 0)
    assert len(started.processes) == 2
    one.end()


def test_a_system_that_can_start_nothing_does_not_end_the_service(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def refuse(_words: Sequence[str]) -> subprocess.Popen[bytes]:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    now = [0.0]
    one = Beside(lambda: now[0], refuse)
    now[0] += 5
    one.keep()
    one.keep()
    one.end()
    assert caplog.messages == [
        "The process that works by the clock cannot be started: Resource temporarily unavailable."
    ]


def test_one_that_does_not_end_when_it_is_asked_to_is_killed() -> None:
    now = [0.0]
    words = ["sh", "-c", "trap '' TERM; echo ready; sleep 60 & wait; wait"]
    with subprocess.Popen(words, stdout=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stdout.readline() == b"ready\n"
        one = Beside(lambda: now[0], lambda _words: process, seconds=0.01)
        now[0] += 5
        one.keep()
        one.end()
        wait_until(lambda: process.poll() == -9, "it was killed")
