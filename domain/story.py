"""The history of one server as people read it: the state of each hour, and what each entry changed."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from domain.history import Entry
from domain.reasons import plural
from domain.server import Status
from domain.summary import WORST
from domain.times import epoch

HOUR = 3_600


@dataclass(frozen=True, slots=True)
class Run:
    """Consecutive hours in the same state; None where the server was not known."""

    status: Status | None
    first: int  # hours since the start
    hours: int


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


def runs(entries: Iterable[Entry], start: int, count: int) -> list[Run]:
    """The worst state of each of `count` hours from `start`, equal neighbours joined.

    `entries` are in order and begin with the state in force.
    """
    seen = [set[Status | None]() for _ in range(count)]
    status, hour = None, 0
    for entry in entries:
        number = min(max(0, (epoch(entry["time"]) - start) // HOUR), count - 1)
        for earlier in seen[hour : number + (1 if epoch(entry["time"]) > start + number * HOUR else 0)]:
            earlier.add(status)
        status, hour = None if entry["event"] == "deleted" else entry["status"], number
        seen[hour].add(status)
    for rest in seen[hour:]:
        rest.add(status)
    worst = [next((one for one in WORST if one in states), None) for states in seen]
    found, first = list[Run](), 0
    for state, group in groupby(worst):
        hours = len(list(group))
        found.append(Run(state, first, hours))
        first += hours
    return found


def steps(entries: Sequence[Entry], is_whole: bool) -> list[Step]:
    """What each entry changed, the newest first. Unless they are whole, the first entry only tells what was before."""
    pairs = list(zip([None, *entries], entries, strict=False))
    return [_step(before, entry) for before, entry in pairs[0 if is_whole else 1 :]][::-1]


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
