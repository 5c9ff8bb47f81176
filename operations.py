"""What a caller may ask of the service: one function a verb."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from domain import rules
from domain.errors import NotFound
from domain.query import Query, Summary, summarize
from domain.report import Report
from domain.server import Server, server_key, time_text
from storage import Records, Store


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

    def decide(before: Mapping[str, Server | None], revision: int) -> Mapping[str, Server | None]:
        after = dict(before)
        for index, one in enumerate(reports):
            after[one.key] = rules.apply(after[one.key], one, time, revision + index)
        return after

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


def delete(store: Store, server_group: str, host: str) -> None:
    """Take a decommissioned server out of every reading. Raises NotFound."""
    key = server_key(server_group, host)

    def decide(before: Mapping[str, Server | None], _revision: int) -> Mapping[str, Server | None]:
        if before[key] is None:
            raise _unknown(server_group, host)
        return {key: None}

    store.change([key], decide)


def _unknown(server_group: str, host: str) -> NotFound:
    return NotFound(f"No server {host[:253]!r} is known in group {server_group[:253]!r}.")
