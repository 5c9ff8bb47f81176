"""GET /summary."""

from typing import Any

import pytest

from tests.web.api import Api


@pytest.fixture
def fleet(api: Api) -> Api:
    """Four servers in three groups, one of each status but out_of_sync."""
    api.pipeline([
        {"server_group": "web-a", "host": "n1", "status": "synced", "server_type": "nginx"},
        {"server_group": "web", "host": "n2", "status": "failed", "server_type": "nginx"},
        {"server_group": "web", "host": "n1", "status": "synced", "validation_status": "failed", "changed_files": ["/a", "/b"]},
        {"server_group": "log", "host": "r1", "status": "unknown", "server_type": "rsyslog"},
    ])  # fmt: skip
    return api


def test_the_summary_counts(fleet: Api) -> None:
    assert fleet.get("/summary").json == {
        "total": 4, "synced": 2, "out_of_sync": 0, "failed": 1, "unknown": 1, "stale": 0, "problem": 3,
        "validation_failed": 1, "groups": 3, "changed_files": 2, "last_report": "2026-04-26T10:30:00Z",
    }  # fmt: skip


def test_the_summary_follows_every_change(fleet: Api) -> None:
    fleet.clock.advance(60)
    fleet.cron(server_group="web", host="n1", changed_files=["/a"])
    fleet.delete("/status/log/r1")
    summary = fleet.get("/summary").json
    assert [summary[name] for name in ("total", "synced", "out_of_sync", "groups", "changed_files")] == [3, 1, 1, 2, 1]
    assert summary["last_report"] == "2026-04-26T10:31:00Z"


def test_filters_choose_what_is_counted(fleet: Api) -> None:
    assert fleet.get("/summary?server_type=rsyslog").json["total"] == 1
    assert fleet.get("/summary?problem=true").json["total"] == 3
    nothing = fleet.get("/summary?server_type=nope").json
    assert (nothing["total"], nothing["last_report"]) == (0, None)
    assert fleet.get("/summary").json["total"] == 4


@pytest.mark.parametrize("query", ["limit=1", "offset=0", "stattus=failed", "seen_after=soon"])
def test_what_is_no_filter_is_refused(fleet: Api, query: str) -> None:
    answer = fleet.get(f"/summary?{query}")
    assert answer.status == 400
    assert list(answer.json["fields"]) == [query.partition("=")[0]]


def test_the_summary_of_nothing_has_every_key(api: Api) -> None:
    summary: dict[str, Any] = api.get("/summary").json
    assert summary.pop("last_report") is None
    assert set(summary.values()) == {0}
    assert len(summary) == 10
