"""The journal: what was committed since the file was last written, a line a commit.

A commit is the line `{"revision":…,"servers":{key:record or null},"history":[event…]}`, with a member more for each
other kind that it is about; one that this version does not know is refused. A checkpoint is announced,
before the file is replaced, by `{"checkpoint":revision,"file":[inode,size,mtime],"seconds":…,"journal":inode}`, so that
every process knows the new file for one of ours and need not read it. Such a line is also a journal's first, and only
there it names the journal's own inode: in a copy it is another's.
"""

import io
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

import orjson

from domain.kinds import SERVER, Kinds, is_event
from domain.server import MAX_REVISION, is_revision
from stores.batch import Batch
from stores.files import Signature, rename_synced, write_all, write_synced


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """That a file was made which holds all up to a revision, and how long that took; where it is the first line, also
    the journal's own inode."""

    revision: int
    file: Signature
    seconds: float
    journal: int = 0


Line: TypeAlias = Batch | Checkpoint


class Journal:
    """One process's hold on the journal: which file it reads, and how far it has read.

    Who appends, or starts it anew, holds the store's lock. Reading needs none: a line counts once it has its line end.
    """

    def __init__(self, path: Path, like: Path, kinds: Kinds) -> None:
        self.path = path
        self.inode = 0
        self.offset = 0
        self._like = like
        self._kinds = kinds
        self._descriptor: int | None = None
        self._revision = 0  # of the last line
        self.announced: Signature | None = None  # the last that was announced
        self._is_whole = False
        self._doubtful = 0  # the inode of a journal whose sync failed

    @property
    def is_usable(self) -> bool:
        """Whether a line can be appended: not where there is no journal, or where its last line is torn.

        A torn journal is never written on, but started anew: so whoever read a line that was taken back later (see
        `sync`) sees that by the size, and not by chance.
        """
        return self._descriptor is not None and self._is_whole and self.inode != self._doubtful

    def follow(self) -> list[Line] | None:
        """The lines that came since; None where the journal does not go on from what was read, and must be reopened."""
        try:
            return self._follow()
        except FileNotFoundError:
            return [] if self._descriptor is None else None
        except ValueError:
            return None  # another one was copied over it

    def _follow(self) -> list[Line] | None:
        status = self.path.stat()
        if status.st_ino == self.inode:
            return self._tail(status.st_size)
        if self._descriptor is None:
            return None
        # It was started anew: the old one is read to its end, and the new one must begin with where that one ended.
        # After a file that somebody edited it begins with a checkpoint that the old one does not announce.
        older = self._tail(os.fstat(self._descriptor).st_size)
        end = self._revision, self.announced
        first, *newer = self.reopen() or [Batch(0)]
        goes_on = isinstance(first, Checkpoint) and (first.revision, first.file, first.journal) == (*end, self.inode)
        return older + newer if older is not None and goes_on else None

    def reopen(self, known: int = 0) -> list[Line]:
        """Every line of the file that the path names now, without the records of commits up to the revision `known`.

        Raises ValueError where a line in its middle cannot be read.
        """
        self.close()
        try:
            self._descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return []
        status = os.fstat(self._descriptor)
        self.inode = status.st_ino
        return self._tail(status.st_size, known) or []

    def append(self, line: Line) -> int:
        """Put a line at the end. After an error the journal is as it was before.

        Returns the descriptor, for `sync` or to be closed: not the one for reading, which a reader may close meanwhile.
        """
        content = encoded(line, self._kinds)
        descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        try:
            write_all(descriptor, content)
        except OSError:
            try:
                os.ftruncate(descriptor, self.offset)
            finally:
                os.close(descriptor)
            raise
        self.offset += len(content)
        self._note(line)
        return descriptor

    def sync(self, descriptor: int) -> None:
        """Return when all that was appended is on disk. After an error the last line is taken back: it is torn."""
        try:
            os.fdatasync(descriptor)
        except OSError:
            status = os.fstat(descriptor)
            # Where the line cannot be taken back either, all shall read it alike; and nobody here writes on it.
            self._doubtful, self.inode = status.st_ino, 0
            os.ftruncate(descriptor, status.st_size - 1)
            raise
        finally:
            os.close(descriptor)

    def start_anew(self, checkpoint: Checkpoint) -> None:
        """Begin a new file with this checkpoint. Who holds the old one reads it to its end, then finds the new."""
        temporary = self.path.with_name(f"{self.path.name}.tmp")
        temporary.touch()
        write_synced(temporary, [encoded(replace(checkpoint, journal=temporary.stat().st_ino), {})], like=self._like)
        try:
            rename_synced(temporary, self.path)
        except OSError:
            self.path.unlink(missing_ok=True)  # what a power cut may undo is not written on; the file holds it all
            raise
        self._doubtful = 0  # its number may be given again
        self.reopen()

    def close(self) -> None:
        """Let go of the file."""
        if self._descriptor is not None:
            os.close(self._descriptor)
        self._descriptor, self.inode, self.offset, self._is_whole = None, 0, 0, False
        self._revision, self.announced = 0, None

    @property
    def _held(self) -> int:
        if self._descriptor is None:
            raise ValueError("no journal is held")
        return self._descriptor

    def _tail(self, size: int, known: int = 0) -> list[Line] | None:
        """The lines from where reading ended; None where what was read was taken back, or is another's."""
        if size < self.offset:
            return None
        if size == self.offset:
            return []
        lines, good = decoded(os.pread(self._held, size - self.offset, self.offset), self._kinds, known)
        if lines and lines[0].revision < self._revision:
            return None  # an older one was copied over it, and has a line that ends just where reading ended
        self.offset += good
        self._is_whole = self.offset == size
        for line in lines:
            self._note(line)
        return lines

    def _note(self, line: Line) -> None:
        self._revision = line.revision
        if isinstance(line, Checkpoint):
            self.announced = line.file


def checkpoints(lines: Sequence[Line]) -> list[Checkpoint]:
    """Those of the lines that are checkpoints."""
    return [line for line in lines if isinstance(line, Checkpoint)]


def batches(lines: Sequence[Line]) -> list[Batch]:
    """Those that are commits."""
    return [line for line in lines if isinstance(line, Batch)]


def written_to(lines: Sequence[Line]) -> int:
    """The inode of the journal that these lines were written to; 0 where they begin with no checkpoint."""
    return lines[0].journal if lines and isinstance(lines[0], Checkpoint) else 0


def encoded(line: Line, kinds: Kinds) -> bytes:
    """The bytes of a line."""
    members: dict[str, Any]
    if isinstance(line, Checkpoint):
        members = {"checkpoint": line.revision, "file": line.file, "seconds": line.seconds, "journal": line.journal}
    else:
        members = {"revision": line.revision, SERVER.member: {}}
        for name, records in line.records.items():
            members[kinds[name].member] = records
        members["history"] = line.events
    return orjson.dumps(members, option=orjson.OPT_APPEND_NEWLINE)


def taken_in(revision: int, lines: Sequence[Line]) -> int:
    """Up to which revision the lines of a journal are none to be added to a file of this revision that somebody put
    beside it.

    One older than the last checkpoint is a backup, and nothing that was committed before it came undoes it; else it was
    edited, and goes without nothing that was acknowledged since.
    """
    last = max(line.revision for line in checkpoints(lines))
    return max(revision, last if revision >= last else lines[-1].revision)


def decoded(content: bytes, kinds: Kinds, known: int = 0) -> tuple[list[Line], int]:
    """The lines of the content, and how many bytes they hold. Commits up to the revision `known` come without records:
    a long journal, most of which the file holds already, would take as much memory as the fleet.

    A last line that cannot be read was torn by a crash, before anybody was told that it is stored. One before it was
    not: raises ValueError, as for a revision that no line of ours has, and for a kind that only a later version knows.
    """
    lines, good = list[Line](), 0
    for text in io.BytesIO(content):
        if not text.endswith(b"\n"):
            break
        try:
            line = _line(orjson.loads(text), kinds, known)
            events = line.events if isinstance(line, Batch) else ()
            revisions = [line.revision, *[event["revision"] for event in events]]
        except _OfLaterVersion:
            raise
        except (ValueError, TypeError, KeyError, AttributeError):
            if content.find(b"\n", good + len(text)) < 0:
                break
            raise ValueError("a line in the middle of its journal cannot be read") from None
        if not all(map(is_revision, revisions)):
            raise ValueError(f"a revision in its journal is no whole number from 0 to {MAX_REVISION}")
        lines.append(line)
        good += len(text)
    return lines, good


def problem_of(batch: Batch, kinds: Kinds) -> str:
    """What is wrong with the records and events of a commit; empty if nothing is."""
    try:
        for name, records in batch.records.items():
            kinds[name].restore({key: record for key, record in records.items() if record is not None})
    except ValueError as error:
        return str(error)
    return "" if all(map(is_event, batch.events)) else "it holds a history entry that is none"


class _OfLaterVersion(ValueError):
    """A line holds what this version would lose."""


def _line(members: dict[str, Any], kinds: Kinds, known: int) -> Line:
    if "checkpoint" in members:
        inode, size, changed = members["file"]
        file = inode, size, changed
        return Checkpoint(members["checkpoint"], file, float(members["seconds"]), int(members["journal"]))
    revision, events, _servers = members.pop("revision"), members.pop("history"), members[SERVER.member]
    if is_revision(revision) and revision <= known:
        return Batch(revision, events=events)
    # Complete them, as a service of an older version may have written them. What another process appends is trusted: to
    # check it takes longer than all the rest. A start checks what it finds (`problem_of`).
    records: dict[str, dict[str, Any]] = {}
    for name, kind in kinds.items():
        if stored := members.pop(kind.member, None):
            complete = kind.complete
            records[name] = {key: record and complete(record) for key, record in stored.items()}
    if members:
        raise _OfLaterVersion(
            f"its journal holds {sorted(members)[0]!r}, which only a later version of the service knows"
        )
    return Batch(revision, records, events)
