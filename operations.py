"""What a caller may ask of the service: one function a verb."""

from collections.abc import Sequence
from dataclasses import dataclass

from domain import rules
from domain.errors import NotFound
from domain.history import Entry, change_entry, deletion_entry
from domain.query import Query, Summary, summarize
from domain.report import Report
from domain.server import Server, server_key, time_text
from storage import Changes, Decision, Records, Store


@dataclass(frozen=True, slots=True)
class Reported:
    """What became of a request's reports: the stored record for each, and whether any is a new one."""

    servers: list[Server]
    is_created: bool


@dataclass(frozen=True, slots=True)
class Found:
    """What a query found: the page of servers that it asked for, and how many it selects in all.

    Without filter and page, `servers` is the store's own mapping: the same object as long as nothing changes.
    """

    servers: Records
    total: int


def report(store: Store, now: float, reports: Sequence[Report]) -> Reported:
    """Apply the reports in order and store them in one commit. Returns when they are on disk."""
    time = time_text(int(now))

    def decide(before: Changes, revision: int) -> Decision:
        after, history = dict(before), list[Entry]()
        for number, one in enumerate(reports, revision):
            known = after[one.key]
            after[one.key] = server = rules.apply(known, one, time, number)
            if entry := change_entry(known, server, one.source):
                history.append(entry)
        return Decision(after, history)

    commit = store.change([one.key for one in reports], decide)
    stored = [server for one in reports if (server := commit.after[one.key])]
    return Reported(stored, None in commit.before.values())


def find(store: Store, query: Query, server_group: str | None = None) -> Found:
    """The servers that the query wants, of one group if named. Raises NotFound where no server has that group."""
    servers = store.snapshot().records
    if server_group is not None:
        servers = {key: server for key, server in servers.items() if server["server_group"] == server_group}
        if not servers:
            raise NotFound(f"No server group {server_group[:253]!r} is known; GET /status lists all.")
    if not query.selects_all:
        servers = {key: server for key, server in servers.items() if query.matches(server)}
    return Found(query.page(servers) if query.is_paged else servers, len(servers))


def show(store: Store, server_group: str, host: str) -> Server:
    """One server. Raises NotFound."""
    server = store.get(server_key(server_group, host))
    if server is None:
        raise _unknown(server_group, host)
    return server


def summary(store: Store, query: Query) -> Summary:
    """The counts over the servers that the query wants."""
    return summarize(find(store, query).servers.values())


def delete(store: Store, now: float, server_group: str, host: str) -> None:
    """Take a decommissioned server out of every reading; its history stays. Raises NotFound."""
    key = server_key(server_group, host)

    def decide(before: Changes, revision: int) -> Decision:
        server = before[key]
        if server is None:
            raise _unknown(server_group, host)
        return Decision({key: None}, [deletion_entry(server, revision, time_text(int(now)))])

    store.change([key], decide)


def _unknown(server_group: str, host: str) -> NotFound:
    return NotFound(f"No server {host[:253]!r} is known in group {server_group[:253]!r}.")
