"""The Store contract made visible: a lock, a dict and a number. Nothing survives the process."""

import threading
from collections.abc import Callable, Iterator, Sequence

from domain.history import Entry, entry_key
from domain.server import Server, server_key
from storage import EVERYTHING, Changes, Commit, Decide, Part, Records, Snapshot, Span


class MemoryStore:
    """The plainest store there can be; what it does, every other store does too."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._snapshot = Snapshot(0, {})
        self._history = list[Entry]()

    def get(self, key: str) -> Server | None:
        return self._snapshot.records.get(key)

    def snapshot(self) -> Snapshot:
        return self._snapshot

    def change(self, keys: Sequence[str], decide: Decide) -> Commit:
        with self._lock:
            before = {key: self.get(key) for key in keys}
            decision = decide(before, self._snapshot.revision + 1)
            if decision.changes_nothing(before):
                return Commit(before, decision.records)
            records = {**self._snapshot.records, **decision.records}
            self._snapshot = snapshot_of(self._snapshot.revision + len(keys), records)
            self._history += decision.history
            return Commit(before, decision.records)

    def restore(self, records: Records, history: Sequence[Entry], revision: int) -> None:
        with self._lock:
            records = {**self._snapshot.records, **records}
            self._snapshot = snapshot_of(max(self._snapshot.revision + 1, revision), records)
            self._history += history

    def events(self, after: int = 0, span: Span = EVERYTHING, *, newest_first: bool = False) -> Iterator[Entry]:
        found = [entry for entry in self._history if entry["revision"] > after and span.holds(entry)]
        yield from reversed(found) if newest_first else found

    def in_force(self, time: str, about: Callable[[str], bool] | None = None) -> Iterator[Entry]:
        last = {entry_key(entry): entry for entry in self.events(span=Span(about=about)) if entry["time"] < time}
        existing = [entry for entry in last.values() if entry["event"] != "deleted"]
        yield from sorted(existing, key=lambda entry: entry["revision"])

    def check(self, *, writes: bool = True) -> None:
        """Memory is always there."""

    def journal_size(self) -> int:
        return 0

    def age(self) -> float:
        return 0.0

    def behind_seconds(self) -> float:
        return 0.0

    def notice(self) -> str:
        return ""

    def begin(self) -> None:
        """There is nothing to read."""

    def close(self) -> None:
        """Nothing is held between two calls."""


def snapshot_of(revision: int, records: Changes) -> Snapshot:
    """The snapshot that holds these records; None for one that is gone."""
    groups = dict[str, Part]()
    present = [server for server in records.values() if server is not None]
    for server in sorted(present, key=lambda server: (server["server_group"], server["host"])):
        key = server_key(server["server_group"], server["host"])
        groups.setdefault(server["server_group"], Part())[key] = server
    return Snapshot(revision, groups)
