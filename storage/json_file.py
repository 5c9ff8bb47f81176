"""The store in one readable JSON file, and the journal beside it that makes a commit cheap."""

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import filelock

from domain.document import Document, Upgrade
from domain.errors import Unavailable
from domain.history import Entry
from domain.server import Server
from storage.contract import EVERYTHING, Commit, Decide, Decision, Records, Snapshot, Span
from storage.files import explained, look_for_room, rename_synced, signature_of, sync_folder, write_synced
from storage.fleet import Fleet
from storage.history import HistoryFile
from storage.journal import Line
from storage.queue import Answer, CommitQueue, Take
from storage.replica import Replica

LOCK_SECONDS = 10.0
LOCK_POLL_SECONDS = 0.0005
PROBE_BYTES = 4_096

# Under load the file is written at most this part of the time. Time without a write is saved up, so that a report in
# a quiet time, and dozens in a row about a small fleet, stand in the file before they are answered.
CHECKPOINT_SHARE = 0.05
SAVED_SECONDS = 2.0
RETRY_SECONDS = 1.0

# A journal that outgrew this, and a quarter of the file, starts anew at the next checkpoint.
JOURNAL_BYTES = 1_048_576

logger = logging.getLogger("gitops_status")


class JsonFileStore:
    """One JSON file that an operator can read with `jq`, for any number of threads and processes.

    A commit is a line in the journal, synced before it is answered; changes that wait at the same moment share one.
    The file itself is replaced whole (temporary name, fsync, rename, fsync of the folder) when that is cheap: that is
    a checkpoint. Each process holds the fleet in memory and reads the journal's tail before each reading and each
    commit, so both cost what changed and not the fleet. A lock file, never deleted, lets one process write at a time.
    """

    def __init__(
        self,
        path: Path,
        upgrade: Upgrade,
        oldest: Callable[[], str] = lambda: "",
        committed: Callable[[float], None] = lambda _seconds: None,
    ) -> None:
        self._path = path.resolve()  # a link stays a link: what it names is replaced
        self._temporary = self._beside("tmp")
        self._lock = filelock.FileLock(
            self._beside("lock"), timeout=LOCK_SECONDS, poll_interval=LOCK_POLL_SECONDS, thread_local=False
        )
        self._alone = threading.Lock()
        self._queue = CommitQueue(self._commit)
        self._oldest = oldest
        self._committed = committed
        self._history = HistoryFile(self._beside("history"), like=self._path)
        self._replica = Replica(self._path, self._beside("journal"), self._history, upgrade)
        self._next_write = 0.0  # when the next checkpoint is due, by the monotonic clock
        self._paid = 0.0  # the seconds of checkpoints that are counted in it
        self._timer: threading.Timer | None = None
        self._has_failed = False  # to write, and no check that wrote has succeeded since

    def _beside(self, ending: str) -> Path:
        return self._path.with_name(f"{self._path.name}.{ending}")

    def get(self, key: str) -> Server | None:
        with self._read() as fleet:
            return fleet.get(key)

    def snapshot(self) -> Snapshot:
        with self._read() as fleet:
            return fleet.snapshot()

    def change(self, keys: Sequence[str], decide: Decide) -> Commit:
        return self._queue.submit(keys, decide)

    def restore(self, records: Records, history: Sequence[Entry], revision: int) -> None:
        self._write(lambda fleet: (Line(max(fleet.revision + 1, revision), records, history), ()))

    def events(self, after: int = 0, span: Span = EVERYTHING, *, newest_first: bool = False) -> Iterator[Entry]:
        return self._told(lambda pending: self._history.events(pending, after, span, newest_first=newest_first))

    def in_force(self, time: str, about: Callable[[str], bool] | None = None) -> Iterator[Entry]:
        return self._told(lambda pending: self._history.in_force(pending, time, about))

    def check(self, *, writes: bool = True) -> None:
        self.get("")
        if not writes and not self._has_failed:
            with explained(self._path, "written"):
                look_for_room(self._path.parent, PROBE_BYTES)
            return
        with self._remembered(), self._locked(), explained(self._path, "written"):
            write_synced(self._temporary, [bytes(PROBE_BYTES)], like=self._path)
            self._temporary.unlink()
        self._has_failed = False

    def journal_size(self) -> int:
        with suppress(OSError):
            return self._replica.journal.path.stat().st_size
        return 0

    def close(self) -> None:
        """Bring the file up to date, if it can be written, and let go of the journal."""
        if self._timer:
            self._timer.cancel()
        try:
            if self._replica.is_used:
                self._caught_up(self._checkpoint)
        except Unavailable as error:
            logger.warning("%s What was reported is safe in its journal.", error)
        self._replica.close()
        self._history.forget()

    def compact(self) -> None:
        """Bring file and history up to date and start the journal anew. Raises Unavailable, with all as it was."""
        with self._locked():
            self._replica.catch_up()
            self._checkpoint(starts_anew=True)

    def _commit(self, take: Take) -> Sequence[Answer]:
        with self._remembered():
            return self._write(lambda fleet: fleet.decided(take()))

    def _write(self, decided: Callable[[Fleet], tuple[Line, Sequence[Answer]]]) -> Sequence[Answer]:
        started, replica = time.monotonic(), self._replica
        with self._locked():
            replica.catch_up()
            if replica.is_upgraded:
                self._keep_version_1()
            if replica.is_foreign or not replica.journal.is_usable:
                self._checkpoint()
            with explained(self._path, "written"):
                with replica.memory:  # a reader who finds an edited file comes before the decision, or after its line
                    line, answers = decided(replica.fleet)
                    if line.revision == replica.fleet.revision:
                        return answers
                    descriptor = replica.journal.append(line)
                replica.journal.sync(descriptor)  # only then it is taken into memory; readers go on meanwhile
            self._committed(time.monotonic() - started)
            with replica.memory:
                if replica.fleet.revision < line.revision:  # else a reader found an edited file, and read all anew
                    replica.fleet.apply(line)
            self._checkpoint_if_due()
            return answers

    @contextmanager
    def _read(self) -> Iterator[Fleet]:
        """The fleet as it is now. It may be used until the block ends."""
        self._replica.catch_up()
        if self._replica.is_upgraded:
            self.change((), lambda _records, _revision: Decision({}))  # puts the new version on disk
        with self._replica.memory:
            yield self._replica.fleet

    def _told(self, tell: Callable[[Sequence[Entry]], Iterator[Entry]]) -> Iterator[Entry]:
        """What the history tells, with the entries that are not yet in its file."""
        with self._read() as fleet:
            pending = list(fleet.pending)
        with explained(self._path, "read"):
            try:
                yield from tell(pending)
            except ValueError as error:
                raise Unavailable(f"The store {self._path.name} cannot be read: {error}.") from None

    def _checkpoint_if_due(self) -> None:
        """A checkpoint, now or by itself later. The commit is safe without it, so a failure is logged and no more."""
        saved, spent = time.monotonic() - SAVED_SECONDS, self._replica.seconds
        self._next_write = max(self._next_write, saved) + (spent - self._paid) / CHECKPOINT_SHARE
        self._paid = spent
        wait = self._next_write - time.monotonic()
        if wait > 0:
            self._checkpoint_in(wait)
            return
        try:
            self._checkpoint()
        except Unavailable as error:
            self._checkpoint_in(RETRY_SECONDS, error)

    def _checkpoint_in(self, seconds: float, error: Unavailable | None = None) -> None:
        if error:
            self._has_failed = True
            logger.warning("%s What was reported is safe in its journal.", error)
        if not self._timer:
            self._timer = threading.Timer(seconds, self._checkpoint_late)
            self._timer.daemon = True
            self._timer.start()

    def _checkpoint_late(self) -> None:
        """The checkpoint that was not due when its commit was made, unless another process made it."""
        self._timer = None
        try:
            if self._replica.is_behind:
                self._caught_up(self._checkpoint_if_due)
        except Unavailable as error:
            self._checkpoint_in(RETRY_SECONDS, error)

    def _caught_up(self, write: Callable[[], None]) -> None:
        with self._locked():
            self._replica.catch_up()
            if self._replica.is_behind:
                write()

    def _checkpoint(self, *, starts_anew: bool = False) -> None:
        """Bring the history and the file up to date."""
        started, replica = time.monotonic(), self._replica
        with replica.memory:
            snapshot, pending, known = replica.fleet.snapshot(), list(replica.fleet.pending), replica.files
        with explained(self._path, "written"):
            if pending:
                self._history.append(pending)
            with suppress(ValueError):  # a line that cannot be read: readers hear of it, and nothing goes meanwhile
                self._history.prune(self._oldest(), snapshot.records.__contains__, self._temporary)
            document = Document(snapshot.revision, snapshot.records, replica.others)
            try:
                file = write_synced(self._temporary, document.content(), like=self._path)
                with replica.memory:
                    if signature_of(self._path) not in known:
                        raise Unavailable(f"The store {self._path.name} was replaced by somebody while it was written.")
                    _inode, size, _changed = file
                    line = Line(snapshot.revision, file=file, seconds=time.monotonic() - started)
                    # Announced over a foreign file, and then not made, it would pass for what that file holds.
                    is_announced = replica.journal.is_usable and not replica.is_foreign
                    if is_announced:
                        os.close(replica.journal.append(line))
                    rename_synced(self._temporary, self._path)
                    replica.note_checkpoint(line)
                    is_long = replica.journal.offset > max(JOURNAL_BYTES, size // 4)
                    if starts_anew or is_long or not is_announced:
                        replica.journal.start_anew(line)
                    replica.is_foreign = False
            finally:
                self._temporary.unlink(missing_ok=True)  # what could not be renamed would only fill the disk

    def _keep_version_1(self) -> None:
        """A second name for the version 1 file, before the first gets a new content. An older copy stays."""
        with explained(self._path, "written"), suppress(FileExistsError):
            self._path.with_suffix(".v1.json").hardlink_to(self._path)
            sync_folder(self._path.parent)

    @contextmanager
    def _remembered(self) -> Iterator[None]:
        """What fails here makes the next check one that writes: only that tells whether it is over."""
        try:
            yield
        except Unavailable:
            self._has_failed = True
            raise

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Alone among all threads and processes."""
        with self._alone:
            with explained(self._path, "locked"):
                try:
                    self._lock.acquire()
                except filelock.Timeout:
                    raise Unavailable(
                        f"The store {self._path.name} is locked by another process for over {LOCK_SECONDS:g} seconds."
                    ) from None
            try:
                yield
            finally:
                self._lock.release()
