"""What a process holds in memory: the servers, and the history that is not yet in its file."""

from collections.abc import Mapping, Sequence

from domain.freshness import brought_back, latest_time
from domain.history import Entry
from domain.server import Server, group_of
from storage.contract import Changes, Commit, Snapshot
from storage.journal import Line
from storage.queue import Answer, Change


class Fleet:
    """The servers at a revision, by group. Changed in place: a change costs what it changes, and once after each
    snapshot a copy of the group that it changes, as that snapshot goes on showing the old one."""

    def __init__(self, revision: int, servers: Mapping[str, Server], pending: Sequence[Entry]) -> None:
        self.revision = revision
        self.pending = list(pending)
        self.latest = max((entry["time"] for entry in pending), default="")  # of all times in what was taken over
        self._groups = dict[str, dict[str, Server]]()
        self._own = set[str]()  # the groups that no snapshot shows
        self._unsorted = set[str]()
        self._snapshot: Snapshot | None = None
        self._put(servers)

    def get(self, key: str) -> Server | None:
        """One server."""
        group = self._groups.get(group_of(key))
        return group.get(key) if group else None

    def snapshot(self) -> Snapshot:
        """All servers; the same object until the next change."""
        if self._snapshot is None:
            for name in self._unsorted & self._groups.keys():
                self._groups[name] = dict(sorted(self._groups[name].items()))
            if self._unsorted:  # one of them may be a new group
                self._groups = dict(sorted(self._groups.items()))
            self._own, self._unsorted = set(), set()
            self._snapshot = Snapshot(self.revision, dict(self._groups))
        return self._snapshot

    def apply(self, line: Line) -> None:
        """Take over a commit."""
        self._put(line.servers)
        self.pending += line.history
        self.latest = max(self.latest, *[entry["time"] for entry in line.history], "")
        self.revision, self._snapshot = line.revision, None

    def _put(self, servers: Changes) -> None:
        for key, server in servers.items():
            name = group_of(key)
            if name not in self._own:
                self._groups[name] = dict(self._groups.get(name, {}))
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

    def brought_back(self, keys: Sequence[str], now: str) -> Line:
        """The commit that brings the times of these servers that are later than now back to it."""
        servers = {key: brought_back(server, now) for key in keys if (server := self.get(key))}
        return Line(self.revision + len(keys), servers)

    def decided(self, batch: Sequence[Change]) -> tuple[Line, Sequence[Answer]]:
        """The commit of all changes of a batch, one after the other, and an answer for each. Nothing is changed yet."""
        revision, changes = self.revision, dict[str, Server | None]()
        history, answers = list[Entry](), list[Answer]()
        for change in batch:
            before: Changes = {key: changes[key] if key in changes else self.get(key) for key in change.keys}
            try:
                decision = change.decide(before, revision + 1)
            except Exception as error:  # noqa: BLE001 - what a decision raises belongs to its caller alone
                answers.append(error)
                continue
            answers.append(Commit(before, decision.records))
            if decision.changes_nothing(before):
                continue
            revision += len(change.keys)
            changes.update(decision.records)
            history += decision.history
        return Line(revision, changes, history), answers
