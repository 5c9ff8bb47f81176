"""When old history entries go. What is gone is gone, so no one reading of a clock decides it."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import orjson

from stores.files import write_synced

DAY = 86_400
NOTED_SECONDS = 3_600  # how often the mark is written down: so much of its waiting a restart may take back


@dataclass(frozen=True, slots=True)
class Mark:
    """A time before which all was old, and for how many seconds services have run since the clock said so."""

    oldest: str = ""
    seconds: float = 0.0


class Notes(Protocol):
    """Where the mark outlives the process."""

    def read(self) -> Mark:
        """The last that was written, the empty one where there is none."""

    def write(self, mark: Mark) -> None:
        """Keep it."""


class Retention:
    """The time before which entries may go now: what the clock called old a day ago, and calls old still.

    The day is one in which services ran, by their monotonic clocks, which never jump. A clock that was ahead and is
    put right before the day is over has taken nothing; after a long time off, what is due goes with the second day.
    Each process counts its own running time on from what was written down, so none of them counts a second twice.
    """

    def __init__(
        self, oldest: Callable[[], str], notes: Notes, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._oldest = oldest
        self._notes = notes
        self._monotonic = monotonic
        self._mark: Mark | None = None
        self._since = 0.0  # when the mark had its seconds

    def __call__(self) -> str:
        """That time, once a day; the empty one in between, which is before all."""
        oldest, now = self._oldest(), self._monotonic()
        if not oldest:
            return ""
        if self._mark is None:
            self._mark, self._since = self._notes.read(), now
        waited = self._mark.seconds + now - self._since
        if not self._mark.oldest or oldest < self._mark.oldest:
            self._mark, self._since = Mark(oldest), now  # the first, or the clock was ahead when it was made
        elif waited >= DAY:
            due, self._mark, self._since = self._mark.oldest, Mark(oldest), now
            return due
        elif now - self._since >= NOTED_SECONDS:
            self._mark, self._since = Mark(self._mark.oldest, waited), now
            self._notes.write(self._mark)
        return ""


class MarkFile:
    """The mark in a file beside the store's."""

    def __init__(self, store: Path) -> None:
        self._store = store.resolve()
        self._path = self._store.with_name(f"{self._store.name}.oldest")

    def read(self) -> Mark:
        try:
            found = orjson.loads(self._path.read_bytes())
            return Mark(str(found["oldest"]), float(found["seconds"]))
        except (FileNotFoundError, ValueError, TypeError, KeyError):  # none, or none of ours: then the day begins anew
            return Mark()

    def write(self, mark: Mark) -> None:
        write_synced(self._path, [orjson.dumps(mark, option=orjson.OPT_APPEND_NEWLINE)], like=self._store)
