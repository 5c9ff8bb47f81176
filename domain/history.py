"""What counts as a change, and the entry that it leaves (API.md, section 4)."""

from collections.abc import Iterable, Mapping
from typing import Any, Literal, NotRequired

# pydantic reads the TypedDict of typing itself only from Python 3.12 on.
from typing_extensions import TypedDict

from domain.filters import choices
from domain.server import Revision, Server, Status, Validation, server_key

Source = Literal["pipeline", "cron", "legacy", "api", "file"]
Event = Literal["created", "changed", "deleted"]


class Entry(TypedDict):
    """One change of one server, as it is stored: what was in force from `time` on, and who said so."""

    revision: Revision
    time: str
    server_group: str
    host: str
    server_type: str
    environment: str
    source: Source
    event: Event
    from_status: Status | None  # null on creation
    status: Status
    changed_files: list[str]
    validation_status: Validation
    commit_sha: str
    updated_by: str  # who caused it, see `attributed`
    actor: NotRequired[str]  # the label of the token; an entry of an earlier version has none


ENTRY_CHOICES = choices(Entry)


def change_entry(before: Server | None, after: Server, source: Source, actor: str = "") -> Entry | None:
    """The entry of a report that turned `before` into `after`; None for a heartbeat, which changed nothing."""
    if before is None:
        return attributed({**_entry(after, source, "created", None, after), "actor": actor})
    if _watched(before) == _watched(after):
        return None
    return attributed({**_entry(after, source, "changed", before["status"], after), "actor": actor})


def deletion_entry(server: Server, revision: int, now: str, actor: str = "") -> Entry:
    """The entry of a deletion: the last state, with the last status in both."""
    stamp = {"revision": revision, "timestamp": now}
    return attributed({**_entry(server, "api", "deleted", server["status"], stamp), "actor": actor})


def attributed(entry: Entry) -> Entry:
    """The entry with who caused it: for a pipeline whom it names itself, else who held the token, else the source.

    An earlier version stored the pipeline's word with every entry, as if its author had edited the server by hand.
    """
    if entry["source"] in ("pipeline", "legacy"):
        return entry
    who = entry.get("actor") or entry["source"]
    return entry if entry["updated_by"] == who else {**entry, "updated_by": who}


def file_entries(
    servers: Mapping[str, Server], last: Iterable[Entry], revision: int, now: str, *, is_upgraded: bool
) -> list[Entry]:
    """The entries, after a revision, of what a file changed that somebody put there: one for each server that differs
    from the last entry about it, is new, or is gone.

    What a file of version 1 creates came by the old dialect, and is as old as its record says.
    """
    found, told, deleted = list[Entry](), set[str](), dict[str, str]()

    def note(state: Server | Entry, event: Event, from_status: Status | None, time: str) -> None:
        source: Source = "legacy" if is_upgraded and event == "created" else "file"
        stamp = {"revision": revision + len(found) + 1, "timestamp": time}
        found.append(attributed({**_entry(state, source, event, from_status, stamp), "actor": ""}))

    for entry in last:
        key, time = entry_key(entry), max(now, entry["time"])  # the times of one server never run backwards
        server = servers.get(key)
        if entry["event"] == "deleted":
            deleted[key] = entry["time"]
        elif server is None:
            note(entry, "deleted", entry["status"], time)
        else:
            told.add(key)
            if _watched(server) != _watched(entry):
                note(server, "changed", entry["status"], time)
    for key, server in servers.items():
        if key not in told:
            time = min(now, server["timestamp"]) if is_upgraded else now
            note(server, "created", None, max(time, deleted.get(key, "")))
    return found


def is_entry(entry: Any) -> bool:
    """Whether a stored value holds what the store needs of an entry: later versions may add to the rest."""
    return (
        isinstance(entry, dict)
        and type(entry.get("revision")) is int
        and entry.keys() >= Entry.__required_keys__
        and all(isinstance(entry[name], str) for name in ("time", "server_group", "host", "source", "event", "status"))
        and isinstance(entry["changed_files"], list)
    )


def entry_key(entry: Entry) -> str:
    """The key of the server that an entry is about."""
    return server_key(entry["server_group"], entry["host"])


def _watched(state: Server | Entry) -> tuple[object, ...]:
    return state["status"], state["validation_status"], state["commit_sha"], set(state["changed_files"])


def _entry(
    server: Server | Entry, source: Source, event: Event, from_status: Status | None, stamp: Server | Mapping[str, Any]
) -> Entry:
    return {
        "revision": stamp["revision"],
        "time": stamp["timestamp"],
        "server_group": server["server_group"],
        "host": server["host"],
        "server_type": server["server_type"],
        "environment": server["environment"],
        "source": source,
        "event": event,
        "from_status": from_status,
        "status": server["status"],
        "changed_files": server["changed_files"],
        "validation_status": server["validation_status"],
        "commit_sha": server["commit_sha"],
        "updated_by": server["updated_by"],
    }
