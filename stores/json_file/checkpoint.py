"""A checkpoint: history and file are brought up to date with what was committed."""

import os
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from domain.document import VERSION, Document, version_for
from domain.errors import Unavailable
from domain.kinds import Event
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
    clock: Callable[[], float]
    pace: Pace

    def make(self, *, starts_anew: bool = False, version: str = VERSION) -> None:
        """Bring the history and the file up to date, which says this version or a later one. Raises Unavailable, with
        what is there as good as before."""
        started, replica = time.monotonic(), self.replica
        with replica.memory:
            tables, known, is_foreign = replica.tables, replica.files, replica.is_foreign
            snapshot, pending = tables.snapshot(), list(tables.pending)
            revision, version = (
                snapshot.revision,
                max(version, replica.version, version_for(tables.named, replica.kinds)),
            )
        with explained(self.path, "written"), understood(self.path):
            if is_foreign:
                found = self._found(snapshot, pending)
                pending, revision = [*pending, *found], revision + len(found)
                replica.refuse_beyond(revision)
            if pending:
                self.history.append(pending)
            records = {name: table.records for name, table in snapshot.tables.items()}
            document = Document(revision, records, replica.others, version)
            try:
                file = write_synced(self.temporary, document.content(replica.kinds), like=self.path)
                with replica.memory:
                    if signature_of(self.path) not in known:
                        raise Unavailable(f"The store {self.path.name} was replaced by somebody while it was written.")
                    line = Checkpoint(revision, file, time.monotonic() - started)
                    # Announced over a foreign file, and then not made, it would pass for what that file holds. And
                    # where the file says another version, everybody shall read it.
                    is_new = replica.is_foreign or version != replica.version
                    is_announced = replica.journal.is_usable and not is_new
                    if is_announced:
                        self._announce_what_is_there()
                        os.close(replica.journal.append(line))
                    try:
                        rename_synced(self.temporary, self.path)
                    except OSError:
                        with suppress(OSError):
                            self._announce_what_is_there()
                        raise
                    if revision > replica.tables.revision:
                        replica.tables.apply(Batch(revision))
                    replica.note_checkpoint(line)
                    if starts_anew or replica.has_long_journal(self.pace) or not is_announced:
                        replica.journal.start_anew(line)
                    replica.is_foreign, replica.version = False, version
                self.lock.sign()
            finally:
                self.temporary.unlink(missing_ok=True)  # what could not be renamed would only fill the disk

    def _announce_what_is_there(self) -> None:
        """Take back the last announcement if it came to nothing: who reads it would think that the file holds it all,
        and a start takes a file that is neither of the last two announced for one that somebody put there."""
        replica, file = self.replica, signature_of(self.path)
        if file and replica.journal.is_usable and file == replica.files[0] != replica.journal.announced:
            os.close(replica.journal.append(Checkpoint(replica.in_file, file, 0.0)))

    def _found(self, snapshot: Snapshot, pending: Sequence[Event]) -> list[Event]:
        """The events of what a file changed that somebody put there. As they are compared with the history, one that
        a crash left there is not made again."""
        now, replica, found = time_text(int(self.clock())), self.replica, list[Event]()
        with self.trouble.of("What was changed in the file is not told there."), understood(self.path):
            for kind in replica.kinds.values():
                if kind.compare:
                    last = self.history.last(pending, kind.name)
                    revision, records = snapshot.revision + len(found), snapshot.table(kind).records
                    found += kind.compare(records, last, revision, now, is_upgraded=replica.is_upgraded)
            return found
        return []
