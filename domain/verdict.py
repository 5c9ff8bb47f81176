"""One verdict on a server, and the three things beside it: drift, pipeline and validation.

Whatever shows a server takes its look from here, so no two places disagree. Green is the verdict `well` alone:
`problem` is 0, and somebody checked.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from domain.freshness import Moment
from domain.reasons import reasons
from domain.server import Server, Status
from domain.summary import Group, group_rows
from domain.times import time_text

Kind = Literal["failed", "out_of_sync", "unknown", "stale", "never_checked", "well"]
# How one of the three things looks: as a verdict does, fine, said before a newer report, or not said.
Look = Literal["failed", "out_of_sync", "unknown", "stale", "never_checked", "fine", "past", "none"]

KINDS: tuple[Kind, ...] = get_args(Kind)  # the worst first
WORDS: Mapping[Kind, str] = {
    **{kind: kind.replace("_", " ") for kind in KINDS},
    "never_checked": "deployed, never checked",
    "well": "synced",
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a server looks like at a glance: its worst reason, or that there is none; and what else is wrong."""

    kind: Kind
    words: str
    also: Sequence[str] = ()


class GroupLook(Group):
    """What a group looks like: its counts, and the worst verdict in it."""

    kind: Kind
    never_checked: int


@dataclass(frozen=True, slots=True)
class Axis:
    """One of the three things, as the last report about it said."""

    name: Literal["Drift", "Pipeline", "Validation"]
    look: Look
    words: str
    time: str | None


def verdict(server: Server, moment: Moment) -> Verdict:
    """The one verdict."""
    if found := reasons(server, moment):
        return Verdict(found[0].kind, found[0].words, [reason.words for reason in found[1:]])
    kind: Kind = "never_checked" if server["last_cron_check"] is None else "well"
    return Verdict(kind, WORDS[kind])


def verdicts_by_group(servers: Iterable[Server], moment: Moment) -> dict[str, Counter[Kind]]:
    """How many servers of each group have each kind of verdict."""
    counts: dict[str, Counter[Kind]] = {}
    for server in servers:
        counts.setdefault(server["server_group"], Counter())[verdict(server, moment).kind] += 1
    return counts


def groups_worst_first(servers: Collection[Server], moment: Moment) -> list[GroupLook]:
    """The groups, the worst first: by the worst verdict, then by how many have a problem."""
    verdicts = verdicts_by_group(servers, moment)
    looks: list[GroupLook] = [
        {**row, "kind": kind, "never_checked": counts["never_checked"]}
        for row in group_rows(servers, moment)
        if (counts := verdicts[row["server_group"]]) and (kind := worst_kind(counts))
    ]
    return sorted(looks, key=lambda look: (KINDS.index(look["kind"]), -look["problem"], look["server_group"]))


def worst_kind(counts: Counter[Kind]) -> Kind | None:
    """The worst verdict that a server has; None where there is no server."""
    return next((kind for kind in KINDS if counts[kind]), None)


def lasting(server: Server, moment: Moment) -> list[tuple[Kind, str]]:
    """What holds now, with the time since when it does."""
    held: list[tuple[Kind, str]] = []
    for reason in reasons(server, moment):
        since = time_text(int(moment.stale_from(server))) if reason.kind == "stale" else reason.time
        held.append((reason.kind, since or server["timestamp"]))
    if server["last_cron_check"] is None:
        held.append(("never_checked", server["first_seen"]))
    return held


def axes(server: Server, moment: Moment) -> tuple[Axis, Axis, Axis]:
    """The three things."""
    return _drift(server, moment), _pipeline(server), _validation(server)


def _drift(server: Server, moment: Moment) -> Axis:
    check, said = server["last_cron_check"], server["drift_status"]
    if check is None:
        return Axis("Drift", "never_checked", "never checked", None)
    look, words = _look(said, server["status"]), said.replace("_", " ") if said else "not reported"
    if moment.is_stale(server):
        look, words = ("stale", "stale") if look in ("fine", "past", "none") else (look, f"{words}, stale")
    return Axis("Drift", look, words, check)


def _pipeline(server: Server) -> Axis:
    said = server["pipeline_status"]
    words = "not reported" if said is None else "succeeded" if said == "synced" else said.replace("_", " ")
    # Of a pipeline that failed a clean check says nothing: it counts until one succeeds.
    look: Look = "failed" if said == "failed" else _look(said, server["status"])
    return Axis("Pipeline", look, words, server["last_pipeline_run"])


def _validation(server: Server) -> Axis:
    said = server["validation_status"]
    if said == "unknown":
        return Axis("Validation", "none", "not reported", None)
    look: Look = "fine" if said == "passed" else "failed" if said == "failed" else "none"
    return Axis("Validation", look, said, server["last_pipeline_run"])


def _look(said: Status | None, status: Status) -> Look:
    """Only a newer report that all is well makes what was said a thing of the past."""
    if said is None:
        return "none"
    if said == "synced":
        return "fine"
    return "past" if status == "synced" else said
