"""What a process holds in memory: the records of every kind, and the events that are not yet in the history's file."""

import threading
from collections.abc import Mapping, Sequence
from typing import Any

from domain.freshness import is_far
from domain.kinds import Event, Kind, Kinds, Ref, Texts, ref_of
from storage import Changes, Part, Snapshot, Table
from stores.batch import Batch, decide_batch
from stores.queue import Answer, Change


class Tables:
    """The records at a revision. Changed in place: a change costs what it changes, and once after each snapshot a copy
    of the part that it changes, as that snapshot goes on showing the old one."""

    def __init__(self, kinds: Kinds, revision: int = 0, records: Changes | None = None) -> None:
        self.kinds = kinds
        self.revision = revision
        self.pending = list[Event]()
        self.latest = ""  # of all times in what was taken over
        self.named = {name for name, of_kind in (records or {}).items() if of_kind}  # the kinds that there ever were
        self._churned = 0  # how many of the last revisions changed only what churns
        self._lock = threading.Lock()  # never held while a disk is waited for
        self._texts = Texts()
        self._rows = {name: _Rows(kind) for name, kind in kinds.items()}
        self._snapshot: Snapshot | None = None
        self._put(records or {})

    @property
    def lasting(self) -> int:
        """The revision of the last commit for which a file is worth being written."""
        return self.revision - self._churned

    @property
    def gone(self) -> Mapping[str, Mapping[str, str]]:
        """When those records were deleted that were lately, by kind and key."""
        return {name: rows.gone for name, rows in self._rows.items() if rows.gone}

    def get(self, kind: str, key: str) -> Any:
        """One record, None where there is none."""
        return self._rows[kind].get(key)

    def has(self, kind: str, key: str) -> bool:
        """Whether there is a record; of a kind that is not known here, it may be."""
        return kind not in self.kinds or self.get(kind, key) is not None

    def snapshot(self) -> Snapshot:
        """All records; the same object until the next change."""
        with self._lock:
            if self._snapshot is None:
                self._snapshot = Snapshot(self.revision, {name: rows.shown() for name, rows in self._rows.items()})
            return self._snapshot

    def apply(self, batch: Batch) -> None:
        """Take over a commit."""
        with self._lock:
            self._put(self._shared(batch.records))
            self.pending += batch.events
            self.note(batch.events)
            self.named |= batch.kinds()
            churns = not batch.events and all(self.kinds[name].churns for name in batch.records)
            self._churned = self._churned + batch.revision - self.revision if churns else 0
            self.revision, self._snapshot = batch.revision, None

    def note(self, events: Sequence[Event]) -> None:
        """Remember the latest time, and the deletions that may lie ahead of a clock that is set back: by a minute, as
        what lies further ahead is brought back."""
        for event in events:
            self.latest = max(self.latest, event["time"])
            if event["event"] == "deleted":
                kind, key = ref_of(event)
                if kind in self._rows:
                    self._rows[kind].gone.pop(key, None)
                    self._rows[kind].gone[key] = event["time"]
        for rows in self._rows.values():
            while rows.gone and is_far(self.latest, after=next(iter(rows.gone.values()))):
                del rows.gone[next(iter(rows.gone))]

    def _put(self, records: Changes) -> None:
        for name, changed in records.items():
            self.latest = max(self.latest, self._rows[name].put(changed))

    def _shared(self, records: Changes) -> Changes:
        shared = self._texts.shared
        return {
            name: {key: record and shared(record) for key, record in changed.items()}
            for name, changed in records.items()
        }

    def ahead(self, now: str) -> list[Ref]:
        """The records with a time later than now."""
        return [Ref(name, key) for name, rows in self._rows.items() for key in rows.ahead(now)]

    def brought_back(self, refs: Sequence[Ref], now: str) -> Batch:
        """The commit that brings the times of these records that are later than now back to it."""
        records = dict[str, dict[str, Any]]()
        for name, key in refs:
            if record := self.get(name, key):
                records.setdefault(name, {})[key] = self.kinds[name].brought_back(record, now)
        return Batch(self.revision + len(refs), records)

    def decided(self, changes: Sequence[Change]) -> tuple[Batch, Sequence[Answer]]:
        """The commit of all of these changes, and an answer for each. Nothing is changed yet."""
        return decide_batch(changes, self.revision, self.get, self.gone, self.kinds)


class _Rows:
    """The records of one kind, by part."""

    def __init__(self, kind: Kind[Any]) -> None:
        self.gone = dict[str, str]()  # when those were deleted that were lately
        self._kind = kind
        self._parts = dict[str, Part[Any]]()
        self._own = set[str]()  # the parts that no table shows
        self._unsorted = set[str]()
        self._table: Table[Any] | None = None

    def get(self, key: str) -> Any:
        part = self._parts.get(self._kind.part(key))
        return part.get(key) if part else None

    def shown(self) -> Table[Any]:
        if self._table is None:
            for name in self._unsorted & self._parts.keys():
                self._parts[name] = Part(sorted(self._parts[name].items()))
            if self._unsorted:  # one of them may be a new part
                self._parts = dict(sorted(self._parts.items()))
            self._own, self._unsorted = set(), set()
            self._table = Table(dict(self._parts))
        return self._table

    def put(self, records: Mapping[str, Any]) -> str:
        """Take over records; gives the latest time in them."""
        latest, part_of, latest_of = "", self._kind.part, self._kind.latest
        if records:
            self._table = None
        for key, record in records.items():
            name = part_of(key)
            if name not in self._own:
                self._parts[name] = Part(self._parts.get(name, {}))
                self._own.add(name)
            part = self._parts[name]
            if record is not None:
                if key not in part:
                    self._unsorted.add(name)
                part[key] = record
                latest = max(latest, latest_of(record))
                continue
            part.pop(key, None)
            if not part:
                del self._parts[name]
                self._own.remove(name)
        return latest

    def ahead(self, now: str) -> list[str]:
        return [key for part in self._parts.values() for key, record in part.items() if self._kind.latest(record) > now]
