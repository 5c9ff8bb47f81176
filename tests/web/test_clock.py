"""A clock that was ahead, and is put right: no reading goes on telling what it stamped, over a file and a database."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from domain.times import epoch, read_time
from tests.web.api import ADMIN_TOKEN, START, Api

DAY = 86_400
MONTH, YEAR = 30 * DAY, 365 * DAY

Start = Callable[[], Api]


@pytest.fixture(params=["file", "database"])
def start(request: pytest.FixtureRequest, tmp_path: Path) -> Start:
    """Start one more service over the same store."""
    settings = {"store": request.getfixturevalue("database")} if request.param == "database" else {}
    return lambda: Api(tmp_path, access_log="off", **settings)


def report(api: Api, host: str, **fields: Any) -> Any:
    answer = api.cron(server_group="web", host=host, check_interval=30, **fields)
    assert answer.status in (200, 201), answer.json
    return answer.json


def times(value: Any) -> set[str]:
    """Every time that stands anywhere in an answer."""
    if isinstance(value, dict):
        return set().union(*map(times, value.values()))
    if isinstance(value, list):
        return set().union(*map(times, value))
    return {value} if isinstance(value, str) and read_time(value) == value else set()


READINGS = (
    "/status", "/status/web", "/status/web/a", "/summary", "/groups", "/history", "/history?from=2h", "/events",
    "/history/summary?from=1h&step=10m", "/status/web/a/history", "/status/web/b/history", "/api/status?server=a",
)  # fmt: skip


@pytest.mark.parametrize("is_started_anew", [False, True], ids=["going on", "started anew"])
@pytest.mark.parametrize("seconds", [MONTH, YEAR])
def test_after_a_clock_was_ahead_for_one_report_each_all_is_judged_by_the_right_one(
    start: Start, seconds: int, is_started_anew: bool
) -> None:
    api = start()
    report(api, "a")
    api.clock.advance(seconds)
    report(api, "a", changed_files=["/etc/x"])
    report(api, "b")
    api.clock.advance(-seconds)
    right = api.clock.now
    if is_started_anew:
        api = start()

    assert report(api, "a")["timestamp"] == "2026-04-26T10:30:00Z"
    for number in range(1, 8):
        api.clock.now = right + 10 * number
        assert epoch(report(api, "a")["last_cron_check"]) == api.clock.now
        b = api.record("/status/web/b")
        assert (b["stale"], b["problem"]) == ((False, 0) if 10 * number <= 60 else (True, 1)), number
    now = read_time("2026-04-26T10:31:10Z")
    for path in READINGS:
        assert max(times(api.get(path).json) - {None}) <= str(now), path
    assert api.get("/summary").json["total"] == 2
    assert api.get("/history/summary").json[-1]["total"] == 2
    assert api.get("/history/summary").json[-1]["synced"] == api.get("/summary").json["synced"] == 2
    assert len(api.get("/status?seen_before=0s").json) == len(api.get("/status?created_before=0s").json) == 2
    metrics = api.get("/metrics").response.text
    seen = [line for line in metrics.splitlines() if line.startswith("gitops_server_last_check_timestamp_seconds{")]
    assert [float(line.rpartition(" ")[2]) for line in sorted(seen)] == [START + 70, START]


def test_a_deletion_after_a_clock_was_ahead_is_stamped_now(start: Start) -> None:
    api = start()
    api.clock.advance(YEAR)
    report(api, "a")
    api.clock.advance(-YEAR)
    assert api.delete("/status/web/a").status == 204
    assert [(row["event"], row["time"]) for row in api.get("/history").json] == [
        ("created", "2026-04-26T10:30:00Z"), ("deleted", "2026-04-26T10:30:00Z"),
    ]  # fmt: skip


V1 = {"repo": "rsyslog", "server": "rsyslog-lab", "sync_status": "SYNCED", "last_check": "2026-05-22T10:30:00Z"}


@pytest.mark.parametrize("kind", ["version 1", "sixteen fields", "edited while it runs"])
def test_a_file_with_times_ahead_keeps_no_server_green(tmp_path: Path, kind: str) -> None:
    """One check every 30 seconds, and then silence."""
    body = {"server_group": "rsyslog-lab", "host": "rsyslog-lab", "check_interval": 30}
    file, api = tmp_path / "status.json", Api(tmp_path)
    if kind == "version 1":
        file.write_text(json.dumps(V1))
    else:
        first = Api(tmp_path)
        first.cron(body)
        first.get("/status")
        record = first.record("/status/rsyslog-lab/rsyslog-lab")
        ahead = {**record, "last_cron_check": V1["last_check"], "timestamp": V1["last_check"]}
        kept = dict(list(ahead.items())[:16]) if kind == "sixteen fields" else ahead
        file.write_text(json.dumps({"version": "2.0", "revision": 1, "servers": {"rsyslog-lab/rsyslog-lab": kept}}))
        if kind == "edited while it runs":
            api = first
    assert api.cron(body).json["last_cron_check"] == "2026-04-26T10:30:00Z"
    api.clock.advance(65)
    row = api.record("/status/rsyslog-lab/rsyslog-lab")
    assert (row["stale"], row["problem"]) == (True, 1)
    assert max(times(row)) == max(times(api.get("/history").json)) == "2026-04-26T10:30:00Z"


def test_a_version_1_client_whose_clock_is_ahead_is_not_believed_either(start: Start) -> None:
    api = start()
    api.legacy(**V1)
    assert api.record("/status/rsyslog-lab/rsyslog-lab")["last_pipeline_run"] == "2026-04-26T10:30:00Z"


@pytest.mark.parametrize("seconds", [12, 1_575_000_000], ids=["1970", "years before this version"])
@pytest.mark.parametrize("is_started_anew", [False, True], ids=["going on", "started anew"])
def test_by_a_clock_that_cannot_be_right_nothing_is_shown_or_stored_and_nothing_is_lost(
    start: Start, seconds: int, is_started_anew: bool
) -> None:
    """As that of a machine without a battery, before it has asked for the time."""
    api = start()
    report(api, "a", changed_files=["/etc/x"])
    before = [api.get(path).json for path in READINGS[:-1]]
    if is_started_anew:
        api = start()
    right, api.clock.now = api.clock.now, seconds
    for path in (*READINGS, "/ready", "/", "/badge/web.svg"):
        answer = api.get(path)
        assert answer.status == 503, path
        assert "The clock of this machine is wrong: it shows " in answer.json["error"]
    assert api.cron(server_group="web", host="a").status == 503
    assert api.delete("/status/web/a").status == 503
    assert api.get("/tokens", authorization=f"Bearer {ADMIN_TOKEN}").status == 503
    assert api.get("/health").status == 200
    metrics = api.get("/metrics").response.text
    assert "gitops_store_ready 0" in metrics
    assert "gitops_server_stale{" not in metrics
    api.clock.now = right
    assert [api.get(path).json for path in READINGS[:-1]] == before
    assert report(api, "a")["first_seen"] == "2026-04-26T10:30:00Z"


def test_a_file_that_was_put_there_waits_for_the_right_clock(tmp_path: Path) -> None:
    api = Api(tmp_path)
    report(api, "a")
    api.app.extensions["begin"]()
    content = (tmp_path / "status.json").read_bytes().replace(b'"status":"synced"', b'"status":"failed"')
    right, api.clock.now = api.clock.now, 12
    (tmp_path / "status.json").write_bytes(content)
    assert api.get("/status").status == 503
    api.clock.now = right
    assert api.record("/status/web/a")["status"] == "failed"
    assert times(api.get("/history").json) == {"2026-04-26T10:30:00Z"}
