"""Work that may stand still, as a disk may: a thread of its own does it, so that whoever waits can stop waiting."""

import math
import queue
import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar, cast

from stores.json_file.pace import Pace

Given = TypeVar("Given")


class Late(Exception):
    """The time is up, and the work goes on."""


class _Job(Generic[Given]):
    def __init__(self, work: Callable[[], Given], ends: float) -> None:
        self._work: Callable[[], Given] | None = work
        self.ends = ends
        self._at_work = threading.Lock()
        self._at_work.acquire()
        self._value: Given | None = None
        self._error: BaseException | None = None

    @property
    def is_done(self) -> bool:
        return not self._at_work.locked()

    @property
    def is_overdue(self) -> bool:
        return not self.is_done and time.monotonic() > self.ends

    def run(self) -> None:
        work, self._work = self._work, None  # what it knows of the fleet goes with it
        try:
            self._value = work() if work else None
        except BaseException as error:  # noqa: BLE001 - it is whoever waits for it who has to hear of it
            self._error = error
        self._at_work.release()

    def wait(self, ends: float) -> None:
        if not self._at_work.acquire(timeout=max(0.0, ends - time.monotonic())):
            raise Late
        self._at_work.release()  # for whoever waits too

    def outcome(self, ends: float) -> Given:
        self.wait(ends)
        if self._error:
            raise self._error
        return cast(Given, self._value)

    def forget(self) -> None:
        """Let go of what it gave: the records before and after a commit."""
        self._value = None


class Aside(Generic[Given]):
    """A thread that does one piece of work after the other. Times are those of the monotonic clock."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._lock = threading.Lock()
        self._jobs = queue.SimpleQueue[_Job[Given]]()
        self._last: _Job[Given] | None = None

    @property
    def ends(self) -> float:
        """When that is overdue which it does now."""
        return self._last.ends if self._last and not self._last.is_done else math.inf

    def do(self, work: Callable[[], Given], ends: float) -> Given:
        """What the work gives or raises. Raises Late where it has not ended in time, and at once where what was begun
        before is overdue: nobody queues up before what stands still. One caller at a time."""
        if self._last and self._last.is_overdue:
            raise Late
        if self._last:
            self._last.wait(ends)
        job = self._begin(work)
        try:
            return job.outcome(ends)
        finally:
            job.forget()

    def share(self, work: Callable[[], Given], ends: float) -> Given:
        """The same for any number of callers: whoever comes while it is done gets the same outcome."""
        with self._lock:
            job = self._begin(work) if self._last is None or self._last.is_done else self._last
        if job.is_overdue:
            raise Late
        return job.outcome(ends)

    def _begin(self, work: Callable[[], Given]) -> _Job[Given]:
        if self._last is None:  # not before: a service forks
            threading.Thread(target=self._work_on, daemon=True).start()
        self._last = _Job(work, time.monotonic() + self._pace.patience)
        self._jobs.put(self._last)
        return self._last

    def _work_on(self) -> None:
        while True:
            self._jobs.get().run()  # no name here keeps the last one
