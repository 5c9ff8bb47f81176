"""What a reading of the history selects, and the rows that it shows (API.md, section 4)."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, cast

from pydantic import Field
from typing_extensions import TypedDict

from domain.filters import MAX_LIMIT, Parameters, Wanted
from domain.freshness import Moment
from domain.history import ENTRY_CHOICES, Entry, Event, Source, entry_key
from domain.server import STATUS_CODES, Status, Validation, server_key
from domain.texts import Name, Time
from domain.times import epoch, time_text

ENTRY_FILTERS = (
    "server_group", "host", "server_type", "environment", "source", "event", "from_status", "status",
    "validation_status", "commit_sha", "updated_by", "actor",
)  # fmt: skip
SERVER_FILTERS = ("server_group", "host", "server_type", "environment")
WINDOW = ("from", "to")
HISTORY_PARAMETERS = (*ENTRY_FILTERS, *WINDOW, "limit")
SUMMARY_PARAMETERS = (*SERVER_FILTERS, *WINDOW, "step")
DEFAULT_LIMIT = 1_000
MAX_STEPS = 10_000
DAY, HOUR = 86_400, 3_600
FOREVER = "9999-12-31T23:59:59Z"


class HistoryRow(TypedDict):
    """One change of one server, or the state in force where a reading begins."""

    revision: int
    time: Time
    server_group: Name
    host: Name
    server_type: str
    environment: str
    source: Source
    event: Event
    from_status: Annotated[Status | None, Field(description="null on creation")]
    status: Status
    status_code: Annotated[int, Field(description="synced 0, out_of_sync 1, failed 2, unknown 3")]
    changed_files_count: int
    validation_status: Validation
    commit_sha: str
    updated_by: Annotated[str, Field(description="Whom a pipeline names; else the actor, else the source.")]
    actor: Annotated[str, Field(description="The label of the token; empty without one.")]


class FullHistoryRow(HistoryRow):
    """The same with the files."""

    changed_files: list[str]


class StatusCounts(TypedDict):
    """How many servers had which status at a time."""

    time: Time
    synced: int
    out_of_sync: int
    failed: int
    unknown: int
    total: int


class Annotation(TypedDict):
    """A mark on a graph."""

    time: Time
    title: str
    text: str
    tags: Annotated[str, Field(description="event, status, group and environment, comma separated; or truncated")]


@dataclass(frozen=True, slots=True)
class Window:
    """Which entries a reading wants: for each named field the wanted values, and the times, bounds included."""

    texts: Mapping[str, Wanted]
    since: str
    until: str
    limit: int = DEFAULT_LIMIT
    has_start: bool = False  # then the states in force at `since` come first

    def matches(self, entry: Entry) -> bool:
        """Whether the entry has the wanted values."""
        fields: Mapping[str, Any] = entry
        return all(fields.get(field, "") in wanted for field, wanted in self.texts.items())

    def is_about(self, key: str) -> bool:
        """Whether entries about the server of this key can match."""
        server_group, host = key.split("/", 1)
        groups, hosts = self.texts.get("server_group"), self.texts.get("host")
        return (groups is None or server_group in groups) and (hosts is None or host in hosts)

    @property
    def is_about_some(self) -> bool:
        """Whether it wants only the servers of some groups or hosts."""
        return "server_group" in self.texts or "host" in self.texts


@dataclass(frozen=True, slots=True)
class Steps:
    """The times at which a summary counts, in epoch seconds, and which servers."""

    window: Window
    times: range


def read_window(parameters: Iterable[tuple[str, str]], moment: Moment) -> Window:
    """The window of a URL's parameters. Raises Invalid naming every bad one."""
    given = Parameters(parameters, HISTORY_PARAMETERS)
    texts, bounds = given.words(ENTRY_FILTERS, ENTRY_CHOICES), _bounds(given, moment)
    limit = given.limit() or DEFAULT_LIMIT
    given.check()
    # An earlier start counts as the moment from which on everything is kept.
    since = max(bounds.get("from", ""), moment.oldest)
    return Window(texts, since, bounds.get("to", FOREVER), limit, "from" in bounds)


def read_steps(parameters: Iterable[tuple[str, str]], moment: Moment) -> Steps:
    """The steps of a URL's parameters. Without `to` they end now, without `from` they begin a day before the end."""
    given = Parameters(parameters, SUMMARY_PARAMETERS)
    texts, bounds = given.words(SERVER_FILTERS, ENTRY_CHOICES), _bounds(given, moment)
    end = epoch(bounds["to"]) if bounds.get("to") else moment.now
    start = epoch(bounds["from"]) if bounds.get("from") else max(end - DAY, 0)
    step = given.length("step", HOUR)
    if step and start > end:
        given.problems.setdefault("from", "is later than to")
    elif step and (end - start) // step >= MAX_STEPS:
        given.problems["step"] = f"is too short: this window would have more than {MAX_STEPS:,} rows"
    given.check()
    times = range(start, end + 1, step)
    # Before the oldest entry that is kept nothing is known: there are no rows, instead of rows of zeros.
    known = times[max(0, -((start - epoch(moment.oldest)) // step)) :]
    return Steps(Window(texts, time_text(known.start), time_text(end)), known)


def history_row(entry: Entry, time: str | None = None) -> HistoryRow:
    """The flat row of an entry; `time` stamps it as the state in force then."""
    return {
        "revision": entry["revision"],
        "time": time or entry["time"],
        "server_group": entry["server_group"],
        "host": entry["host"],
        "server_type": entry["server_type"],
        "environment": entry["environment"],
        "source": entry["source"],
        "event": entry["event"],
        "from_status": entry["from_status"],
        "status": entry["status"],
        "status_code": STATUS_CODES[entry["status"]],
        "changed_files_count": len(entry["changed_files"]),
        "validation_status": entry["validation_status"],
        "commit_sha": entry["commit_sha"],
        "updated_by": entry["updated_by"],
        "actor": entry.get("actor", ""),
    }


def full_history_row(entry: Entry, time: str | None = None) -> FullHistoryRow:
    """The row of an entry with its files."""
    return {**history_row(entry, time), "changed_files": entry["changed_files"]}


def status_counts(entries: Iterable[Entry], steps: Steps) -> list[StatusCounts]:
    """The counts at each step, after what happened in its second. `entries` begin with the states in force.

    Each entry counts from the first step on that is not before it, so entries about different servers need no order.
    """
    first, step, changes = steps.times.start, steps.times.step, [Counter[Status]() for _ in steps.times]
    known = dict[str, Status]()
    for entry in entries:
        number, key = max(0, -((first - epoch(entry["time"])) // step)), entry_key(entry)
        if number >= len(changes):
            continue
        if (status := known.pop(key, None)) is not None:
            changes[number][status] -= 1
        if entry["event"] != "deleted" and steps.window.matches(entry):
            known[key] = entry["status"]
            changes[number][entry["status"]] += 1
    rows, counts = list[StatusCounts](), Counter[Status]()
    for time, change in zip(steps.times, changes, strict=True):
        counts.update(change)
        rows.append(_counts(time, counts))
    return rows


def is_annotation(entry: Entry) -> bool:
    """Whether the entry is worth a mark: a creation, a deletion, or another status."""
    return entry["event"] != "changed" or entry["status"] != entry["from_status"]


def annotations(entries: Sequence[Entry], limit: int, *, has_more: bool) -> list[Annotation]:
    """The marks of the entries. Where older ones were left out, the first of them says so: nobody sees a header."""
    marks = list(map(annotation, entries))
    if not has_more:
        return marks
    newest = "Only the newest is shown" if limit == 1 else f"Only the newest {limit:,} are shown"
    text = f"Ask for a shorter time or fewer servers, or raise limit, to {MAX_LIMIT:,} at most."
    return [{"time": marks[0]["time"], "title": newest, "text": text, "tags": "truncated"}, *marks]


def annotation(entry: Entry) -> Annotation:
    """The mark of an entry."""
    key, status, event = server_key(entry["server_group"], entry["host"]), entry["status"], entry["event"]
    source, who = entry["source"], entry["updated_by"]
    what = {
        "created": f"created, {status}",
        "changed": f"{entry['from_status']} → {status}",
        "deleted": f"deleted, was {status}",
    }
    count = len(entry["changed_files"])
    parts = [
        f"{count} changed file{'' if count == 1 else 's'}",
        f"validation {entry['validation_status']}",
        f"commit {entry['commit_sha']}" if entry["commit_sha"] else "",
        f"by {who} ({source})" if who not in ("", source) else f"by {source}",
    ]
    tags = (event, status, entry["server_group"], entry["environment"])
    return {
        "time": entry["time"],
        "title": f"{key}: {what[event]}",
        "text": ", ".join(part for part in parts if part),
        "tags": ",".join(tag.replace(",", " ") for tag in tags if tag),
    }


def _bounds(given: Parameters, moment: Moment) -> dict[str, str]:
    bounds = given.bounds({"from": True, "to": False}, moment.now)
    if "" < bounds.get("to", "") < bounds.get("from", ""):
        given.problems["from"] = "is later than to"
    return bounds


def _counts(time: int, counts: Mapping[Status, int]) -> StatusCounts:
    by_status = {status: counts[status] for status in STATUS_CODES}
    return cast(StatusCounts, {"time": time_text(time), **by_status, "total": sum(by_status.values())})
