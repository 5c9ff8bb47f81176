"""The counts over servers: of a fleet in one row, and of each group (API.md, section 3)."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from typing import Annotated, Any

from pydantic import Field
from typing_extensions import TypedDict

from domain.filters import NONE
from domain.freshness import Moment, computed
from domain.server import Server, Status
from domain.texts import Name, Time

WORST: tuple[Status, ...] = ("failed", "out_of_sync", "unknown", "synced")


class Counts(TypedDict):
    """What is counted, wherever servers are summed up."""

    total: int
    synced: int
    out_of_sync: int
    failed: int
    unknown: int
    stale: int
    problem: int
    validation_failed: int
    changed_files: Annotated[int, Field(description="The sum over all servers.")]
    last_report: Time | None


class Summary(Counts):
    """The fleet in one flat row; every key is always there."""

    groups: int


class Group(Counts):
    """One group in one flat row; it has a server, and so a last report."""

    server_group: Name
    worst: Annotated[Status, Field(description="failed before out_of_sync before unknown before synced")]


class Value(TypedDict):
    """A value of a field, and how many servers have it."""

    value: str
    servers: int


def summarize(servers: Iterable[Server], moment: Moment) -> Summary:
    """The counts over the servers, and the time of the newest report about any of them."""
    servers = list(servers)
    return {**_counts(servers, moment), "groups": len({server["server_group"] for server in servers})}


def group_rows(servers: Iterable[Server], moment: Moment) -> list[Group]:
    """The counts of each group, and its worst status, sorted by group."""
    groups = dict[str, list[Server]]()
    for server in servers:
        groups.setdefault(server["server_group"], []).append(server)
    rows = list[Group]()
    for name in sorted(groups):
        counts = _counts(groups[name], moment)
        rows.append({"server_group": name, **counts, "worst": worst(counts)})
    return rows


def value_rows(servers: Iterable[Server], field: str) -> list[Value]:
    """The values of a text field as its filter takes them, sorted: `none` for null, and no empty one, which filters
    nothing."""
    records: Iterable[Mapping[str, Any]] = servers
    counts = Counter[str | None](record[field] for record in records)
    named = {NONE if value is None else value: number for value, number in counts.items()}
    return [{"value": value, "servers": named[value]} for value in sorted(named) if value]


def worst(counts: Counts) -> Status:
    """The worst status that a server has, of at least one."""
    numbers: Mapping[str, object] = counts
    return next(status for status in WORST if numbers[status])


def _counts(servers: Collection[Server], moment: Moment) -> Counts:
    now = [computed(server, moment) for server in servers]
    statuses = Counter(server["status"] for server in servers)
    return {
        "total": len(servers),
        "synced": statuses["synced"],
        "out_of_sync": statuses["out_of_sync"],
        "failed": statuses["failed"],
        "unknown": statuses["unknown"],
        "stale": sum(fields["stale"] for fields in now),
        "problem": sum(fields["problem"] for fields in now),
        "validation_failed": sum(server["validation_status"] == "failed" for server in servers),
        "changed_files": sum(fields["changed_files_count"] for fields in now),
        "last_report": max((server["timestamp"] for server in servers), default=None),
    }
