"""The Store contract made visible: a lock, some dicts and a number. Nothing survives the process."""

import threading
from collections.abc import Callable, Iterator, MutableSequence, Sequence
from typing import Any

from domain.kinds import SERVER, Event, Kind, Ref, ref_of
from storage import EVERYTHING, Changes, Commit, Decide, Part, R, Snapshot, Span, Table
from tests.stores.kinds import KINDS


class MemoryStore:
    """The plainest store there can be; what it does, every other store does too."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._snapshot = Snapshot(0, {name: Table({}) for name in KINDS})
        self._history = list[Event]()

    def get(self, kind: Kind[R], key: str) -> R | None:
        return self._snapshot.table(kind).records.get(key)

    def snapshot(self) -> Snapshot:
        return self._snapshot

    def change(self, refs: Sequence[Ref], decide: Decide) -> Commit:
        with self._lock:
            before = dict[str, dict[str, Any]]()
            for kind, key in refs:
                before.setdefault(kind, {})[key] = self.get(KINDS[kind], key)
            decision = decide(before, self._snapshot.revision + 1)
            if not decision.is_within(before):
                raise KeyError
            if not decision.changes_nothing(before):
                changed = {kind: decision.records[kind] for kind in decision.changed(before)}
                self._take(self._snapshot.revision + len(refs), changed, decision.events)
            return Commit(before, decision.records)

    def restore(self, records: Changes, events: Sequence[Event], revision: int) -> None:
        with self._lock:
            self._take(max(self._snapshot.revision + 1, revision), records, events)

    def _take(self, revision: int, records: Changes, events: Sequence[Event]) -> None:
        tables = dict(self._snapshot.tables)
        for name, changed in records.items():
            if changed:
                tables[name] = table_of(KINDS[name], {**tables[name].records, **changed})
        self._snapshot = Snapshot(revision, tables)
        self._history += events

    def events(self, span: Span = EVERYTHING, *, newest_first: bool = False) -> Iterator[Any]:
        found = [event for event in self._history if span.holds(event)]
        yield from reversed(found) if newest_first else found

    def in_force(self, kind: Kind[Any], time: str, about: Callable[[str], bool] | None = None) -> Iterator[Any]:
        told = self.events(Span(about=about, kind=kind.name))
        last = {ref_of(event): event for event in told if event["time"] < time}
        existing = [event for event in last.values() if event["event"] != "deleted"]
        yield from sorted(existing, key=lambda event: event["revision"])

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

    def share(self, known: MutableSequence[int]) -> None:
        """There is one process."""

    def begin(self) -> None:
        """There is nothing to read."""

    def sweep(self) -> None:
        """Nothing is taken out, and nothing lies ahead."""

    def close(self) -> None:
        """Nothing is held between two calls."""


def table_of(kind: Kind[R], records: dict[str, R | None]) -> Table[R]:
    """The table that holds these records; None for one that is gone."""
    parts = dict[str, Part[R]]()
    present = {key: record for key, record in records.items() if record is not None}
    for key in sorted(present, key=kind.order):
        parts.setdefault(kind.part(key), Part())[key] = present[key]
    return Table(parts)


def snapshot_of(revision: int, servers: dict[str, Any]) -> Snapshot:
    """The snapshot that holds these servers and nothing else."""
    return Snapshot(revision, {**{name: Table({}) for name in KINDS}, SERVER.name: table_of(SERVER, servers)})
