"""What a caller may ask about servers, and report of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from domain import rules
from domain.errors import NotFound
from domain.freshness import Moment
from domain.history import Entry, change_entry, deletion_entry
from domain.kinds import SERVER
from domain.query import Query
from domain.report import Report
from domain.server import Server, Servers, server_key
from domain.summary import Summary, summarize
from domain.times import time_text
from storage import Changes, Decision, Store, Table


@dataclass(frozen=True, slots=True)
class Reported:
    """What became of a request's reports: the stored record for each, whether any is a new one, and how many were too
    old to change anything."""

    servers: list[Server]
    is_created: bool
    ignored: int


@dataclass(frozen=True, slots=True)
class Found:
    """What a query found: the page of servers that it asked for, by group, and how many it selects in all.

    Of a group that is wanted whole they are the store's own part: the same object as long as nothing in it changes.
    """

    parts: Mapping[str, Servers]
    total: int
    _table: Table[Server]

    @property
    def servers(self) -> Servers:
        """The servers by key; of the whole fleet the store's own, too."""
        if self.parts is self._table.parts:
            return self._table.records
        return {key: server for part in self.parts.values() for key, server in part.items()}


def take_reports(store: Store, moment: Moment, reports: Sequence[Report], actor: str = "") -> Reported:
    """Apply the reports in order and store them in one commit. Returns when they are on disk."""
    time, ignored = time_text(moment.now), 0

    def decide(before: Changes, revision: int) -> Decision:
        nonlocal ignored  # as the last call says, which is the one that was committed
        after, history, ignored = dict[str, Server | None](before[SERVER.name]), list[Entry](), 0
        for number, one in enumerate(reports, revision):
            known = after[one.key]
            after[one.key] = server = rules.apply(known, one, time, number)
            ignored += server is known
            if entry := change_entry(known, server, one.source, actor):
                history.append(entry)
        return Decision({SERVER.name: after}, history)

    commit = store.change([SERVER.ref(one.key) for one in reports], decide)
    after = commit.after[SERVER.name]
    stored = [server for one in reports if (server := after[one.key])]
    return Reported(stored, None in commit.before[SERVER.name].values(), ignored)


def find(store: Store, moment: Moment, query: Query, server_group: str | None = None) -> Found:
    """The servers that the query wants, of one group if named. Raises NotFound where no server has that group."""
    table = store.snapshot().table(SERVER)
    parts: Mapping[str, Servers] = table.parts
    if server_group is not None:
        if server_group not in parts:
            raise NotFound(f"No server group {server_group[:253]!r} is known; GET /status lists all.")
        parts = {server_group: parts[server_group]}
    if query.limits_groups:
        parts = {name: part for name, part in parts.items() if query.wants_group(name)}
    if not query.wants_whole_groups:
        parts = {name: query.selected(part, moment) for name, part in parts.items()}
    total = sum(map(len, parts.values()))
    return Found(query.page(parts) if query.is_paged else parts, total, table)


def show(store: Store, server_group: str, host: str) -> Server:
    """One server. Raises NotFound."""
    server = store.get(SERVER, server_key(server_group, host))
    if server is None:
        raise unknown(server_group, host)
    return server


def summary(store: Store, moment: Moment, query: Query) -> Summary:
    """The counts over the servers that the query wants."""
    return summarize(find(store, moment, query).servers.values(), moment)


def delete(store: Store, moment: Moment, server_group: str, host: str, actor: str = "") -> None:
    """Take a decommissioned server out of every reading; its history stays. Raises NotFound."""
    key = server_key(server_group, host)

    def decide(before: Changes, revision: int) -> Decision:
        server = before[SERVER.name][key]
        if server is None:
            raise unknown(server_group, host)
        time = max(time_text(moment.now), server["timestamp"])
        return Decision({SERVER.name: {key: None}}, [deletion_entry(server, revision, time, actor)])

    store.change([SERVER.ref(key)], decide)


def unknown(server_group: str, host: str) -> NotFound:
    """The error that there is no such server."""
    return NotFound(f"No server {host[:253]!r} is known in group {server_group[:253]!r}.")
