"""The history over HTTP: long rows, one server, counts over time, annotations (API.md, section 4)."""

import gzip
from pathlib import Path
from typing import Any

import pytest

from tests.web.api import START, Api

NAMES = [
    "revision", "time", "server_group", "host", "server_type", "environment", "source", "event", "from_status",
    "status", "status_code", "changed_files_count", "validation_status", "commit_sha", "updated_by", "actor",
]  # fmt: skip
DAY = 86_400


@pytest.fixture
def told(api: Api) -> Api:
    """web-01 drifts and is mended, web-02 fails and goes: a report every hundred seconds."""
    api.pipeline(environment="prod", server_type="nginx", commit_sha="abc", updated_by="ci")
    api.clock.advance(100)
    api.cron(changed_files=["/etc/a", "/etc/b"])
    api.clock.advance(100)
    api.pipeline(host="web-02", status="failed", validation_status="failed")
    api.clock.advance(100)
    api.cron(status="synced")
    api.clock.advance(100)
    api.delete("/status/web/web-02")
    api.clock.advance(100)
    return api


def short(api: Api, path: str) -> list[tuple[Any, ...]]:
    answer = api.get(path)
    assert answer.status == 200, answer.json
    return [(row["revision"], row["host"], row["event"], row["status"]) for row in answer.json]


def refused(api: Api, path: str) -> set[str]:
    answer = api.get(path)
    assert answer.status == 400
    return set(answer.json["fields"])


ALL = [
    (1, "web-01", "created", "synced"), (2, "web-01", "changed", "out_of_sync"), (3, "web-02", "created", "failed"),
    (4, "web-01", "changed", "synced"), (5, "web-02", "deleted", "failed"),
]  # fmt: skip


def test_a_row_a_change_in_their_order_with_these_names(told: Api) -> None:
    rows = told.get("/history").json
    assert [list(row) for row in rows] == [NAMES] * 5
    assert rows[1] == {
        "revision": 2, "time": "2026-04-26T10:31:40Z", "server_group": "web", "host": "web-01", "server_type": "nginx",
        "environment": "prod", "source": "cron", "event": "changed", "from_status": "synced", "status": "out_of_sync",
        "status_code": 1, "changed_files_count": 2, "validation_status": "unknown", "commit_sha": "abc",
        "updated_by": "cron", "actor": "",
    }  # fmt: skip
    assert rows[0]["from_status"] is None
    assert (rows[4]["from_status"], rows[4]["source"]) == ("failed", "api")
    assert short(told, "/history") == ALL


def test_a_heartbeat_is_no_row(told: Api) -> None:
    told.cron(status="synced")
    assert short(told, "/history") == ALL


@pytest.mark.parametrize(
    ("query", "revisions"),
    [
        ("host=web-02", [3, 5]),
        ("server_group=web", [1, 2, 3, 4, 5]),
        ("server_group=db", []),
        ("host=web-01,web-02&event=created", [1, 3]),
        ("event={changed,deleted}", [2, 4, 5]),
        ("event=changed&event=deleted", [2, 4, 5]),
        ("source=cron", [2, 4]),
        ("from_status=failed", [5]),
        ("status=out_of_sync", [2]),
        ("validation_status=failed", [3, 5]),
        ("commit_sha=abc", [1, 2, 4]),
        ("updated_by=ci", [1]),
        ("updated_by=cron,api", [2, 4, 5]),
        ("from_status=none", [1, 3]),
        ("from_status={none,failed}", [1, 3, 5]),
        ("environment=prod&server_type=nginx", [1, 2, 4]),
        ("host=&status=*&event=All&source=$__all&_=1&from=&to=", [1, 2, 3, 4, 5]),
        ("limit=2", [4, 5]),
        ("limit=1&host=web-01", [4]),
        (f"to={START + 100}", [1, 2]),
        (f"to={START + 99}", [1]),
        (f"to={(START + 100) * 1_000}", [1, 2]),
        ("to=2026-04-26T10:33:20", [1, 2, 3]),
        ("to=100s", [1, 2, 3, 4, 5]),
        ("to=101s", [1, 2, 3, 4]),
    ],
)
def test_filters_bounds_and_limit(told: Api, query: str, revisions: list[int]) -> None:
    assert [row[0] for row in short(told, f"/history?{query}")] == revisions


def test_from_begins_with_the_states_in_force(told: Api) -> None:
    rows = told.get(f"/history?from={START + 250}").json
    assert [(row["revision"], row["time"], row["event"], row["source"]) for row in rows] == [
        (2, "2026-04-26T10:34:10Z", "changed", "cron"),
        (3, "2026-04-26T10:34:10Z", "created", "pipeline"),
        (4, "2026-04-26T10:35:00Z", "changed", "cron"),
        (5, "2026-04-26T10:36:40Z", "deleted", "api"),
    ]
    assert [list(row) for row in rows] == [NAMES] * 4


@pytest.mark.parametrize(
    ("query", "revisions"),
    [
        (f"from={START}", [1, 2, 3, 4, 5]),  # nothing was there before
        (f"from={START + 100}", [1, 2, 3, 4, 5]),
        (f"from={START + 101}", [2, 3, 4, 5]),
        (f"from={START + 401}", [4]),  # a deleted server has no state
        (f"from={START + 250}&limit=1", [2, 3, 5]),
        (f"from={START + 250}&to={START + 260}", [2, 3]),
        (f"from={START + 250}&status=failed", [3, 5]),
        (f"from={START + 250}&host=web-01", [2, 4]),
        ("from=250s", [2, 3, 4, 5]),
    ],
)
def test_what_follows_a_start(told: Api, query: str, revisions: list[int]) -> None:
    assert [row[0] for row in short(told, f"/history?{query}")] == revisions


@pytest.mark.parametrize("path", ["/history", "/events", "/status/web/web-01/history"])
@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("from=20s&to=30s", "from"), ("from=yesterday", "from"), ("to=soon", "to"), ("from=1&from=2", "from"),
        ("limit=0", "limit"), ("limit=10001", "limit"), ("limit=x", "limit"), ("offset=1", "offset"),
        ("hots=web-01", "hots"), ("step=1h", "step"), ("status=syncd", "status"), ("from_status=x", "from_status"),
        ("source=crn", "source"), ("event=changed,gone", "event"), ("validation_status=None", "validation_status"),
        ("from=2026-04-26T10:30:00+01:00", "from"), ("to=2026-04-26 10:30:00+01:00", "to"),
    ],
)  # fmt: skip
def test_what_is_no_window_is_refused(told: Api, path: str, query: str, field: str) -> None:
    assert refused(told, f"{path}?{query}") == {field}
    assert "from_status" in told.get(f"{path}?{query}").json["error"]


def test_limit_is_1000_unless_asked(api: Api) -> None:
    api.pipeline([{"server_group": "g", "host": f"h-{number}", "status": "synced"} for number in range(999)])
    api.pipeline([{"server_group": "g", "host": f"i-{number}", "status": "synced"} for number in range(3)])
    assert [row[0] for row in short(api, "/history")] == list(range(3, 1_003))
    assert len(short(api, "/history?limit=10000")) == 1_002


def test_one_server_with_its_files(told: Api) -> None:
    rows = told.get("/status/web/web-01/history").json
    assert [list(row) for row in rows] == [[*NAMES, "changed_files"]] * 3
    assert [row["changed_files"] for row in rows] == [[], ["/etc/a", "/etc/b"], []]
    first, *_ = told.get(f"/status/web/web-01/history?from={START + 150}").json
    assert (first["revision"], first["time"], first["changed_files"]) == (
        2, "2026-04-26T10:32:30Z", ["/etc/a", "/etc/b"],
    )  # fmt: skip


def test_a_deleted_server_keeps_its_history_and_an_unknown_one_is_a_404(told: Api) -> None:
    assert [row[2] for row in short(told, "/status/web/web-02/history")] == ["created", "deleted"]
    assert told.get("/status/web/web-03/history").status == 404
    assert told.get("/status/webweb/-01/history").status == 404


def test_the_counts_over_time(told: Api) -> None:
    rows = told.get(f"/history/summary?from={START - 50}&to={START + 450}&step=50s").json
    assert [list(row) for row in rows] == [["time", "synced", "out_of_sync", "failed", "unknown", "total"]] * 11
    counts = [(row["synced"], row["out_of_sync"], row["failed"], row["unknown"], row["total"]) for row in rows]
    one, drifted, both = (1, 0, 0, 0, 1), (0, 1, 0, 0, 1), (0, 1, 1, 0, 2)
    mended = (1, 0, 1, 0, 2)
    assert counts == [(0,) * 5, one, one, drifted, drifted, both, both, mended, mended, one, one]
    assert rows[1]["time"] == "2026-04-26T10:30:00Z"


@pytest.mark.parametrize(
    ("query", "totals"),
    [
        (f"from={START + 350}&step=60", [2, 1, 1]),  # begins with what was there
        ("", [0] * 24 + [1]),
        (f"to={START + 250}", [0] * 24 + [2]),
        (f"to={START + 250}&host=web-02&step=1d", [0, 1]),
        (f"from={START + 250}&environment=prod", [1]),
        (f"from={START + 250}&server_group=db", [0]),
    ],
)
def test_the_steps_of_a_summary(told: Api, query: str, totals: list[int]) -> None:
    assert [row["total"] for row in told.get(f"/history/summary?{query}").json] == totals


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("step=0", "step"), ("step=x", "step"), ("step=0s", "step"), ("step=-5", "step"), ("step=1&step=2", "step"),
        ("from=10000s&step=1", "step"), ("from=1s&to=2s", "from"), ("status=failed", "status"), ("limit=1", "limit"),
    ],
)  # fmt: skip
def test_what_is_no_summary_is_refused(told: Api, query: str, field: str) -> None:
    assert refused(told, f"/history/summary?{query}") == {field}


def test_a_summary_has_at_most_10000_rows(told: Api) -> None:
    assert len(told.get("/history/summary?from=9999s&step=1").json) == 10_000


def test_annotations_are_strings_about_status_changes(told: Api) -> None:
    told.pipeline(status="synced", commit_sha="next")  # no other status
    assert short(told, "/history")[-1][0] == 6
    rows = told.get("/events").json
    assert [row["title"] for row in rows] == [
        "web/web-01: created, synced", "web/web-01: synced → out_of_sync", "web/web-02: created, failed",
        "web/web-01: out_of_sync → synced", "web/web-02: deleted, was failed",
    ]  # fmt: skip
    assert rows[1] == {
        "time": "2026-04-26T10:31:40Z",
        "title": "web/web-01: synced → out_of_sync",
        "text": "2 changed files, validation unknown, commit abc, by cron",
        "tags": "changed,out_of_sync,web,prod",
    }
    assert len(told.get(f"/events?from={START + 150}&to={START + 350}").json) == 2
    told.pipeline(host="x", environment="a,b")
    assert told.get("/events?host=x").json[0]["tags"] == "created,synced,web,a b"


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("from_status=x", "synced, out_of_sync, failed, unknown or none"), ("source=x", "pipeline, cron, legacy"),
        ("event=x", "created, changed or deleted"), ("to=2026-04-26T10:30:00 01:00", "%2B"),
    ],
)  # fmt: skip
def test_the_400_says_what_there_is(told: Api, query: str, names: str) -> None:
    assert names in told.get(f"/history?{query}").json["error"]
    if query.startswith("to="):
        assert names in told.get(f"/history/summary?{query}").json["error"]


@pytest.mark.parametrize("path", ["/history", "/events", "/history/summary", "/status/web/web-01/history"])
def test_each_reading_has_a_tag_and_is_compressed(told: Api, path: str) -> None:
    answer = told.get(path, Accept_Encoding="gzip")
    assert gzip.decompress(answer.response.data) == told.get(path).response.data
    assert told.get(path, If_None_Match=answer.headers["ETag"]).status == 304


def test_old_entries_are_not_shown_but_stand_for_the_state_in_force(tmp_path: Path) -> None:
    api = Api(tmp_path, history_days=2)
    api.pipeline()
    api.clock.advance(DAY)
    api.pipeline(status="failed")
    api.clock.advance(DAY)
    assert [row[0] for row in short(api, "/history")] == [1, 2]
    api.clock.advance(1)
    assert [row[0] for row in short(api, "/history")] == [2]
    rows = api.get("/history?from=5d").json
    assert [(row["revision"], row["time"]) for row in rows] == [
        (1, "2026-04-26T10:30:01Z"), (2, "2026-04-27T10:30:00Z"),
    ]  # fmt: skip
    assert [row["total"] for row in api.get("/history/summary?from=5d&step=1d").json] == [1, 1, 1]
    api.clock.advance(5 * DAY)
    assert short(api, "/status/web/web-01/history") == []
    assert short(api, "/history?from=1h") == [(2, "web-01", "changed", "failed")]
    assert short(api, "/history?from=9d&to=8d") == []


def test_times_never_run_backwards_within_a_record(api: Api) -> None:
    api.pipeline()
    api.clock.advance(-60)
    assert api.pipeline(status="failed").json["timestamp"] == "2026-04-26T10:30:00Z"
    assert api.record()["status_since"] == "2026-04-26T10:30:00Z"
    assert api.record()["last_pipeline_run"] == "2026-04-26T10:29:00Z"  # of which no order is promised
    assert api.delete("/status/web/web-01").status == 204
    assert {row["time"] for row in api.get("/history").json} == {"2026-04-26T10:30:00Z"}
    api.clock.advance(-1)
    assert {row["time"] for row in api.get("/history").json} == {"2026-04-26T10:28:59Z"}
    assert api.pipeline().json["timestamp"] == "2026-04-26T10:28:59Z"
    for path in ("/history?from=1h", "/history/summary", "/events", "/status/web/web-01/history?from=1h"):
        assert api.get(path).status == 200
