"""The history: a file to which each change's entry is appended, a line an entry, in the order of their revisions."""

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from operator import itemgetter
from pathlib import Path

import orjson

from domain.kinds import Event, ref_of
from domain.server import MAX_REVISION
from storage import Span
from stores.files import rename_synced, sync_folder, take_mode, write_all, write_synced
from stores.json_file.index import Index, as_time

TAIL_BYTES = 4_096
LINES_AT_ONCE = 1_000


class HistoryFile:
    """Entries move here from the journal at each checkpoint. Who appends holds the store's lock; reading needs none."""

    def __init__(self, path: Path, like: Path) -> None:
        self.path = path
        self.latest = ""  # of all times in the file, as far as it was read
        self._like = like
        self._lock = threading.Lock()
        self._index: Index | None = None

    def last_revision(self) -> int:
        """The revision of the newest entry, 0 where there is none. Raises ValueError where it can be none of ours."""
        try:
            descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return 0
        try:
            return _last_line(descriptor)[0]
        finally:
            os.close(descriptor)

    def append(self, entries: Sequence[Event]) -> None:
        """Append the entries that are not there yet, and sync.

        Dying in the middle does no harm: the journal still has them all, and the next to append looks for the last
        whole line, drops what was torn, and goes on from there. Raises ValueError as `last_revision`.
        """
        descriptor = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            last, end = _last_line(descriptor)
            if end == 0:
                take_mode(descriptor, self._like)
            os.ftruncate(descriptor, end)
            new = [entry for entry in entries if entry["revision"] > last]
            for start in range(0, len(new), LINES_AT_ONCE):  # each line that waits keeps kilobytes
                some = new[start : start + LINES_AT_ONCE]
                lines = [orjson.dumps(entry, option=orjson.OPT_APPEND_NEWLINE) for entry in some]
                write_all(descriptor, b"".join(lines))
            os.fdatasync(descriptor)
            if end == 0:
                sync_folder(self.path.parent)
        finally:
            os.close(descriptor)

    def events(self, pending: Sequence[Event], span: Span, *, newest_first: bool) -> Iterator[Event]:
        """What the file and then `pending`, which may have moved into it meanwhile, hold of a span.

        Raises ValueError at a line that cannot be read, unless it is the last.
        """
        index, waiting = self._looked_up(pending)
        waiting = [entry for entry in waiting if span.holds(entry)]
        numbers = index.numbers(span) if index else ()
        if newest_first:
            yield from reversed(waiting)
            numbers = numbers[::-1]
        for entry in index.read(numbers) if index else ():
            if span.since <= entry["time"] <= span.until and (not span.kind or ref_of(entry).kind == span.kind):
                yield entry
        if not newest_first:
            yield from waiting

    def in_force(
        self, pending: Sequence[Event], kind: str, time: str, about: Callable[[str], bool] | None
    ) -> Iterator[Event]:
        """The entry of the state of each record of a kind just before a time. Raises ValueError as `events`."""
        return (entry for entry in self.last(pending, kind, time, about) if entry["event"] != "deleted")

    def last(
        self, pending: Sequence[Event], kind: str, time: str = "~", about: Callable[[str], bool] | None = None
    ) -> Iterator[Event]:
        """The last entry before a time about each record of a kind that ever was. Raises ValueError as `events`."""
        index, waiting = self._looked_up(pending)
        span = Span(about=about, kind=kind)
        last = {ref_of(entry).key: entry for entry in waiting if entry["time"] < time and span.holds(entry)}
        numbers = sorted(
            lines[count - 1]
            for key, lines, count in (index.before(time, kind, about) if index else ())
            if count and key not in last
        )
        yield from index.read(numbers) if index else ()
        yield from sorted(last.values(), key=itemgetter("revision"))

    def bring_back(self, pending: Sequence[Event], now: str, temporary: Path) -> None:
        """Bring the times later than now back to it, those of `pending` as they come into the file; none of one record
        runs backwards by that. Who calls it holds the store's lock. Raises ValueError as `events`."""
        if pending:
            self.append([{**entry, "time": min(entry["time"], now)} for entry in pending])
        index, _pending = self._looked_up(())
        if index and self.latest > now:
            write_synced(temporary, index.brought_back(now), like=self._like)
            rename_synced(temporary, self.path)
            self.follow()

    def follow(self) -> None:
        """Read what was appended. Raises ValueError as `events`."""
        self._looked_up(())

    def prune(self, oldest: str, is_there: Callable[[str, str], bool], temporary: Path) -> None:
        """Take out the entries before a time: the file is written anew beside, and renamed.

        Of each record that is still there the last of them stays, so that the state in force has no hole; and the last
        line of all, which tells up to where the journal's entries came here. Who calls it holds the store's lock.
        """
        if not oldest:
            return
        index, _pending = self._looked_up(())
        old = set[int]()
        for kind in index.lines if index else ():
            for key, lines, count in index.before(oldest, kind, None) if index else ():
                old.update(lines[: max(0, count - 1) if is_there(kind, key) else count])
        if index:
            old.discard(len(index) - 1)
            if old:
                write_synced(temporary, index.content(n for n in range(len(index)) if n not in old), like=self._like)
                rename_synced(temporary, self.path)

    def forget(self) -> None:
        """Let go of what is held in memory; the next to use it reads the file anew."""
        with self._lock:
            self._index = None

    def _looked_up(self, pending: Sequence[Event]) -> tuple[Index | None, list[Event]]:
        """The index of the file as it is now, and what of `pending` is not in it."""
        with self._lock:
            index, self._index = self._index, None  # what fails here is tried anew
            try:
                inode = self.path.stat().st_ino
                if not index or index.inode != inode or not index.is_still_true():
                    index = Index(self.path)
            except FileNotFoundError:
                self.latest = ""
                return None, list(pending)
            index.extend()
            self._index, self.latest = index, as_time(index.latest)
        last = index.revision(len(index) - 1) if len(index) else 0
        return index, [entry for entry in pending if entry["revision"] > last]


def _last_line(descriptor: int) -> tuple[int, int]:
    """The revision of the last line that can be read, and where it ends; zeros where there is none. Raises ValueError
    where no service can have given that revision: whatever came after it would stand before it."""
    size, window = os.fstat(descriptor).st_size, TAIL_BYTES
    while True:
        start = max(0, size - window)
        tail = os.pread(descriptor, size - start, start)
        end = size - (len(tail) - tail.rfind(b"\n") - 1)
        for line in reversed(tail.split(b"\n")[:-1] if start == 0 else tail.split(b"\n")[1:-1]):
            try:
                revision = int(orjson.loads(line)["revision"])
            except (ValueError, TypeError, KeyError):
                end -= len(line) + 1
                continue
            if revision > MAX_REVISION:
                raise ValueError(f"the last revision in its history is larger than {MAX_REVISION}")
            return revision, end
        if start == 0:
            return 0, 0
        window *= 4
