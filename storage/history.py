"""The history: a file to which each change's entry is appended, a line an entry, in the order of their revisions."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import orjson

from domain.history import Entry
from storage.files import sync_folder, take_mode, write_all

TAIL_BYTES = 4_096


class HistoryFile:
    """Entries move here from the journal at each checkpoint. Who appends holds the store's lock; reading needs none."""

    def __init__(self, path: Path, like: Path) -> None:
        self.path = path
        self._like = like

    def last_revision(self) -> int:
        """The revision of the newest entry, 0 where there is none."""
        try:
            descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return 0
        try:
            return _last_line(descriptor)[0]
        finally:
            os.close(descriptor)

    def append(self, entries: Sequence[Entry]) -> None:
        """Append the entries that are not there yet, and sync.

        Dying in the middle does no harm: the journal still has them all, and the next to append looks for the last
        whole line, drops what was torn, and goes on from there.
        """
        descriptor = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            last, end = _last_line(descriptor)
            if end == 0:
                take_mode(descriptor, self._like)
            os.ftruncate(descriptor, end)
            new = [
                orjson.dumps(entry, option=orjson.OPT_APPEND_NEWLINE) for entry in entries if entry["revision"] > last
            ]
            write_all(descriptor, b"".join(new))
            os.fdatasync(descriptor)
            if end == 0:
                sync_folder(self.path.parent)
        finally:
            os.close(descriptor)

    def read(self, after: int = 0) -> Iterator[Entry]:
        """The entries after a revision. Raises ValueError at a line that cannot be read, unless it is the last."""
        torn = 0
        try:
            file = self.path.open("rb")
        except FileNotFoundError:
            return
        with file:
            for number, line in enumerate(file, 1):
                if torn:
                    raise ValueError(f"line {torn} of its history cannot be read")
                try:
                    entry: Entry = orjson.loads(line)
                    if entry["revision"] > after:
                        yield entry
                except (ValueError, TypeError, KeyError):
                    torn = number  # an append that goes on, or that a crash cut, if nothing follows


def _last_line(descriptor: int) -> tuple[int, int]:
    """The revision of the last line that can be read, and where it ends; zeros where there is none."""
    size, window = os.fstat(descriptor).st_size, TAIL_BYTES
    while True:
        start = max(0, size - window)
        tail = os.pread(descriptor, size - start, start)
        end = size - (len(tail) - tail.rfind(b"\n") - 1)
        for line in reversed(tail.split(b"\n")[:-1] if start == 0 else tail.split(b"\n")[1:-1]):
            try:
                return int(orjson.loads(line)["revision"]), end
            except (ValueError, TypeError, KeyError):
                end -= len(line) + 1
        if start == 0:
            return 0, 0
        window *= 4
