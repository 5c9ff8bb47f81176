"""What one process knows of a store: the records in memory, read from the file and, commit by commit, the journal."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping, MutableSequence, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

from domain.document import VERSION, Upgrade, read_document, version_for
from domain.errors import Unavailable
from domain.kinds import Kinds
from domain.server import MAX_REVISION
from stores.batch import Batch
from stores.files import Signature, explained, not_understood, read_signed, signature_of
from stores.json_file.history import HistoryFile
from stores.json_file.journal import Checkpoint, Journal, Line, batches, checkpoints, problem_of, taken_in, written_to
from stores.json_file.pace import Pace
from stores.queue import Answer
from stores.tables import Tables

BEGIN_ANEW = "Mount its disk or put a backup back; `flask store new` begins an empty one."
Decided: TypeAlias = Callable[[Tables], tuple[Batch, Sequence[Answer]]]

ON_PURPOSE = b"{}"  # an empty store, wherever somebody puts it
BROUGHT_BACK_AT_ONCE = 1_000  # records in one line of the journal


class FileIsOlder(Exception):
    """A commit is about a kind that a version would lose which reads the file."""


class Replica:
    """The records, and how far the files they come from were read. Whoever uses more than one of them holds `memory`.

    What the file holds is the truth up to its revision; the journal adds what came later. A file that is not the
    last checkpoint was edited or put back by somebody: it is taken over, and what was committed after the last
    checkpoint is added to the one, and nothing to the other. No file, or one of no bytes, is an empty store only where
    none ever was.
    """

    def __init__(
        self, path: Path, history: HistoryFile, upgrade: Upgrade, was_made: Callable[[], bool], kinds: Kinds
    ) -> None:
        self.name = path.name
        self.kinds = kinds
        self.memory = threading.RLock()
        self.journal = Journal(path.with_name(f"{path.name}.journal"), path, kinds)
        self.tables = Tables(kinds)
        self.files: tuple[Signature | None, ...] = ()  # what the file may be: the last checkpoint, or the one before
        self.others: Mapping[str, Any] = {}
        self.version = VERSION  # that the file says
        self.in_file = 0  # the revision that the file holds
        self.was_read = False  # ever
        self.looked_at = 0.0  # when all was last known to be what the files say, by the monotonic clock
        self.is_read = False  # all of them, as far as they were looked at
        self.is_foreign = False  # no checkpoint of the journal: edited, put back, or its announcement was lost
        self.is_upgraded = False  # from a version 1 file, which is still there
        self.is_new = False  # there is nothing, and no sign that there ever was
        self.behind_since = 0.0  # by the monotonic clock, where the file does not hold all that was committed
        self.seconds = 0.0  # that all checkpoints took which this process heard of
        self._path = path
        self._history = history
        self._upgrade = upgrade
        self._was_made = was_made
        self._damage: tuple[object, str] | None = None
        self.known: MutableSequence[int] = bytearray(1)  # whether a store was there; see `Store.share`
        self._device: int | None = None  # of the file system on which this process knew it

    @property
    def is_behind(self) -> bool:
        """Whether something was committed that the file does not hold, and for which it is worth being written."""
        return self.tables.lasting > self.in_file

    def has_long_journal(self, pace: Pace) -> bool:
        """Whether the next checkpoint starts the journal anew."""
        file = self.files[0] if self.files else None
        return self.journal.offset > max(pace.journal, file[1] // 4 if file else 0)

    @property
    def is_put_there(self) -> bool:
        """Whether somebody put a file there, not an empty one, that no commit has taken over yet."""
        files = self.files  # once: another thread may read everything meanwhile
        return self.is_foreign and bool(files and files[0] and files[0][1])

    def catch_up(self) -> None:
        """Make the memory what the file and the journal say now. Raises Unavailable where they cannot be understood."""
        with self.memory, self._whole(), explained(self._path, "read"):
            file = signature_of(self._path)
            if self._damage and self._damage[0] == (file, *self._beside()):
                raise Unavailable(self._damage[1])
            try:
                lines = None if self._damage else self.journal.follow()
                self._apply(lines or [])
                if lines is None or not self.is_read or file not in self.files:
                    self._load()
            except (ValueError, Unavailable) as error:
                sentence = not_understood(self._path, error) if isinstance(error, ValueError) else str(error)
                self._damage = ((file, *self._beside()), sentence)
                raise Unavailable(sentence) from None
            self._damage, self.looked_at = None, time.monotonic()

    @contextmanager
    def _whole(self) -> Iterator[None]:
        """Read all anew where memory fails in the middle: the journal's place may have moved on, and the fleet not."""
        try:
            yield
        except MemoryError:
            self.is_read = False
            raise

    def _beside(self) -> tuple[Signature | None, Signature | None]:
        return signature_of(self.journal.path), signature_of(self._history.path)

    def _apply(self, lines: Sequence[Line]) -> None:
        for line in lines:
            if isinstance(line, Checkpoint):
                self.note_checkpoint(line)
            else:
                self._take_over(line)

    def _take_over(self, batch: Batch) -> None:
        if not self.is_behind:
            self.behind_since = time.monotonic()
        self.tables.apply(batch)

    def _load(self) -> None:
        """Read everything."""
        self.is_read = False  # what fails here is tried again, as the journal's place has moved on already
        while True:
            file, content = read_signed(self._path)
            document = read_document(content, self._upgrade, self.kinds)
            lines = self.journal.reopen(known=document.revision)
            in_history = self._history.last_revision()
            was_there = bool(self.known[0] or self.journal.inode or in_history) or self._was_made()
            if file == signature_of(self._path):
                break  # no checkpoint came between the two
        if was_there and not content.strip():
            is_what = "empty" if file else "gone"
            raise Unavailable(f"The store {self._path.name} is {is_what}, and there was one. {BEGIN_ANEW}")
        device = self._path.parent.stat().st_dev if file else None
        if self._device not in (None, device) and file not in self.files and content.strip() != ON_PURPOSE:
            raise Unavailable(
                f"The store {self._path.name} is on another file system than before. Mount its disk again; or, if it "
                "was moved there, restart the service."
            )
        commits = batches(lines)
        for batch in commits:
            if problem := problem_of(batch, self.kinds):
                raise ValueError(f"the line of revision {batch.revision} in its journal is damaged: {problem}")
        # The last checkpoint, or the one before it, if a crash came between announcing and renaming.
        start, self.is_foreign = document.revision, file not in [one.file for one in checkpoints(lines)[-2:]]
        # A file that is none of the checkpoints was put there by somebody; but if the journal was copied with it, both
        # belong together.
        if self.is_foreign and lines and written_to(lines) == self.journal.inode:
            start = taken_in(start, lines)
        pending = [event for batch in commits for event in batch.events if event["revision"] > in_history]
        tables = Tables(self.kinds, document.revision, document.records)
        for batch in commits:
            if batch.revision > start:
                tables.apply(batch)
            else:
                tables.note(batch.events)
        tables.pending = pending
        # A backup that was put back holds an older revision; none is given twice all the same.
        tables.revision = max(self.tables.revision, start, in_history, *[line.revision for line in lines], 0)
        self.tables, self.others, self.is_upgraded = tables, document.others, document.is_upgraded
        self.version = document.version
        self.is_new = not (file or was_there)
        self.behind_since = time.monotonic()
        self._know_store_on(device)
        self.files, self.in_file = (file,), start
        self.is_read = self.was_read = True

    def commit(self, decided: Decided) -> tuple[Sequence[Answer], int]:
        """Put a commit into the journal, and then into memory; not one in which all was refused. Gives its revision, or
        0. Who does it holds the store's lock, and looks whether it `has_gone` before anybody is answered. Raises
        FileIsOlder, with nothing done, where the file must say first that older versions cannot go on from here."""
        # A reader who finds an edited file comes before the decision, or after its line.
        with self.memory, self._whole():
            batch, answers = decided(self.tables)
            if batch.revision == self.tables.revision:
                return answers, 0
            if self.version == VERSION != version_for(batch.kinds(), self.kinds):
                raise FileIsOlder
            self.refuse_beyond(batch.revision)
            descriptor = self.journal.append(batch)
            # From now on other processes show it: were it not shown here, readings would go back from worker to worker.
            self._take_over(batch)
        self.journal.sync(descriptor)  # readers go on meanwhile; if it fails, all read anew
        return answers, batch.revision

    def has_gone(self, revision: int) -> bool:
        """Whether a backup that was put there just before the commit of this revision has taken it away again."""
        with self.memory:
            self.catch_up()
            return self.is_foreign and revision <= self.in_file

    def refuse_beyond(self, revision: int) -> None:
        """Raise Unavailable for a revision that no start would read."""
        if revision > MAX_REVISION:
            raise Unavailable(
                f"The store {self._path.name} can be read but not written: somebody wrote a revision into it that is "
                f"nearly the last there is, {MAX_REVISION}. Put a backup of file, journal and history back."
            )

    def bring_back(self, now: str) -> Tables:
        """Bring the records' times that are later than now back to it, by commits as any other. Gives the tables
        that were looked at. Who does it holds the store's lock."""
        with self.memory:
            tables, refs = self.tables, self.tables.ahead(now)
        for start in range(0, len(refs), BROUGHT_BACK_AT_ONCE):
            some = refs[start : start + BROUGHT_BACK_AT_ONCE]
            self.commit(lambda tables, some=some: (tables.brought_back(some, now), ()))  # type: ignore[misc]  # a default
        return tables

    def note_checkpoint(self, made: Checkpoint) -> None:
        """File and history hold what was committed up to this one; who makes it says so too."""
        self.files = (made.file, *self.files[:1])
        self.in_file, self.is_upgraded, self.is_new = made.revision, False, False
        self.behind_since = time.monotonic()
        if self._device is None:
            self._know_store_on(self._path.parent.stat().st_dev)
        self.tables.pending = [event for event in self.tables.pending if event["revision"] > made.revision]
        self.seconds += made.seconds

    def _know_store_on(self, device: int | None) -> None:
        self._device = device
        if device is not None:
            self.known[0] = 1

    def close(self) -> None:
        """Let go of the files; the next to use it reads them anew."""
        with self.memory:
            self.journal.close()
            self.is_read = False
