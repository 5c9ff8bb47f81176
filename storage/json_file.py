"""The store in one readable JSON file, and the journal beside it that makes a commit cheap."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from domain.document import Upgrade
from domain.errors import Unavailable
from domain.freshness import MOST_AHEAD
from domain.history import Entry
from domain.server import Server
from domain.times import believable, time_text
from storage.checkpoint import Checkpointer
from storage.contract import EVERYTHING, Commit, Decide, Decision, Records, Snapshot, Span
from storage.files import explained, look_for_room, sync_folder, understood, write_synced
from storage.fleet import Fleet
from storage.history import HistoryFile
from storage.journal import Line
from storage.lock import StoreLock
from storage.pace import Pace
from storage.queue import Answer, CommitQueue, Take
from storage.replica import Replica
from storage.trouble import Trouble

PROBE_BYTES = 4_096

# A journal that outgrew this takes no more while the file cannot be written: it would fill the disk.
MOST_JOURNAL_BYTES = 268_435_456

IT_IS_SAFE = "What was reported is safe in its journal."


class JsonFileStore:
    """One JSON file that an operator can read with `jq`, for any number of threads and processes.

    A commit is a line in the journal, synced before it is answered; changes that wait at the same moment share one.
    The file itself is replaced whole (temporary name, fsync, rename, fsync of the folder) when that is cheap: that is
    a checkpoint. Each process holds the fleet in memory and reads the journal's tail before each reading and each
    commit, so both cost what changed and not the fleet. A lock lets one process write at a time.
    """

    def __init__(
        self,
        path: Path,
        upgrade: Upgrade,
        oldest: Callable[[], str] = lambda: "",
        committed: Callable[[float], None] = lambda _seconds: None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._path = path.resolve()  # a link stays a link: what it names is replaced
        self._temporary = self._beside("tmp")
        self._lock = StoreLock(self._path, self._beside("lock"))
        self._locked = self._lock.held
        self._queue = CommitQueue(self._commit)
        self._committed = committed
        self._clock = believable(clock)
        self._history = HistoryFile(self._beside("history"), like=self._path)
        self._replica = Replica(self._path, self._beside("journal"), self._history, upgrade, self._lock.is_signed)
        self._trouble = Trouble()
        self._checkpoint = Checkpointer(
            self._path, self._temporary, self._lock, self._history, self._replica, self._trouble, oldest, self._clock
        ).make
        self._pace = Pace()
        self._timer: threading.Timer | None = None

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
        if not writes and not self._trouble.has_failed:
            with explained(self._path, "written"):
                look_for_room(self._path.parent, PROBE_BYTES)
            return
        with self._trouble.remembered(), self._locked(), explained(self._path, "written"):
            self._make_room()
            write_synced(self._temporary, [bytes(PROBE_BYTES)], like=self._path)
            self._temporary.unlink()
        self._trouble.has_failed = False

    def journal_size(self) -> int:
        with suppress(OSError):
            return self._replica.journal.path.stat().st_size
        return 0

    def behind_seconds(self) -> float:
        return time.monotonic() - self._replica.behind_since if self._replica.is_behind else 0.0

    def notice(self) -> str:
        if not self._pace.failure or not self._replica.is_behind:
            return ""
        return f"{self._pace.failure} It is {self.behind_seconds():.0f} seconds behind its journal. {IT_IS_SAFE}"

    def begin(self) -> None:
        self.get("")
        if self._replica.is_new:
            with self._locked():
                self._replica.catch_up()
                if self._replica.is_new:
                    self._checkpoint()

    def close(self) -> None:
        """Bring the file up to date, if it can be written, and let go of the journal."""
        if self._timer:
            self._timer.cancel()
        try:
            if self._replica.is_read:
                self._caught_up(self._checkpoint)
        except Unavailable as error:
            self._trouble.say(error, IT_IS_SAFE)
        self._replica.close()
        self._history.forget()

    def compact(self) -> None:
        """Bring file and history up to date and start the journal anew. Raises Unavailable, with all as it was."""
        with self._locked():
            self._replica.catch_up()
            self._checkpoint(starts_anew=True)

    def _commit(self, take: Take) -> Sequence[Answer]:
        with self._trouble.remembered():
            return self._write(lambda fleet: fleet.decided(take()))

    def _write(self, decided: Callable[[Fleet], tuple[Line, Sequence[Answer]]]) -> Sequence[Answer]:
        started = time.monotonic()
        with self._locked():
            self._settle()
            with explained(self._path, "written"):
                answers, revision = self._replica.commit(decided)
                while self._replica.has_gone(revision):
                    self._settle()
                    answers, revision = self._replica.commit(decided)
            if revision:
                self._committed(time.monotonic() - started)
                self._checkpoint_if_due()
            return answers

    @contextmanager
    def _read(self) -> Iterator[Fleet]:
        """The fleet as it is now. It may be used until the block ends.

        Who reads puts the store in order where it is not, as who writes does; if it cannot be written, what is there
        is shown all the same.
        """
        self._replica.catch_up()
        if (self._replica.is_put_there or self._is_ahead()) and not self._trouble.is_waiting:
            with self._trouble.of("What is there is shown as it is.", is_costly=True):
                self.change((), lambda _records, _revision: Decision({}))
        if self._replica.is_behind and not self._replica.is_foreign:
            self._checkpoint_in(self._pace.while_quiet)  # also of a process that died
        with self._replica.memory:
            yield self._replica.fleet

    def _told(self, tell: Callable[[Sequence[Entry]], Iterator[Entry]]) -> Iterator[Entry]:
        """What the history tells, with the entries that are not yet in its file."""
        with explained(self._path, "read"), understood(self._path):
            self._history.follow()
            with self._read() as fleet:
                pending = list(fleet.pending)
            yield from tell(pending)

    def _is_ahead(self) -> bool:
        """Whether a time that is known lies ahead of now."""
        return max(self._replica.fleet.latest, self._history.latest) > time_text(int(self._clock()) + MOST_AHEAD)

    def _settle(self) -> None:
        """Catch up, and put in order what is not: a file that somebody put there, a journal that a crash cut, a clock
        that was ahead. Dying in the middle does no harm: the next to look finds the rest."""
        replica = self._replica
        replica.catch_up()
        if replica.is_upgraded:
            self._keep_version_1()
        if replica.is_foreign or not replica.journal.is_usable:
            self._checkpoint_paid()
        self._make_room()
        if self._is_ahead() and not self._trouble.is_waiting:
            self._bring_back()

    def _make_room(self) -> None:
        """Start a journal anew that has reached its bound, by a checkpoint; not at once again by one that failed."""
        if self._replica.journal.offset <= MOST_JOURNAL_BYTES:
            return
        if self._pace.failure and self._pace.seconds_left(self._replica.seconds) > 0:
            raise Unavailable(
                f"The journal of the store {self._path.name} has grown to its bound, "
                f"{MOST_JOURNAL_BYTES // 2**20} MiB, and takes no more until the file can be written. "
                f"{self._pace.failure}"
            )
        self._checkpoint_paid()

    def _bring_back(self) -> None:
        """Bring the times that lie ahead back to now. No report waits for the history."""
        now = time_text(int(self._clock()))
        with explained(self._path, "written"):
            fleet = self._replica.bring_back(now)
        ahead = "Times in its history lie ahead."
        with self._trouble.of(ahead, is_costly=True), explained(self._path, "written"), understood(self._path):
            self._history.bring_back(list(fleet.pending), now, self._temporary)
            fleet.latest = min(fleet.latest, now)

    def _checkpoint_if_due(self) -> None:
        """A checkpoint, now or by itself later. The commit is safe without it, so a failure is logged and no more."""
        if self._pace.seconds_left(self._replica.seconds) <= 0:
            with self._trouble.of(IT_IS_SAFE):
                self._checkpoint_paid()
        if self._replica.is_behind:
            self._checkpoint_in(self._pace.seconds_left(self._replica.seconds))

    def _checkpoint_paid(self) -> None:
        started = time.monotonic()
        try:
            self._checkpoint()
        except Unavailable as error:
            self._trouble.has_failed = True
            self._pace.failed(time.monotonic() - started, error)
            raise
        self._pace.succeeded()

    def _checkpoint_in(self, seconds: float) -> None:
        with self._replica.memory:  # who reads comes here too
            if not self._timer:
                self._timer = threading.Timer(max(0.0, seconds), self._checkpoint_late)
                self._timer.daemon = True
                self._timer.start()

    def _checkpoint_late(self) -> None:
        """The checkpoint that was not due when its commit was made, unless another process made it."""
        self._timer = None
        try:
            if self._replica.is_behind:
                self._caught_up(self._checkpoint_if_due)
        except Unavailable as error:
            self._trouble.say(error, IT_IS_SAFE)
            self._pace.failed(0.0, error)
            self._checkpoint_in(self._pace.seconds_left(self._replica.seconds))

    def _caught_up(self, write: Callable[[], None]) -> None:
        with self._locked():
            self._replica.catch_up()
            if self._replica.is_behind:
                write()

    def _keep_version_1(self) -> None:
        """A second name for the version 1 file, before the first gets a new content. An older copy stays."""
        with explained(self._path, "written"), suppress(FileExistsError):
            self._path.with_suffix(".v1.json").hardlink_to(self._path)
            sync_folder(self._path.parent)
