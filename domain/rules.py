"""The one place where a record changes (API.md, section 2)."""

from typing import Any, cast

from domain.report import Report
from domain.server import Server, new_server

# Of each kind of report: its own verdict, when it was last made, and when the other kind was.
_OF_PIPELINE = ("pipeline_status", "last_pipeline_run", "last_cron_check")
_OF_CRON = ("drift_status", "last_cron_check", "last_pipeline_run")


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
    return cast(Server, after)
