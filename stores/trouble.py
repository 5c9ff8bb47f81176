"""What goes wrong with a store and need stop nobody: said once in the log for as long as it lasts."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager

from domain.errors import Unavailable

logger = logging.getLogger("gitops_status")


class Trouble:
    """What was said, by what comes of it, and when to try again."""

    def __init__(self, costly: float = 10.0) -> None:
        self._costly = costly  # seconds until that is tried again which costs what the fleet costs
        self.has_failed = False  # to write, and no check that wrote has succeeded since
        self._said = dict[str, str]()
        self._next_try = 0.0  # by the monotonic clock

    @property
    def is_waiting(self) -> bool:
        """Whether something costly failed a moment ago."""
        return time.monotonic() < self._next_try

    @contextmanager
    def of(self, consequence: str, *, is_costly: bool = False) -> Iterator[None]:
        """What is Unavailable within is said, and no more; what comes of it is a sentence too."""
        try:
            yield
        except Unavailable as error:
            self.say(error, consequence)
            if is_costly:
                self._next_try = time.monotonic() + self._costly
        else:
            self.is_over(consequence)

    @contextmanager
    def remembered(self) -> Iterator[None]:
        """What fails here makes the next check one that writes: only that tells whether it is over."""
        try:
            yield
        except Unavailable:
            self.has_failed = True
            raise

    def say(self, error: Unavailable, consequence: str) -> None:
        """Say it, unless it was the last that was said of this."""
        if self._said.get(consequence) != str(error):
            self._said[consequence] = str(error)
            logger.warning("%s %s", error, consequence)

    def is_over(self, consequence: str) -> None:
        """It is no longer so: the next time is said again."""
        self._said.pop(consequence, None)
