"""The store in one readable JSON file, and the journal beside it that makes a commit cheap."""

import math
import threading
import time
from collections.abc import Callable, Iterator, MutableSequence, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from domain.document import WITH_KINDS, Upgrade
from domain.errors import Unavailable
from domain.freshness import MOST_AHEAD
from domain.kinds import KINDS, Event, Kind, Kinds, Ref
from domain.times import believable, time_text
from storage import EVERYTHING, Changes, Commit, Decide, Decision, R, Snapshot, Span
from stores.batch import Batch
from stores.files import explained, look_for_room, sync_folder, understood, write_synced
from stores.json_file.checkpoint import Checkpointer
from stores.json_file.history import HistoryFile
from stores.json_file.pace import AS_IT_IS, Pace
from stores.json_file.patience import Aside, Late
from stores.json_file.replica import Decided, FileIsOlder, Replica
from stores.json_file.schedule import Schedule
from stores.lock import StoreLock, is_locked
from stores.queue import Answer, CommitQueue, Take
from stores.tables import Tables
from stores.trouble import Trouble

PROBE_BYTES = 4_096


class JsonFileStore:
    """One JSON file that an operator can read with `jq`, for any number of threads and processes.

    A commit is a line in the journal, synced before it is answered; changes that wait at the same moment share one.
    The file itself is replaced whole (temporary name, fsync, rename, fsync of the folder) when that is cheap: that is
    a checkpoint. Each process holds all records in memory and reads the journal's tail before each reading and each
    commit, so both cost what changed and not what there is. A lock lets one process write at a time.
    """

    def __init__(  # noqa: PLR0913 - what `open_store` is told, the pace, and the kinds
        self,
        path: Path,
        upgrade: Upgrade,
        *,
        oldest: Callable[[], str] = lambda: "",
        committed: Callable[[float], None] = lambda _seconds: None,
        clock: Callable[[], float] = time.time,
        pace: Pace = AS_IT_IS,
        kinds: Kinds = KINDS,
    ) -> None:
        self.pace = pace
        self._path = path.resolve()  # a link stays a link: what it names is replaced
        self._temporary = self._beside("tmp")
        self._lock = StoreLock(self._path, self._beside("lock"), pace.lock)
        self._locked = self._lock.held
        self._queue = CommitQueue(self._commit)
        self._committed = committed
        self._clock = believable(clock)
        self._history = HistoryFile(self._beside("history"), like=self._path)
        self._replica = Replica(self._path, self._history, upgrade, self._lock.is_signed, kinds)
        self._trouble = Trouble(pace.costly)
        self._oldest, self._due = oldest, ""
        self._checkpoint = Checkpointer(
            self._path, self._temporary, self._lock, self._history, self._replica, self._trouble, self._clock, pace
        ).make
        self._schedule = Schedule(self._lock, self._replica, self._trouble, self._checkpoint, pace)
        self._commits, self._checks = Aside[Sequence[Answer]](pace), Aside[None](pace)
        self._is_late = False  # whether the last reading could not find out what the files say

    def _beside(self, ending: str) -> Path:
        return self._path.with_name(f"{self._path.name}.{ending}")

    def get(self, kind: Kind[R], key: str) -> R | None:
        with self._read() as tables:
            return tables.get(kind.name, key)  # type: ignore[no-any-return]  # what its kind gave

    def snapshot(self) -> Snapshot:
        with self._read() as tables:
            return tables.snapshot()

    def change(self, refs: Sequence[Ref], decide: Decide) -> Commit:
        return self._queue.submit(refs, decide)

    def restore(self, records: Changes, events: Sequence[Event], revision: int) -> None:
        self._write(lambda tables: (Batch(max(tables.revision + 1, revision), records, events), ()))

    def events(self, span: Span = EVERYTHING, *, newest_first: bool = False) -> Iterator[Any]:
        return self._told(lambda pending: self._history.events(pending, span, newest_first=newest_first))

    def in_force(self, kind: Kind[Any], time: str, about: Callable[[str], bool] | None = None) -> Iterator[Any]:
        return self._told(lambda pending: self._history.in_force(pending, kind.name, time, about))

    def check(self, *, writes: bool = True) -> None:
        self.snapshot()
        if self._is_late:
            raise self._stands_still()
        if not writes and not self._trouble.has_failed:
            with explained(self._path, "written"):
                look_for_room(self._path.parent, PROBE_BYTES)
            return
        try:
            self._checks.share(
                self._try, min(time.monotonic() + self.pace.patience, self._commits.ends)
            )  # what holds up one, both
        except Late:
            raise self._stands_still() from None

    def _try(self) -> None:
        with self._trouble.remembered(), self._locked(), explained(self._path, "written"):
            self._schedule.make_room()
            write_synced(self._temporary, [bytes(PROBE_BYTES)], like=self._path)
            self._temporary.unlink()
        self._trouble.has_failed = False

    def journal_size(self) -> int:
        with suppress(OSError):
            return self._replica.journal.path.stat().st_size
        return 0

    def age(self) -> float:
        return time.monotonic() - self._replica.looked_at if self._is_late else 0.0

    def behind_seconds(self) -> float:
        return self._schedule.behind_seconds()

    def notice(self) -> str:
        return self._schedule.notice()

    def share(self, known: MutableSequence[int]) -> None:
        self._replica.known = known

    def begin(self) -> None:
        self.snapshot()
        if self._replica.is_new:
            with self._locked():
                self._replica.catch_up()
                if self._replica.is_new:
                    self._checkpoint()

    def sweep(self) -> None:
        with self._read():  # which brings back what lies ahead
            self._due = self._oldest() or self._due
        if self._due:
            with self._locked():
                self._settle()
                with explained(self._path, "written"), understood(self._path):
                    self._history.prune(self._due, self._replica.tables.has, self._temporary)
            self._due = ""

    def close(self) -> None:
        """Bring the file up to date, if it can be written, and let go of the journal."""
        self._schedule.write_last()
        self._replica.close()
        self._history.forget()

    def compact(self) -> None:
        """Bring file and history up to date and start the journal anew. Raises Unavailable, with all as it was."""
        with self._locked():
            self._replica.catch_up()
            self._checkpoint(starts_anew=True)

    def _commit(self, take: Take) -> Sequence[Answer]:
        """The commit of all that wait. Whoever waits for it stops when the time of the first is up: with their answers
        if only the file is still being written; and what was not yet taken is not taken any more."""
        ends, gate = self._queue.waiting_since + self.pace.patience, threading.Lock()
        stored, is_given_up = list[Sequence[Answer]](), False

        def decided(tables: Tables) -> tuple[Batch, Sequence[Answer]]:
            with gate:
                return tables.decided(() if is_given_up else take())

        with self._trouble.remembered():
            try:
                return self._commits.do(lambda: self._write(decided, math.inf, stored.append), ends)
            except Late:
                with gate:
                    is_given_up = True
                if stored:
                    return stored[0]
                raise self._stands_still() from None

    def _stands_still(self) -> Unavailable:
        if self._lock.is_waited_for:
            return is_locked(self._path, self.pace.patience)
        return Unavailable(
            f"The disk of the store {self._path.name} stands still for over {self.pace.patience:g} seconds."
        )

    def _write(
        self,
        decided: Decided,
        seconds: float | None = None,
        store: Callable[[Sequence[Answer]], None] = lambda _answers: None,
    ) -> Sequence[Answer]:
        started = time.monotonic()
        with self._locked(seconds):
            answers, revision = self._journalled(decided)
            with explained(self._path, "written"):
                while self._replica.has_gone(revision):
                    answers, revision = self._journalled(decided)
            store(answers)
            if revision:
                self._committed(time.monotonic() - started)
                self._schedule.write_if_due()
            return answers

    def _journalled(self, decided: Decided) -> tuple[Sequence[Answer], int]:
        """What was answered, and the revision up to which it stands in the journal."""
        while True:
            try:
                self._settle()
                with explained(self._path, "written"):
                    return self._replica.commit(decided)
            except FileIsOlder:
                self._schedule.write(WITH_KINDS)

    @contextmanager
    def _read(self) -> Iterator[Tables]:
        """The records as they are now. They may be used until the block ends.

        Who reads puts the store in order where it is not, as who writes does; if it cannot be written, what is there
        is shown all the same.
        """
        tables = self._looked()
        if self._is_late:
            yield tables
            return
        if (self._replica.is_put_there or self._is_ahead()) and not self._trouble.is_waiting:
            with self._trouble.of("What is there is shown as it is.", is_costly=True):
                self.change((), lambda _records, _revision: Decision({}))
        if self._replica.is_behind and not self._replica.is_foreign:
            self._schedule.write_soon()
        yield self._replica.tables

    def _looked(self) -> Tables:
        """The records as the files have them now; or, where a disk that stands still keeps others who look, as they
        were known before. Raises Unavailable where they never were."""
        replica, pace = self._replica, self.pace
        seconds = pace.glance if self._is_late else pace.look if replica.was_read else pace.patience
        if replica.memory.acquire(timeout=seconds):
            try:
                replica.catch_up()
                self._is_late = False
            finally:
                replica.memory.release()
        elif replica.was_read:
            self._is_late = True
        else:
            raise self._stands_still()
        return replica.tables

    def _told(self, tell: Callable[[Sequence[Event]], Iterator[Any]]) -> Iterator[Any]:
        """What the history tells, with the events that are not yet in its file."""
        with explained(self._path, "read"), understood(self._path):
            self._history.follow()
            with self._read() as tables:
                pending = list(tables.pending)
            yield from tell(pending)

    def _is_ahead(self) -> bool:
        """Whether a time that is known lies ahead of now."""
        return max(self._replica.tables.latest, self._history.latest) > time_text(int(self._clock()) + MOST_AHEAD)

    def _settle(self) -> None:
        """Catch up, and put in order what is not: a file that somebody put there, a journal that a crash cut, a clock
        that was ahead. Dying in the middle does no harm: the next to look finds the rest."""
        replica = self._replica
        replica.catch_up()
        if replica.is_upgraded:
            self._keep_version_1()
        if replica.is_foreign or not replica.journal.is_usable:
            self._schedule.write()
        self._schedule.make_room()
        if self._is_ahead() and not self._trouble.is_waiting:
            self._bring_back()

    def _bring_back(self) -> None:
        """Bring the times that lie ahead back to now. No report waits for the history."""
        now = time_text(int(self._clock()))
        with explained(self._path, "written"):
            tables = self._replica.bring_back(now)
        ahead = "Times in its history lie ahead."
        with self._trouble.of(ahead, is_costly=True), explained(self._path, "written"), understood(self._path):
            self._history.bring_back(list(tables.pending), now, self._temporary)
            tables.latest = min(tables.latest, now)

    def _keep_version_1(self) -> None:
        """A second name for the version 1 file, before the first gets a new content. An older copy stays."""
        with explained(self._path, "written"), suppress(FileExistsError):
            self._path.with_suffix(".v1.json").hardlink_to(self._path)
            sync_folder(self._path.parent)
