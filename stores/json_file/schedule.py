"""Who makes the next checkpoint, and when: at once where it is due, else a timer, whoever committed."""

import threading
import time
from collections.abc import Callable

from domain.document import VERSION
from domain.errors import Unavailable
from stores.json_file.pace import Credit, Pace
from stores.json_file.replica import Replica
from stores.lock import StoreLock
from stores.trouble import Trouble

IT_IS_SAFE = "What was reported is safe in its journal."


class Schedule:
    """When the file of a store is written. `make` makes a checkpoint."""

    def __init__(
        self, lock: StoreLock, replica: Replica, trouble: Trouble, make: Callable[..., None], pace: Pace
    ) -> None:
        self._pace = pace
        self._credit = Credit(pace)
        self._timer: threading.Timer | None = None
        self._lock = lock
        self._replica = replica
        self._trouble = trouble
        self._make = make
        self._setting = threading.Lock()

    @property
    def _seconds_left(self) -> float:
        return self._credit.seconds_left(self._replica.seconds)

    @property
    def _has_reason(self) -> bool:
        """Whether the file is behind, or what only churned has made the journal long."""
        replica = self._replica
        has_churned = replica.tables.revision > replica.in_file
        return replica.is_behind or (has_churned and replica.has_long_journal(self._pace))

    def behind_seconds(self) -> float:
        """For how long the file has not held all that was committed."""
        return time.monotonic() - self._replica.behind_since if self._replica.is_behind else 0.0

    def notice(self) -> str:
        """Why it does not, where that is no matter of moments; else empty."""
        if not self._credit.failure or not self._replica.is_behind:
            return ""
        return f"{self._credit.failure} It is {self.behind_seconds():.0f} seconds behind its journal. {IT_IS_SAFE}"

    def write(self, version: str = VERSION) -> None:
        """Make a checkpoint now, of a file that says at least this version. Who calls it holds the store's lock. Raises
        Unavailable, and that costs as much."""
        started = time.monotonic()
        try:
            self._make(version=version)
        except Unavailable as error:
            self._trouble.has_failed = True
            self._credit.failed(time.monotonic() - started, error)
            raise
        self._credit.succeeded()

    def write_if_due(self) -> None:
        """The same if there is reason to and it is due, else by itself later. The commit is safe without it, so a
        failure is logged and no more."""
        if not self._has_reason:
            return
        if self._seconds_left <= 0:
            with self._trouble.of(IT_IS_SAFE):
                self.write()
        if self._has_reason:
            self._write_in(self._seconds_left)

    def write_soon(self) -> None:
        """By itself, if whoever committed does not: he may be dead."""
        self._write_in(self._pace.saved)

    def write_last(self) -> None:
        """Before the end, if it can be done; and not by itself any more."""
        if self._timer:
            self._timer.cancel()
        try:
            if self._replica.is_read:
                self._caught_up(self._make)
        except Unavailable as error:
            self._trouble.say(error, IT_IS_SAFE)

    def make_room(self) -> None:
        """Start a journal anew that has reached its bound, by a checkpoint; not at once again by one that failed. Who
        calls it holds the store's lock. Raises Unavailable."""
        bound = self._pace.most_journal
        if self._replica.journal.offset <= bound:
            return
        if self._credit.failure and self._seconds_left > 0:
            raise Unavailable(
                f"The journal of the store {self._replica.name} has grown to its bound, {bound // 2**20} MiB, and "
                f"takes no more until the file can be written. {self._credit.failure}"
            )
        self.write()

    def _write_in(self, seconds: float) -> None:
        with self._setting:  # who reads comes here too
            if not self._timer:
                self._timer = threading.Timer(max(0.0, seconds), self._write_late)
                self._timer.daemon = True
                self._timer.start()

    def _write_late(self) -> None:
        """The checkpoint that was not due when its commit was made, unless another process made it."""
        self._timer = None
        try:
            if self._has_reason:
                self._caught_up(self.write_if_due)
        except Unavailable as error:
            self._trouble.say(error, IT_IS_SAFE)
            self._credit.failed(0.0, error)
            self._write_in(self._seconds_left)

    def _caught_up(self, write: Callable[[], None]) -> None:
        with self._lock.held():
            self._replica.catch_up()
            if self._has_reason:
                write()
