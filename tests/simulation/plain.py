"""The contract recomputed the slow, obvious way, from nothing but the list of what was sent (API.md, 1 to 4)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Any

from tests.simulation.fleet import Happening

Fields = dict[str, Any]
Key = tuple[str, str]

STALE_AFTER = 7_200
CODES = {"synced": 0, "out_of_sync": 1, "failed": 2, "unknown": 3}
DESCRIPTIVE = ("project_name", "repo_name", "server_type", "environment")
OF_A_RUN: Fields = {
    "changed_files": [],
    "validation_status": "unknown",
    "validation_message": "",
    "commit_sha": "",
    "branch": "",
    "updated_by": "pipeline",
    "pipeline_url": "",
    "commit_message": "",
}


@cache
def text(seconds: int) -> str:
    """A time as the contract writes it."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@cache
def seconds(time: str) -> int:
    """The other way round."""
    return int(datetime.strptime(time, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC).timestamp())


@dataclass
class Plain:
    """The fleet after the last of the given happenings; times are epoch seconds in here."""

    servers: dict[Key, Fields] = field(default_factory=dict)
    entries: list[Fields] = field(default_factory=list)
    boards: dict[int, list[Fields]] = field(default_factory=dict)  # what `rows` found


def replay(happenings: Iterable[Happening], until: int, before: Plain, since: int) -> Plain:
    """Everything that was sent after a second, and until another, that second included, on top of what was before."""
    plain = Plain(dict(before.servers), list(before.entries))
    for one in happenings:
        if one.time > until:
            break
        if one.time > since:
            take(plain, one)
    return plain


def take(plain: Plain, one: Happening) -> None:
    """One report or deletion more."""
    before = plain.servers.get(one.key)
    if one.kind == "delete":
        assert before, "the fleet deletes only what is there"
        _note(plain, _entry(one, "deleted", before, before["status"]))
        del plain.servers[one.key]
        return
    sent = {name: value for name, value in one.body.items() if value is not None}
    server = dict(before) if before else _new(one, sent)
    if one.kind == "pipeline":
        _pipeline(server, sent)
        server["last_pipeline_run"] = one.time
    else:
        _cron(server, sent)
        server["last_cron_check"] = one.time
    server["timestamp"] = one.time
    if before is None or before["status"] != server["status"]:
        server["status_since"] = one.time
    plain.servers[one.key] = server
    if before is None:
        _note(plain, _entry(one, "created", server, None))
    elif _told(before) != _told(server):
        _note(plain, _entry(one, "changed", server, before["status"]))


def _note(plain: Plain, entry: Fields) -> None:
    """Entries are numbered from 1; their revisions are only known to grow with that number."""
    plain.entries.append({"revision": len(plain.entries) + 1, **entry})


def _new(one: Happening, sent: Fields) -> Fields:
    server = {
        **OF_A_RUN,
        "project_name": "",
        "repo_name": "",
        "server_type": "unknown",
        "environment": "unknown",
        "server_group": one.body["server_group"],
        "host": one.body["host"],
        "status": "unknown",
        "pipeline_status": None,
        "drift_status": None,
        "last_pipeline_run": None,
        "last_cron_check": None,
        "check_interval": None,
        "first_seen": one.time,
    }
    server |= {name: sent[name] for name in DESCRIPTIVE if name in sent}
    return {**server, "updated_by": "cron"} if one.kind == "cron" else server


def _pipeline(server: Fields, sent: Fields) -> None:
    server["status"] = server["pipeline_status"] = sent["status"]
    for name, default in OF_A_RUN.items():
        server[name] = sent.get(name, default)
    for name in DESCRIPTIVE:
        server[name] = sent.get(name, server[name])
    server["changed_files"] = list(dict.fromkeys(server["changed_files"]))


def _cron(server: Fields, sent: Fields) -> None:
    files = list(dict.fromkeys(sent["changed_files"])) if "changed_files" in sent else None
    status = sent.get("status") or ("out_of_sync" if files else "synced")
    server["status"] = server["drift_status"] = status
    if files is not None:
        server["changed_files"] = files
    elif status == "synced":
        server["changed_files"] = []
    if "check_interval" in sent:
        server["check_interval"] = sent["check_interval"]


def _told(server: Fields) -> Fields:
    """What a change is a change of."""
    told = {name: server[name] for name in ("status", "validation_status", "commit_sha")}
    return {**told, "changed_files": set(server["changed_files"])}


def _entry(one: Happening, event: str, server: Fields, from_status: str | None) -> Fields:
    names = (
        "server_group",
        "host",
        "server_type",
        "environment",
        "status",
        "validation_status",
        "commit_sha",
    )
    source = "api" if event == "deleted" else one.kind
    return {
        **{name: server[name] for name in names},
        "time": one.time,
        "source": source,
        "updated_by": server["updated_by"] if source == "pipeline" else source,
        "event": event,
        "from_status": from_status,
        "actor": "",
        "status_code": CODES[server["status"]],
        "changed_files_count": len(server["changed_files"]),
        "changed_files": server["changed_files"],
    }


# --- the board ---


def is_stale(server: Fields, now: int) -> bool:
    """Checked once, and not for longer than two intervals."""
    if server["last_cron_check"] is None:
        return False
    interval = server["check_interval"]
    allowed = STALE_AFTER if interval is None else max(60, interval * 2)
    return bool(now - server["last_cron_check"] > allowed)


def full(server: Fields, now: int) -> Fields:
    """The record as it is shown at that second."""
    shown = dict(server)
    for name in ("last_pipeline_run", "last_cron_check", "timestamp", "first_seen", "status_since"):
        shown[name] = None if server[name] is None else text(server[name])
    stale = is_stale(server, now)
    bad = (
        server["status"] != "synced"
        or server["validation_status"] == "failed"
        or server["pipeline_status"] == "failed"
        or stale
    )
    shown["changed_files_count"] = len(server["changed_files"])
    shown["status_code"] = CODES[server["status"]]
    shown["stale"] = stale
    shown["problem"] = 1 if bad else 0
    shown["notice"] = ""  # no agent of its own reports here
    return shown


def rows(plain: Plain, now: int) -> list[Fields]:
    """The board, sorted by group, then host."""
    if now not in plain.boards:
        board = [full(plain.servers[key], now) for key in sorted(plain.servers)]
        plain.boards[now] = [{n: row[n] for n in row if n not in {"changed_files", "notice"}} for row in board]
    return plain.boards[now]


def counts(board: Sequence[Fields]) -> Fields:
    """What /summary and /groups have in common."""
    found: Fields = {"total": len(board)}
    for status in CODES:
        found[status] = len([row for row in board if row["status"] == status])
    found["stale"] = len([row for row in board if row["stale"]])
    found["problem"] = len([row for row in board if row["problem"]])
    found["validation_failed"] = len([row for row in board if row["validation_status"] == "failed"])
    found["changed_files"] = sum(row["changed_files_count"] for row in board)
    found["last_report"] = max((row["timestamp"] for row in board), default=None)
    return found


def summary(board: Sequence[Fields]) -> Fields:
    """/summary over these rows."""
    return {**counts(board), "groups": len({row["server_group"] for row in board})}


def groups(board: Sequence[Fields]) -> list[Fields]:
    """/groups over these rows."""
    found = []
    for name in sorted({row["server_group"] for row in board}):
        own = [row for row in board if row["server_group"] == name]
        worst = next(
            s for s in ("failed", "out_of_sync", "unknown", "synced") if any(row["status"] == s for row in own)
        )
        found.append({"server_group": name, **counts(own), "worst": worst})
    return found


def values(board: Sequence[Fields], field: str) -> list[Fields]:
    """/values over these rows."""
    found = ["none" if row[field] is None else row[field] for row in board]
    return [{"value": value, "servers": found.count(value)} for value in sorted({*found} - {""})]


def select(board: Sequence[Fields], wanted: Mapping[str, Sequence[Any]]) -> list[Fields]:
    """The rows that have, for each named field, one of the wanted values."""
    return [row for row in board if all(row[name] in values for name, values in wanted.items())]


def between(board: Sequence[Fields], name: str, low: int | None, high: int | None) -> list[Fields]:
    """The rows whose time lies within the bounds, the bounds included."""
    return [
        row
        for row in board
        if (low is None or seconds(row[name]) >= low) and (high is None or seconds(row[name]) <= high)
    ]
