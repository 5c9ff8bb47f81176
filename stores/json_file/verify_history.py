"""The history of a store looked at from outside, and whether it tells of the servers that are there."""

from array import array
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import orjson

from domain.kinds import Event, Kind, Kinds, Ref, is_event, ref_of
from domain.server import MAX_REVISION, is_revision
from storage import Changes
from stores.json_file.findings import TORN, Finding, counted

MOST_NAMED = 20


@dataclass(frozen=True, slots=True)
class Fleet:
    """What file and journal hold together."""

    revision: int
    records: Changes
    is_put_there: bool  # by somebody, and not taken over by a service yet


def history_findings(path: Path, in_journal: Sequence[Event]) -> Iterator[Finding]:
    """How far the history goes, and what stands in it at a wrong place."""
    times, revisions = list[str](), array("q")  # the revisions that are in order
    for where, entry in _entries(path):
        if isinstance(entry, Finding):
            yield entry
            continue
        times = [*times[:1], entry["time"]]
        revision = entry["revision"]
        if not is_revision(revision):
            text = (
                f"its revision is no whole number from 0 to {MAX_REVISION}, and the service refuses that in the last."
            )
            yield Finding("wrong", where, f"{text} Take this line out.")
        elif not revisions or revision > revisions[-1]:
            revisions.append(revision)
        elif revisions[bisect_left(revisions, revision)] == revision:
            yield Finding("wrong", where, f"the entry of revision {revision} is there twice. Take this line out.")
        else:
            text = f"the entry of revision {revision} comes after that of {revisions[-1]}. Move this line up."
            yield Finding("wrong", where, text)
    last = revisions[-1] if revisions else 0
    waiting = sum(is_event(entry) and entry["revision"] > last for entry in in_journal)
    entries = counted(len(revisions), "entry", "entries") if revisions else "no entries"
    span = f", from {times[0]} to {times[-1]}" if times else ""
    more = f"; {waiting} more in the journal" if waiting else ""
    yield Finding("there", path.name, f"{entries}{span}{more}.")


def agreement_findings(
    path: Path, fleet: Fleet, in_journal: Sequence[Event], until: float, kinds: Kinds
) -> Iterator[Finding]:
    """The records of which the history, up to a revision, tells another state than file and journal hold."""
    last, history = dict[Ref, Event](), path.with_name(f"{path.name}.history")
    in_history = (entry for _where, entry in _entries(history) if not isinstance(entry, Finding))
    for entry in chain(in_history, in_journal):
        ref = ref_of(entry)
        if entry["revision"] <= until and (ref not in last or entry["revision"] > last[ref]["revision"]):
            last[ref] = entry
    for kind in kinds.values():
        of_kind = [entry for ref, entry in last.items() if ref.kind == kind.name]
        if kind.compare:
            missing = kind.compare(fleet.records.get(kind.name, {}), of_kind, 0, "", is_upgraded=False)
            yield from _disagreeing(path, kind, sorted({ref_of(entry).key for entry in missing}), fleet)


def _disagreeing(path: Path, kind: Kind[Any], found: Sequence[str], fleet: Fleet) -> Iterator[Finding]:
    if not found:
        return
    names = ", ".join(found[:MOST_NAMED]) + (f" and {len(found) - MOST_NAMED} more" if found[MOST_NAMED:] else "")
    text = f"its history tells another state of {counted(len(found), kind.name, kind.member)}: {names}."
    if fleet.is_put_there:
        yield Finding("unread", path.name, f"{text} The service adds what was changed when it next reads the file.")
    else:
        mend = f"cp {path.name} {path.name}.new && mv {path.name}.new {path.name}"
        yield Finding("wrong", path.name, f"{text} Put the file there anew, and the service adds it: {mend}.")


def _entries(path: Path) -> Iterator[tuple[str, Event | Finding]]:
    """Each line of the history with its place, as its entry or as what is wrong with it."""
    if not path.exists():
        return
    unread = ""
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if unread:
                yield unread, Finding("wrong", unread, "it cannot be read. Take this line out; no other is touched.")
            where, unread, entry = f"{path.name} line {number}", "", _loaded(line)
            if is_event(entry) and line.endswith(b"\n"):
                yield where, entry
            else:
                unread = where
    if unread:
        yield unread, Finding("harmless", path.name, TORN)


def _loaded(line: bytes) -> Any:
    try:
        return orjson.loads(line)
    except ValueError:
        return None
