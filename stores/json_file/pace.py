"""How much time and room the files of a store take: when the file is written, and how long anybody waits."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from domain.errors import Unavailable
from stores.lock import LOCK_SECONDS


@dataclass(frozen=True, slots=True)
class Pace:
    """The bounds of a store, in seconds and bytes."""

    # Under load the file is written at most this part of the time. Time without a write is saved up, so that a report
    # in a quiet time, and dozens in a row about a small fleet, stand in the file before they are answered.
    share: float = 0.05
    saved: float = 2.0
    # What failed is tried again after so long, then after twice that, up to the longest.
    retry: float = 1.0
    longest: float = 60.0
    clock: Callable[[], float] = time.monotonic  # by which all of this is counted
    journal: int = 1_048_576  # one that outgrew this, and a quarter of the file, starts anew at the next checkpoint
    most_journal: int = 268_435_456  # it takes no more while the file cannot be written: it would fill the disk
    patience: float = 4.0  # of whoever waits, from when he came: a request is answered within five seconds
    look: float = 1.0  # that a reading waits for others who look, and
    glance: float = 0.02  # whoever comes after one that waited in vain
    lock: float = LOCK_SECONDS  # that others may hold the lock, for whoever does not commit
    costly: float = 10.0  # until that is tried again which costs what the fleet costs


AS_IT_IS = Pace()


class Credit:
    """What checkpoints have cost, and when the next may be made. One that failed costs as much as one that did not."""

    def __init__(self, pace: Pace) -> None:
        self.next = 0.0  # when the next checkpoint is due
        self.failure: Unavailable | None = None  # of the last one, if it failed
        self._pace = pace
        self._paid = 0.0  # the seconds of checkpoints that are counted in it
        self._retry = 0.0

    def seconds_left(self, spent: float) -> float:
        """How long the next has to wait; `spent` is what all took that were made, by whichever process."""
        if spent > self._paid:
            self.succeeded()
        self._charge(spent - self._paid)
        self._paid = spent
        return self.next - self._pace.clock()

    def failed(self, seconds: float, error: Unavailable) -> None:
        """One was tried in vain for so long."""
        pace = self._pace
        self.failure, self._retry = error, min(2 * self._retry or pace.retry, pace.longest)
        self._charge(seconds)
        self.next = max(self.next, pace.clock() + self._retry)

    def succeeded(self) -> None:
        """One was made, by whichever process."""
        self.failure, self._retry = None, 0.0

    def _charge(self, seconds: float) -> None:
        pace = self._pace
        self.next = max(self.next, pace.clock() - pace.saved) + seconds / pace.share
