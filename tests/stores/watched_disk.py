"""A disk whose calls are watched: what it would hold if the power went at any of them."""

import itertools
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

NAMES = {
    "status.json": "file", "status.json.tmp": "temporary", "status.json.journal": "journal", "status.v1.json": "copy",
    "status.json.journal.tmp": "new journal", "status.json.history": "history", "status.json.lock": "lock",
}  # fmt: skip
_link = os.link  # as it is while none is watched


@dataclass(frozen=True)
class Moment:
    """What one moment leaves to choose from: names and contents that are known to last, and those that may."""

    call: str
    acknowledged: int
    lasting_names: dict[str, int]
    names: dict[str, int]
    lasting: dict[int, tuple[bytes, int]]
    contents: dict[int, tuple[bytes, int]]


class Disk:
    """Watches the promised calls as they really happen, and knows what would be left if the power went then."""

    def __init__(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.moments = list[Moment]()
        self._path = path
        self._kept = path.parent.parent / "kept"  # every inode that ever had a name keeps one here
        self._kept.mkdir()
        self._acknowledged = 0
        self._names = self._found()
        self._lasting = {inode: self._content(inode) for inode in self._names.values()}
        for name in ("fsync", "fdatasync", "replace", "link"):
            monkeypatch.setattr(os, name, self._watched(name, getattr(os, name)))

    @property
    def calls(self) -> list[str]:
        """The calls, and the answers between them."""
        return [moment.call for moment in self.moments]

    def acknowledge(self) -> None:
        """A change was answered."""
        self._acknowledged += 1
        self._note("answer")

    def left(self) -> Iterator[tuple[Moment, Path]]:
        """Each disk that a power cut at any of the moments can leave, laid out in a folder of its own.

        A name that changed since the folder was synced may have lasted or not, each by itself; contents that were not
        synced are there or as they were before. Inodes and times are those that they were.
        """
        folders = (self._path.parent.parent / f"left-{number}" for number in itertools.count())
        for moment in self.moments:
            both = {*moment.lasting_names, *moment.names}
            open_names = sorted(name for name in both if moment.lasting_names.get(name) != moment.names.get(name))
            for choice in itertools.product((moment.lasting_names, moment.names), repeat=len(open_names)):
                names = {**moment.lasting_names, **dict.fromkeys(open_names, 0)}
                names.update((name, source.get(name, 0)) for name, source in zip(open_names, choice, strict=True))
                for contents in (moment.lasting, moment.contents):
                    yield moment, self._laid_out(next(folders), names, contents)

    def _laid_out(self, folder: Path, names: dict[str, int], contents: dict[int, tuple[bytes, int]]) -> Path:
        folder.mkdir()
        for name, inode in names.items():
            if inode:
                content, changed = contents.get(inode, (b"", 0))
                (self._kept / str(inode)).write_bytes(content)
                os.utime(self._kept / str(inode), ns=(changed, changed))
                (folder / name).hardlink_to(self._kept / str(inode))
        return folder / self._path.name

    def _watched(self, name: str, call: Callable[..., None]) -> Callable[..., None]:
        def watched(*arguments: Any, **options: Any) -> None:
            if self._kept in [Path(str(argument)).parent for argument in arguments]:
                return call(*arguments, **options)  # our own
            found = self._found()
            if name in ("replace", "link"):
                self._note(f"{name} {' '.join(NAMES[Path(argument).name] for argument in arguments)}")
                return call(*arguments, **options)
            status = os.fstat(arguments[0])
            if stat.S_ISDIR(status.st_mode):
                self._note("sync folder")
                call(*arguments)
                self._names = found
            else:
                entry = next(entry for entry, inode in found.items() if inode == status.st_ino)
                self._note(f"sync {NAMES[entry]}")
                call(*arguments)
                self._lasting[status.st_ino] = self._content(status.st_ino)
            return None

        return watched

    def _note(self, call: str) -> None:
        names = self._found()
        contents = {int(kept.name): self._content(int(kept.name)) for kept in self._kept.iterdir()}
        self.moments.append(Moment(call, self._acknowledged, dict(self._names), names, dict(self._lasting), contents))

    def _found(self) -> dict[str, int]:
        names = [entry.name for entry in self._path.parent.iterdir()]
        found = {name: self._path.with_name(name).stat().st_ino for name in names}
        for name, inode in found.items():
            if not (self._kept / str(inode)).exists():
                _link(self._path.with_name(name), self._kept / str(inode))
        return found

    def _content(self, inode: int) -> tuple[bytes, int]:
        kept = self._kept / str(inode)
        return kept.read_bytes(), kept.stat().st_mtime_ns
