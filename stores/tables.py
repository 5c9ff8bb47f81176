"""What a process holds in memory: the servers, and the history that is not yet in its file."""

import threading
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from domain.freshness import brought_back, is_far, latest_time
from domain.history import Entry, entry_key
from domain.server import Server, Texts, group_of
from storage import Changes, Part, Snapshot
from stores.batch import Batch, decide_batch
from stores.queue import Answer, Change


class Fleet:
    """The servers at a revision, by group. Changed in place: a change costs what it changes, and once after each
    snapshot a copy of the group that it changes, as that snapshot goes on showing the old one."""

    def __init__(
        self,
        revision: int,
        servers: Mapping[str, Server],
        pending: Sequence[Entry],
        gone: Iterable[tuple[Any, ...]] = (),
    ) -> None:
        self.revision = revision
        self.pending = list(pending)
        self.gone = dict(gone)  # when those servers were deleted that were lately
        self.latest = max(self.gone.values(), default="")  # of all times in what was taken over
        self._lock = threading.Lock()  # never held while a disk is waited for
        self._texts = Texts()
        self._groups = dict[str, Part]()
        self._own = set[str]()  # the groups that no snapshot shows
        self._unsorted = set[str]()
        self._snapshot: Snapshot | None = None
        self._put(servers)
        self.note(pending)

    def get(self, key: str) -> Server | None:
        """One server."""
        group = self._groups.get(group_of(key))
        return group.get(key) if group else None

    def snapshot(self) -> Snapshot:
        """All servers; the same object until the next change."""
        with self._lock:
            if self._snapshot is None:
                for name in self._unsorted & self._groups.keys():
                    self._groups[name] = Part(sorted(self._groups[name].items()))
                if self._unsorted:  # one of them may be a new group
                    self._groups = dict(sorted(self._groups.items()))
                self._own, self._unsorted = set(), set()
                self._snapshot = Snapshot(self.revision, dict(self._groups))
            return self._snapshot

    def apply(self, batch: Batch) -> None:
        """Take over a commit."""
        with self._lock:
            self._put({key: server and self._texts.shared(server) for key, server in batch.servers.items()})
            self.pending += batch.history
            self.note(batch.history)
            self.revision, self._snapshot = batch.revision, None

    def note(self, history: Sequence[Entry]) -> None:
        """Remember the latest time, and the deletions that may lie ahead of a clock that is set back: by a minute, as
        what lies further ahead is brought back."""
        for entry in history:
            self.latest = max(self.latest, entry["time"])
            if entry["event"] == "deleted":
                key = entry_key(entry)
                self.gone.pop(key, None)
                self.gone[key] = entry["time"]
        while self.gone and is_far(self.latest, after=next(iter(self.gone.values()))):
            del self.gone[next(iter(self.gone))]

    def _put(self, servers: Changes) -> None:
        for key, server in servers.items():
            name = group_of(key)
            if name not in self._own:
                self._groups[name] = Part(self._groups.get(name, {}))
                self._own.add(name)
            group = self._groups[name]
            if server is not None:
                if key not in group:
                    self._unsorted.add(name)
                group[key] = server
                self.latest = max(self.latest, latest_time(server))
                continue
            group.pop(key, None)
            if not group:
                del self._groups[name]
                self._own.remove(name)

    def ahead(self, now: str) -> list[str]:
        """The keys of the servers with a time later than now."""
        return [key for group in self._groups.values() for key, server in group.items() if latest_time(server) > now]

    def brought_back(self, keys: Sequence[str], now: str) -> Batch:
        """The commit that brings the times of these servers that are later than now back to it."""
        servers = {key: brought_back(server, now) for key in keys if (server := self.get(key))}
        return Batch(self.revision + len(keys), servers)

    def decided(self, changes: Sequence[Change]) -> tuple[Batch, Sequence[Answer]]:
        """The commit of all of these changes, and an answer for each. Nothing is changed yet."""
        return decide_batch(changes, self.revision, self.get, self.gone)
