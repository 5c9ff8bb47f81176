"""Numbers that all workers count together, in memory that nobody else can fill up or take away.

The master makes it before it forks; no file stands for it. Each worker counts in a part of its own, so that none waits
for another, and whoever is asked adds the parts up. One that dies leaves its part to the worker after it, which counts
on there: no sum falls, and no scrape takes longer for the dead.
"""

import mmap
from collections.abc import Iterable
from itertools import count
from threading import Lock
from typing import Any

PARTS = 128  # as many workers at a time, those included that a reload lets end their requests
SERIES = 1_000  # in a part; routes, methods and codes are few, whatever is asked
NUMBERS = 15  # of a series
NAME = 256  # bytes

# All is in numbers of eight bytes: first one that is not 0 once something could not be counted; then the parts, each
# with how many series it has, and these: a name, and its numbers.
_WORD = 8
_SERIES = NAME // _WORD + NUMBERS
_PART = 1 + SERIES * _SERIES


def shared_memory() -> Any:
    """Memory for as many workers as may be forked from this process. It takes room as it is used.

    Where the system has none, it has room for nobody: then nothing is counted, and that is known.
    """
    try:
        return mmap.mmap(-1, _WORD * (1 + PARTS * _PART))
    except OSError:
        return bytearray(_WORD)


def free_part(taken: Iterable[int]) -> int:
    """A part that none of the living workers has; where there is no more, one beyond the memory."""
    used = set(taken)
    return next(part for part in count() if part not in used)


class Counts:
    """What this process counts in its part, and the sums over all parts."""

    def __init__(self, memory: Any = None, part: int = 0) -> None:
        """`memory` is that of `shared_memory`; without it, this process counts for itself."""
        memory = bytearray(_WORD * (1 + _PART)) if memory is None else memory
        self._bytes = memoryview(memory)
        self._numbers = self._bytes.cast("d")
        self._lock = Lock()
        self._part = 1 + part * _PART
        self._has_room = self._part + _PART <= len(self._numbers)
        self._places = dict(self._series(self._part)) if self._has_room else {}

    def add(self, series: str, *amounts: tuple[int, float]) -> None:
        """Add amounts to numbers of a series, each given by its index. What has no room is not counted."""
        with self._lock:
            place = self._places.get(series) or self._begin(series)
            for index, amount in amounts if place else ():
                self._numbers[place + index] += amount

    def sums(self) -> dict[str, list[float]] | None:
        """The numbers of each series, added up over all workers; None where any of them had no room."""
        if self._numbers[0]:
            return None
        sums = dict[str, list[float]]()
        for part in range(1, len(self._numbers), _PART):
            for series, place in self._series(part):
                numbers = self._numbers[place : place + NUMBERS].tolist()
                sums[series] = [a + b for a, b in zip(sums.get(series, [0.0] * NUMBERS), numbers, strict=True)]
        return sums

    def _begin(self, series: str) -> int:
        """Where the numbers of a new series stand; 0 where it has no room."""
        name, row = series.encode(), len(self._places)
        if not self._has_room or row == SERIES or len(name) > NAME:
            self._numbers[0] = 1.0
            return 0
        place = self._part + 1 + row * _SERIES
        self._bytes[_WORD * place : _WORD * place + NAME] = name.ljust(NAME, b"\0")
        self._numbers[self._part] = row + 1.0  # last: who dies before that, or reads, leaves out a half-written name
        self._places[series] = place = place + NAME // _WORD
        return place

    def _series(self, part: int) -> Iterable[tuple[str, int]]:
        """The series of a part, and where the numbers of each stand."""
        for row in range(int(self._numbers[part])):
            place = part + 1 + row * _SERIES
            name = bytes(self._bytes[_WORD * place : _WORD * place + NAME]).rstrip(b"\0")
            yield name.decode(), place + NAME // _WORD
