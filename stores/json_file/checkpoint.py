"""A checkpoint: history and file are brought up to date with what was committed."""

import os
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from domain.document import Document
from domain.errors import Unavailable
from domain.history import Entry, file_entries
from domain.times import time_text
from storage import Snapshot
from stores.batch import Batch
from stores.files import explained, rename_synced, signature_of, understood, write_synced
from stores.json_file.history import HistoryFile
from stores.json_file.journal import Checkpoint
from stores.json_file.pace import Pace
from stores.json_file.replica import Replica
from stores.lock import StoreLock
from stores.trouble import Trouble


@dataclass(frozen=True, slots=True)
class Checkpointer:
    """Makes the checkpoints of a store. Whoever calls it holds the store's lock."""

    path: Path
    temporary: Path
    lock: StoreLock
    history: HistoryFile
    replica: Replica
    trouble: Trouble
    oldest: Callable[[], str]
    clock: Callable[[], float]
    pace: Pace

    def make(self, *, starts_anew: bool = False) -> None:
        """Bring the history and the file up to date. Raises Unavailable, with what is there as good as before."""
        started, replica = time.monotonic(), self.replica
        with replica.memory:
            snapshot, pending, known = replica.fleet.snapshot(), list(replica.fleet.pending), replica.files
            is_foreign, revision = replica.is_foreign, snapshot.revision
        with explained(self.path, "written"), understood(self.path):
            if is_foreign:
                found = self._found(snapshot, pending)
                pending, revision = [*pending, *found], revision + len(found)
                replica.refuse_beyond(revision)
            if pending:
                self.history.append(pending)
            with suppress(ValueError):  # a line that cannot be read: readers hear of it, and nothing goes meanwhile
                self.history.prune(self.oldest(), snapshot.records.__contains__, self.temporary)
            document = Document(revision, snapshot.records, replica.others)
            try:
                file = write_synced(self.temporary, document.content(), like=self.path)
                with replica.memory:
                    if signature_of(self.path) not in known:
                        raise Unavailable(f"The store {self.path.name} was replaced by somebody while it was written.")
                    _inode, size, _changed = file
                    line = Checkpoint(revision, file, time.monotonic() - started)
                    # Announced over a foreign file, and then not made, it would pass for what that file holds.
                    is_announced = replica.journal.is_usable and not replica.is_foreign
                    if is_announced:
                        os.close(replica.journal.append(line))
                    rename_synced(self.temporary, self.path)
                    if revision > replica.fleet.revision:
                        replica.fleet.apply(Batch(revision))
                    replica.note_checkpoint(line)
                    is_long = replica.journal.offset > max(self.pace.journal, size // 4)
                    if starts_anew or is_long or not is_announced:
                        replica.journal.start_anew(line)
                    replica.is_foreign = False
                self.lock.sign()
            finally:
                self.temporary.unlink(missing_ok=True)  # what could not be renamed would only fill the disk

    def _found(self, snapshot: Snapshot, pending: Sequence[Entry]) -> list[Entry]:
        """The entries of what a file changed that somebody put there. As they are compared with the history, one that
        a crash left there is not made again."""
        now, is_upgraded = time_text(int(self.clock())), self.replica.is_upgraded
        last = self.history.last(pending)
        with self.trouble.of("What was changed in the file is not told there."), understood(self.path):
            return file_entries(snapshot.records, last, snapshot.revision, now, is_upgraded=is_upgraded)
        return []
