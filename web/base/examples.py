"""One server as the documents show it, and what it reports: the example of every route that needs one."""

from typing import Any

from domain.freshness import Moment
from domain.report import RUN_DEFAULTS, Report
from domain.rules import apply
from domain.times import epoch
from web.base.answers import full, row

REPORT_EXAMPLE: dict[str, Any] = {
    "project_name": "gitops-for-servers",
    "repo_name": "rsyslog",
    "server_group": "rsyslog-prod",
    "server_type": "rsyslog",
    "environment": "prod",
    "host": "rsyslog-01",
    "status": "synced",
    "validation_status": "passed",
    "validation_message": "rsyslog syntax validation passed",
    "commit_sha": "abc1234",
    "branch": "master",
    "updated_by": "woodpecker",
}
DRIFT_EXAMPLE: dict[str, Any] = {
    "server_group": "rsyslog-prod",
    "host": "rsyslog-01",
    "status": "out_of_sync",
    "changed_files": ["/etc/rsyslog.conf", "/etc/rsyslog.d/50-default.conf"],
    "check_interval": 300,
}
SERVER = apply(
    None,
    Report("pipeline", "rsyslog-prod", "rsyslog-01", {**RUN_DEFAULTS, **REPORT_EXAMPLE}, {}),
    "2026-04-26T10:30:00Z",
    1,
)
MOMENT = Moment(epoch(SERVER["timestamp"]), 7_200)
SERVER_EXAMPLE = full(SERVER, MOMENT)
ROW_EXAMPLE = row(SERVER, MOMENT)
