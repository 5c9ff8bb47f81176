"""When the file is written: on credit, and after a failure later and later."""

import time
from collections.abc import Callable

from domain.errors import Unavailable

# Under load the file is written at most this part of the time. Time without a write is saved up, so that a report in
# a quiet time, and dozens in a row about a small fleet, stand in the file before they are answered.
CHECKPOINT_SHARE = 0.05
SAVED_SECONDS = 2.0
# What failed is tried again after so long, then after twice that, up to the longest.
RETRY_SECONDS = 1.0
LONGEST_SECONDS = 60.0


class Pace:
    """What checkpoints have cost, and when the next may be made. One that failed costs as much as one that did not."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.next = 0.0  # when the next checkpoint is due
        self.failure: Unavailable | None = None  # of the last one, if it failed
        self._clock = clock
        self._paid = 0.0  # the seconds of checkpoints that are counted in it
        self._retry = 0.0

    @property
    def while_quiet(self) -> float:
        """How long whoever only reads leaves the file to the one who committed."""
        return SAVED_SECONDS

    def seconds_left(self, spent: float) -> float:
        """How long the next has to wait; `spent` is what all took that were made, by whichever process."""
        if spent > self._paid:
            self.succeeded()
        self._charge(spent - self._paid)
        self._paid = spent
        return self.next - self._clock()

    def failed(self, seconds: float, error: Unavailable) -> None:
        """One was tried in vain for so long."""
        self.failure, self._retry = error, min(2 * self._retry or RETRY_SECONDS, LONGEST_SECONDS)
        self._charge(seconds)
        self.next = max(self.next, self._clock() + self._retry)

    def succeeded(self) -> None:
        """One was made, by whichever process."""
        self.failure, self._retry = None, 0.0

    def _charge(self, seconds: float) -> None:
        self.next = max(self.next, self._clock() - SAVED_SECONDS) + seconds / CHECKPOINT_SHARE
