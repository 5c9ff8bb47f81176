"""The one place where a record changes (API.md, section 2)."""

from typing import cast

from domain.report import Report
from domain.server import Server, new_server


def apply(server: Server | None, report: Report, now: str, revision: int) -> Server:
    """The record after the report: a new one, the given one stays as it is.

    `server` is None where the report is the first about it. A report of the old dialect counts as a pipeline's.
    """
    now = max(now, server["timestamp"]) if server else now  # a clock that was set back does not turn a record's times
    before = server or cast(Server, {**new_server(report.server_group, report.host, now), **report.on_creation})
    verdict, run = (
        ("drift_status", "last_cron_check") if report.source == "cron" else ("pipeline_status", "last_pipeline_run")
    )
    after = {**before, verdict: report.fields["status"], run: now}
    after.pop("legacy", None)  # what a v1 client posted is no longer the newest
    after.update(report.fields, timestamp=now, revision=revision)
    if after["status"] != before["status"]:
        after["status_since"] = now
    if report.source == "legacy":
        after["legacy_revision"] = revision
    return cast(Server, after)
