"""What a process holds in memory: the servers, and the history that is not yet in its file."""

from collections.abc import Mapping, Sequence

from domain.document import in_order
from domain.history import Entry
from domain.server import Server
from storage.contract import Changes, Commit, Snapshot
from storage.journal import Line
from storage.queue import Answer, Change


class Fleet:
    """The servers at a revision. Changed in place: a change costs what it changes, and a copy is made when read."""

    def __init__(self, revision: int, servers: Mapping[str, Server], pending: Sequence[Entry]) -> None:
        self.revision = revision
        self.pending = list(pending)
        self._servers = dict(servers)
        self._is_sorted = True
        self._snapshot: Snapshot | None = None

    def get(self, key: str) -> Server | None:
        """One server."""
        return self._servers.get(key)

    def snapshot(self) -> Snapshot:
        """All servers; the same object until the next change."""
        if self._snapshot is None:
            if not self._is_sorted:
                self._servers, self._is_sorted = in_order(self._servers), True
            self._snapshot = Snapshot(self.revision, dict(self._servers))
        return self._snapshot

    def apply(self, line: Line) -> None:
        """Take over a commit."""
        for key, server in line.servers.items():
            if server is None:
                self._servers.pop(key, None)
            else:
                self._is_sorted = self._is_sorted and key in self._servers
                self._servers[key] = server
        self.pending += line.history
        self.revision, self._snapshot = line.revision, None

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
            revision += len(change.keys)
            changes.update(decision.records)
            history += decision.history
        return Line(revision, changes, history), answers
