"""The picture of the board in README.md, of a made-up fleet: `make picture` takes it anew into docs/board.png."""

import json
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import Any, Literal

from playwright.sync_api import Browser, sync_playwright

from domain.freshness import Moment
from domain.report import read_reports
from operations.servers import take_reports
from stores import open_store
from tests.browser.conftest import started
from tests.process.service import ROOT, Service, running

PICTURE = ROOT / "docs/board.png"
HOUR, MINUTE = 3_600, 60
MESSAGE = "rsyslogd: error during parsing file 10-forward.conf, on or before line 7: parameter 'targt' not known"


def _server(kind: str, environment: str, number: int, commit_sha: str) -> dict[str, Any]:
    group = f"{kind}-{environment}"
    names = {"server_group": group, "host": f"{group}-{number:02}", "server_type": kind, "environment": environment}
    return {**names, "repo_name": kind, "updated_by": "woodpecker", "status": "synced", "commit_sha": commit_sha}


FLEET = [
    _server("rsyslog", "prod", 1, "4c19d02be1"),
    _server("rsyslog", "prod", 2, "4c19d02be1"),
    _server("nginx", "prod", 1, "a80f3e7719"),
    _server("nginx", "prod", 2, "a80f3e7719"),
    _server("nginx", "stage", 1, "d7713ab904"),
    _server("splunk", "prod", 1, "09be4412cd"),
    _server("ibm-itnm", "lab", 1, "71c0aa5e3f"),
]


def report_fleet(folder: Path) -> None:
    """Make a store in which the fleet has reported for a day."""
    with closing(open_store(folder / "status.json", lambda _members: None)) as store:

        def report(source: Literal["pipeline", "cron"], ago: int, servers: list[dict[str, Any]], **fields: Any) -> None:
            moment = Moment(int(time.time()) - ago, 2 * HOUR)
            body = json.dumps([{**server, **fields} for server in servers]).encode()
            take_reports(store, moment, read_reports(source, body, moment.now).reports)

        def check(ago: int, servers: list[dict[str, Any]], **fields: Any) -> None:
            names = [{name: server[name] for name in ("server_group", "host")} for server in servers]
            report("cron", ago, names, check_interval=15 * MINUTE, **fields)

        report("pipeline", 20 * HOUR, FLEET)
        check(5 * HOUR, FLEET)  # the last one of splunk
        check(16 * MINUTE, FLEET[:2])
        failed = {"status": "failed", "validation_status": "failed", "validation_message": MESSAGE}
        report("pipeline", 9 * MINUTE, FLEET[1:2], commit_sha="e52f60a9b3", changed_files=["10-forward.conf"], **failed)
        check(4 * MINUTE, [FLEET[0], FLEET[2], FLEET[4], FLEET[6]])
        check(3 * MINUTE, FLEET[3:4], changed_files=["/etc/nginx/nginx.conf", "/etc/nginx/sites-enabled/shop"])


def take(browser: Browser, service: Service, file: Path) -> None:
    """Take the picture of the board, what has a problem first."""
    page = browser.new_page(viewport={"width": 1280, "height": 720}, color_scheme="light")
    page.goto(f"{service.url}/?_sort=status")
    page.wait_for_selector("#as-of:not([hidden])")
    page.screenshot(path=file)
    page.close()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        report_fleet(Path(name))
        with running(Path(name)) as service:
            take(started(playwright), service, PICTURE)
