"""The history of one server as people read it: the state of each hour, and what each entry changed."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from domain.history import Entry
from domain.times import epoch, time_text
from domain.verdict import KINDS, Kind
from domain.words import plural

HOUR = 3_600


@dataclass(frozen=True, slots=True)
class Run:
    """Consecutive hours that look alike; None where the server was not known."""

    kind: Kind | None
    first: int  # hours since the start
    hours: int
    time: str  # when the first begins


@dataclass(frozen=True, slots=True)
class Step:
    """An entry with what it changed beside the status, and the files if they are others than before."""

    entry: Entry
    changes: Sequence[str]
    files: Sequence[str]

    @property
    def cause(self) -> str:
        """Where it came from, and who caused it where that says more."""
        source, who = self.entry["source"], self.entry["updated_by"]
        return f"{source}, by {who}" if who not in ("", source) else source


def runs(entries: Iterable[Entry], start: int, count: int, lasting: Iterable[tuple[Kind, str]] = ()) -> list[Run]:
    """The worst of each of `count` hours from `start`, equal neighbours joined.

    `entries` are in order and begin with the state in force. What `lasting` says holds from its time on: a history
    knows neither that checks stopped, nor that a check came after a pipeline that failed.
    """
    seen = [set[Kind | None]() for _ in range(count)]

    def number(time: str) -> int:
        return min(max(0, (epoch(time) - start) // HOUR), count - 1)

    kind, hour = None, 0
    for entry in entries:
        now = number(entry["time"])
        for earlier in seen[hour : now + (1 if epoch(entry["time"]) > start + now * HOUR else 0)]:
            earlier.add(kind)
        kind, hour = _kind(entry), now
        seen[hour].add(kind)
    for rest in seen[hour:]:
        rest.add(kind)
    for held, since in lasting:
        for states in seen[number(since) :]:
            states.add(held)
    worst = [next((one for one in KINDS if one in kinds), None) for kinds in seen]
    found, first = list[Run](), 0
    for state, group in groupby(worst):
        hours = len(list(group))
        found.append(Run(state, first, hours, time_text(start + first * HOUR)))
        first += hours
    return found


def steps(entries: Sequence[Entry], is_whole: bool) -> list[Step]:
    """What each entry changed, the newest first. Unless they are whole, the first entry only tells what was before."""
    pairs = list(zip([None, *entries], entries, strict=False))
    return [_step(before, entry) for before, entry in pairs[0 if is_whole else 1 :]][::-1]


def _kind(entry: Entry) -> Kind | None:
    if entry["event"] == "deleted":
        return None
    if entry["validation_status"] == "failed":
        return "failed"
    return "well" if entry["status"] == "synced" else entry["status"]


def _step(before: Entry | None, entry: Entry) -> Step:
    if before is None or entry["event"] != "changed":
        return Step(entry, (), entry["changed_files"] if entry["event"] != "deleted" else ())
    changes = list[str]()
    if before["validation_status"] != entry["validation_status"]:
        changes.append(f"validation {before['validation_status']} → {entry['validation_status']}")
    if before["commit_sha"] != entry["commit_sha"]:
        changes.append(f"commit {before['commit_sha'][:12] or 'none'} → {entry['commit_sha'][:12] or 'none'}")
    old, new = set(before["changed_files"]), set(entry["changed_files"])
    if new - old:
        changes.append(plural(len(new - old), "new file"))
    if old - new:
        changes.append(f"{len(old - new)} gone" if new - old else f"{plural(len(old - new), 'file')} gone")
    return Step(entry, changes, entry["changed_files"] if old != new else ())
