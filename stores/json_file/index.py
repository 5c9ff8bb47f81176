"""Where each entry stands in the history: found without reading the rest, and held in a few bytes an entry."""

import os
import re
import weakref
from array import array
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import orjson

from domain.kinds import SERVER, Event, is_event, ref_of
from storage import Span

BLOCK_LINES = 256  # neighbours that are read at once

# How each line begins, of a server or of another kind; a line that somebody wrote otherwise is parsed.
_HEAD = re.compile(
    rb'\{"revision":\d+,"time":"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)",'
    rb'(?:"server_group":"([\w.:-]+)","host":"([\w.:-]+)"|"kind":"([^"\\]+)","key":"([^"\\]+)")'
)


class Index:
    """The lines of one history file, by time and by what they are about. The file stays open: what replaces it is
    another index's.

    Only added to, so that readers need no lock; what adds to it does.
    """

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        weakref.finalize(self, os.close, self._descriptor)
        self.inode = os.fstat(self._descriptor).st_ino
        self.lines = dict[str, dict[str, "array[int]"]]()  # of each record, by the name of its kind and key
        self._counts = Counter[str]()  # of each kind
        self.times = array("Q")  # of each line, as the number that its digits make
        self.latest = 0  # of these
        self._starts = array("Q", [0])  # of each line, and the end of the last
        self._last_line = b""
        self._is_ascending = True

    def __len__(self) -> int:
        return len(self.times)

    def is_still_true(self) -> bool:
        """Whether the file goes on from what was read: what is appended to only grows."""
        return self._bytes(self._starts[-1] - len(self._last_line), self._starts[-1]) == self._last_line

    def extend(self) -> None:
        """Read what was appended. Raises ValueError at a line that cannot be read, unless it is the last: an append
        that goes on, or that a crash cut."""
        waiting = b""
        with open(self._descriptor, "rb", closefd=False) as file:
            file.seek(self._starts[-1])
            for line in file:
                if not line.endswith(b"\n"):
                    break
                if waiting and not self._add(waiting, _head(waiting)):
                    raise _unreadable(len(self))
                waiting = line
        self._add(waiting, _parsed(waiting))

    def _add(self, line: bytes, head: tuple[int, str, str] | None) -> bool:
        if head is None:
            return False
        time, kind, key = head
        self._is_ascending = self._is_ascending and (not self.times or time >= self.times[-1])
        self._last_line = line
        self._starts.append(self._starts[-1] + len(line))
        self.times.append(time)
        self.latest = max(self.latest, time)
        self._counts[kind] += 1
        self.lines.setdefault(kind, {}).setdefault(key, array("I")).append(len(self.times) - 1)
        return True

    def numbers(self, span: Span) -> Sequence[int]:
        """The lines that may be in a span, in their order: its times and its kind are only bounds here."""
        since, until = as_number(span.since), as_number(span.until)
        first, end = 0, len(self)
        if span.after:
            first = bisect_right(range(end), span.after, key=self.revision)
        if self._is_ascending:
            first = max(first, bisect_left(self.times, since, 0, end))
            end = bisect_right(self.times, until, 0, end)
        if span.about is None and (not span.kind or 2 * self._counts[span.kind] > len(self)):
            return range(first, end)  # to leave some out costs less than to find most
        wanted = [
            lines for name in ([span.kind] if span.kind else self.lines) for _, lines in self._of(name, span.about)
        ]
        return sorted(
            number for lines in wanted for number in lines[bisect_left(lines, first) : bisect_left(lines, end)]
        )

    def _of(self, kind: str, about: Callable[[str], bool] | None) -> Iterator[tuple[str, "array[int]"]]:
        """Each wanted record of a kind by its key, and its lines."""
        for key, lines in list(self.lines.get(kind, {}).items()):
            if about is None or about(key):
                yield key, lines

    def before(
        self, time: str, kind: str, about: Callable[[str], bool] | None
    ) -> Iterator[tuple[str, "array[int]", int]]:
        """Of each wanted record of a kind its key, its lines, and how many of them are before a time."""
        bound = as_number(time)
        for key, lines in self._of(kind, about):
            yield key, lines, bisect_left(lines, bound, key=self.times.__getitem__)

    def read(self, numbers: Sequence[int]) -> Iterator[Event]:
        """The entries of these lines. Raises ValueError at one that cannot be read."""
        for start in range(0, len(numbers), BLOCK_LINES):
            for number, line in self._block(numbers[start : start + BLOCK_LINES]):
                try:
                    entry: Event = orjson.loads(line)
                except ValueError:
                    raise _unreadable(number) from None
                if not is_event(entry):
                    raise _unreadable(number)
                yield entry

    def brought_back(self, now: str) -> Iterator[bytes]:
        """All lines, but for the times later than now: now, or the time of the next line about the same if earlier."""
        times = array("Q", self.times)
        for records in self.lines.values():
            for lines in records.values():
                bound = as_number(now)
                for number in reversed(lines):
                    times[number] = bound = min(bound, times[number])
        for number, (time, known) in enumerate(zip(times, self.times, strict=True)):
            line = self._line(number)
            yield line if time == known else _stamped(line, as_time(time))

    def content(self, numbers: Iterable[int]) -> Iterator[bytes]:
        """The lines as they stand in the file."""
        for number in numbers:
            yield self._line(number)

    def revision(self, number: int) -> int:
        """The revision of a line."""
        return int(orjson.loads(self._line(number))["revision"])

    def _block(self, numbers: Sequence[int]) -> Iterator[tuple[int, bytes]]:
        if not isinstance(numbers, range):
            yield from ((number, self._line(number)) for number in numbers)
            return
        first = self._starts[min(numbers)]
        content = self._bytes(first, self._starts[max(numbers) + 1])
        for number in numbers:
            yield number, content[self._starts[number] - first : self._starts[number + 1] - first]

    def _line(self, number: int) -> bytes:
        return self._bytes(self._starts[number], self._starts[number + 1])

    def _bytes(self, start: int, end: int) -> bytes:
        return os.pread(self._descriptor, end - start, start)


def as_number(time: str) -> int:
    """A time, or a part or none of it, as a number that sorts as it does."""
    digits = "".join(digit for digit in time if digit.isdigit())
    return int(digits) if digits else (0 if time == "" else 2**63)


def as_time(number: int) -> str:
    """The time whose digits make the number."""
    digits = f"{number:014}"
    return f"{digits[:4]}-{digits[4:6]}-{digits[6:8]}T{digits[8:10]}:{digits[10:12]}:{digits[12:14]}Z"


def _head(line: bytes) -> tuple[int, str, str] | None:
    """The time of a line, and the kind and key of what it is about; None where it cannot be read."""
    if not (head := _HEAD.match(line)):
        return _parsed(line)
    time, group, host, kind, key = head.groups()
    at = int(time.translate(None, b"-:TZ"))
    return (at, SERVER.name, f"{group.decode()}/{host.decode()}") if group else (at, kind.decode(), key.decode())


def _parsed(line: bytes) -> tuple[int, str, str] | None:
    """The same, from the whole line."""
    try:
        entry: Event = orjson.loads(line)
        int(entry["revision"])
        return as_number(entry["time"]), *ref_of(entry)
    except (ValueError, TypeError, KeyError, AttributeError):
        return None


def _stamped(line: bytes, time: str) -> bytes:
    return orjson.dumps({**orjson.loads(line), "time": time}, option=orjson.OPT_APPEND_NEWLINE)


def _unreadable(number: int) -> ValueError:
    return ValueError(f"line {number + 1} of its history cannot be read")
