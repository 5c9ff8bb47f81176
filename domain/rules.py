"""The one place where a record changes (API.md, section 2)."""

from typing import Any, cast

from domain.report import Report
from domain.server import Server, Sighting, new_server
from domain.times import epoch

# Of each kind of report: its own verdict, when it was last made, and when the other kind was.
_OF_PIPELINE = ("pipeline_status", "last_pipeline_run", "last_cron_check")
_OF_CRON = ("drift_status", "last_cron_check", "last_pipeline_run")

SHORT = 7_200  # seconds in which two that take turns are both heard of, if two intervals of the checks are not longer
MOST_AGENTS = 32


def apply(server: Server | None, report: Report, now: str, revision: int) -> Server:
    """The record after the report: a new one, the given one stays as it is. The given one itself where the report is
    older than the newest of its kind: it changes nothing.

    `server` is None where the report is the first about it. A report of the old dialect counts as a pipeline's, and is
    never old: v1 had no such thing.
    """
    own, run, other_run = _OF_CRON if report.source == "cron" else _OF_PIPELINE
    made = min(report.observed or now, now)
    waited = made < now and report.source != "legacy"
    time = max(now, server["timestamp"]) if server else now  # a clock that was set back does not turn a record's times
    before: dict[str, Any] = (
        {**server} if server else {**new_server(report.server_group, report.host, time), **report.on_creation}
    )
    if server and waited and made < (before[run] or ""):
        return server
    after = {
        **before,
        **report.fields,
        own: report.fields["status"],
        run: made,
        "timestamp": time,
        "revision": revision,
    }
    if waited and made < (before[other_run] or ""):
        after |= {name: before[name] for name in ("status", "changed_files")}  # the other kind's are newer
    if report.source != "legacy":
        after.pop("legacy", None)  # what a v1 client posted is no longer the newest
    if after["status"] != before["status"]:
        after["status_since"] = time
    if report.source == "legacy":
        after["legacy_revision"] = revision
    elif report.agent:
        after |= _heard_of({"agent": report.agent, "source": report.source, "seen": time}, after)
    return cast(Server, after)


def notice(server: Server) -> str:
    """What somebody should know of a record that its fields do not say; empty for nothing."""
    if not server.get("take_turns"):
        return ""
    names = ", ".join(sorted({one["agent"] for one in server["agents"]}))
    return (
        f"Several installations of the agent take turns in reporting about this server ({names}): machines that share "
        "its name. Give each a host of its own in its config; gitops-agent doctor says which of them it is."
    )


def _heard_of(newest: Sighting, server: dict[str, Any]) -> dict[str, Any]:
    """Whether installations of the agent take turns: one reports after another did, and had reported before that one.

    A machine that was installed anew changes once. What another kind of report says is no turn, and what lies longer
    back than a short time, or ahead, is forgotten: then one is left, and all is well.
    """
    short = max(2 * (server["check_interval"] or 0), SHORT)
    recent = [one for one in server.get("agents", ()) if 0 <= epoch(newest["seen"]) - epoch(one["seen"]) <= short]
    same_kind = [one["agent"] for one in recent if one["source"] == newest["source"]]
    is_turn = newest["agent"] in same_kind[:-1]
    others = [one for one in recent if (one["agent"], one["source"]) != (newest["agent"], newest["source"])]
    is_alone = all(one["agent"] == newest["agent"] for one in others)
    return {
        "agents": [*others[1 - MOST_AGENTS :], newest],
        "take_turns": not is_alone and (is_turn or server.get("take_turns", False)),
    }
