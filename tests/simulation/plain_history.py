"""The history recomputed the slow, obvious way, from the entries of the plain fleet (API.md, 4)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.simulation.fleet import Happening
from tests.simulation.plain import CODES, Fields, Key, Plain, select, take, text

Wanted = Mapping[str, Sequence[Any]]


@dataclass(frozen=True)
class Window:
    """Which part of the history; None where nothing was asked for."""

    since: int | None = None
    until: int | None = None
    limit: int = 1_000
    wanted: Wanted = field(default_factory=dict)


def in_force(plain: Plain, since: int) -> list[Fields]:
    """The last entry, just before that second, of each server that existed then."""
    last = dict[Key, Fields]()
    for entry in plain.entries:
        if entry["time"] < since:
            key = entry["server_group"], entry["host"]
            last.pop(key, None)
            if entry["event"] != "deleted":
                last[key] = entry
    return list(last.values())


def changes(plain: Plain, window: Window) -> list[Fields]:
    """The entries within the window, before the limit."""
    found = select(plain.entries, window.wanted)
    return [
        entry
        for entry in found
        if (window.since is None or entry["time"] >= window.since)
        and (window.until is None or entry["time"] <= window.until)
    ]


def history(plain: Plain, window: Window, *, first: bool = True) -> list[Fields]:
    """Long rows with the files; what was in force comes first, stamped with the start."""
    before = []
    if window.since is not None and first:
        before = [{**entry, "time": window.since} for entry in select(in_force(plain, window.since), window.wanted)]
    return [{**row, "time": text(row["time"])} for row in [*before, *changes(plain, window)[-window.limit :]]]


def flat_history(plain: Plain, window: Window, *, first: bool = True) -> list[Fields]:
    """The same without the files."""
    return [{name: row[name] for name in row if name != "changed_files"} for row in history(plain, window, first=first)]


def marks(plain: Plain, window: Window) -> list[Fields | None]:
    """The entries that /events shows: other statuses, creations and deletions; before them None, if some are left out."""
    found = [e for e in changes(plain, window) if e["event"] != "changed" or e["status"] != e["from_status"]]
    return [*([None] if len(found) > window.limit else []), *found[-window.limit :]]


def wide_rows(happenings: Iterable[Happening], since: int, until: int, step: int) -> list[Fields]:
    """How many servers had which status at each step, counted on the servers themselves."""
    plain, found, waiting, counts = Plain(), list[Fields](), list(happenings)[::-1], Fields()
    for time in range(since, until + 1, step):
        while waiting and waiting[-1].time <= time:
            take(plain, waiting.pop())
            counts = {}
        if not counts:
            now = [server["status"] for server in plain.servers.values()]
            counts = {**{s: now.count(s) for s in CODES}, "total": len(now)}
        found.append({"time": text(time), **counts})
    return found
