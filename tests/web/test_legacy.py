"""GET and POST /api/status: golden pairs of the old dialect."""

import json
from typing import Any

import pytest

from tests.web.api import Api

POSTED = {
    "repo": "rsyslog",
    "server": "rsyslog-lab",
    "sync_status": "OUT_OF_SYNC",
    "drift_count": 7,
    "deployed_files": ["/a"],
    "drifted_files": ["/b", "/b", "/c"],
    "last_check": "2026-04-25T00:00:00Z",
}
NOTHING = {
    "repo": "", "server": "", "sync_status": "UNKNOWN", "drift_count": 0, "deployed_files": [], "drifted_files": [],
    "last_check": None,
}  # fmt: skip
NOW = "2026-04-26T10:30:00Z"


def read(api: Api, query: str = "") -> Any:
    answer = api.get(f"/api/status{query}")
    assert answer.status == 200, answer.json
    return answer.json


def test_an_empty_board_answers_in_the_old_shape(api: Api) -> None:
    assert read(api) == NOTHING
    assert list(read(api)) == list(NOTHING)
    assert api.get("/api/status?server=x").status == 404


def test_what_was_posted_is_read_back(api: Api) -> None:
    answer = api.legacy(**POSTED)
    assert (answer.status, answer.json) == (200, POSTED)
    assert read(api) == POSTED


def test_a_v1_report_becomes_a_record(api: Api) -> None:
    api.legacy(**POSTED)
    record = api.record("/status/rsyslog-lab/rsyslog-lab")
    assert record == {
        "project_name": "gitops-for-servers", "repo_name": "rsyslog", "server_group": "rsyslog-lab",
        "server_type": "rsyslog", "environment": "lab", "host": "rsyslog-lab", "status": "out_of_sync",
        "changed_files": ["/b", "/c"], "validation_status": "unknown", "validation_message": "", "commit_sha": "",
        "branch": "", "updated_by": "legacy", "last_pipeline_run": "2026-04-25T00:00:00Z", "last_cron_check": None,
        "timestamp": NOW, "first_seen": NOW, "status_since": NOW, "pipeline_status": "out_of_sync",
        "drift_status": None, "pipeline_url": "", "commit_message": "", "check_interval": None,
        "changed_files_count": 2, "status_code": 1, "stale": False, "problem": 1, "notice": "",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("SYNCED", "synced"), ("synced", "synced"), ("Out-of-Sync", "out_of_sync"), ("out of sync", "out_of_sync"),
        ("OUT_OF_SYNC", "out_of_sync"), ("Failed", "failed"), ("UNKNOWN", "unknown"), ("banana", "unknown"),
        ("", "unknown"), (None, "unknown"), (5, "unknown"), (["SYNCED"], "unknown"),
    ],
)  # fmt: skip
def test_status_words_map_both_ways(api: Api, word: Any, status: str) -> None:
    assert api.legacy(sync_status=word).json["sync_status"] == status.upper()
    assert api.record("/status/rsyslog-lab/rsyslog-lab")["status"] == status


@pytest.mark.parametrize(
    ("server", "environment"),
    [
        ("rsyslog-prod", "prod"),
        ("a-b-staging", "staging"),
        ("qa", "qa"),
        ("rsyslog-01", "unknown"),
        ("plain", "unknown"),
    ],
)
def test_the_last_part_of_the_server_is_its_environment(api: Api, server: str, environment: str) -> None:
    api.legacy(server=server)
    assert api.record(f"/status/{server}/{server}")["environment"] == environment


@pytest.mark.parametrize(
    ("posted", "files"),
    [
        ({"sync_status": "SYNCED", "deployed_files": ["/d"]}, ["/d"]),
        ({"sync_status": "SYNCED", "deployed_files": ["/d"], "drifted_files": ["/x"]}, ["/x"]),
        ({"sync_status": "OUT_OF_SYNC", "deployed_files": ["/d"]}, []),
        ({"sync_status": "OUT_OF_SYNC", "deployed_files": ["/d"], "drifted_files": ["/x"]}, ["/x"]),
        ({"sync_status": "SYNCED", "deployed_files": "/d", "drifted_files": [1]}, []),
        ({"deployed_files": ["/a\x00b", "/" + "y" * 5_000]}, ["/a\ufffdb", "/" + "y" * 4_095]),
        ({"sync_status": "SYNCED", "deployed_files": [str(n) for n in range(1_500)]}, [str(n) for n in range(1_000)]),
    ],
)
def test_the_changed_files_are_the_drifted_or_else_the_deployed(api: Api, posted: Any, files: list[str]) -> None:
    api.legacy(**posted)
    assert api.record("/status/rsyslog-lab/rsyslog-lab")["changed_files"] == files


def test_a_count_or_list_of_another_type_counts_as_missing(api: Api) -> None:
    answer = api.legacy(sync_status="OUT_OF_SYNC", drift_count="3", deployed_files="x", drifted_files=["/x", "/y"])
    assert (answer.json["drift_count"], answer.json["deployed_files"]) == (2, [])
    assert api.legacy(sync_status="OUT_OF_SYNC", drift_count=True, drifted_files=None).json["drift_count"] == 0


def test_the_defaults_of_repo_and_server_are_settings(api: Api, tmp_path: Any) -> None:
    assert api.legacy().json.items() >= {"repo": "rsyslog", "server": "rsyslog-lab", "sync_status": "UNKNOWN"}.items()
    other = Api(tmp_path / "..", legacy_repo="nginx", legacy_server="web-qa")
    assert other.legacy(repo=None).json.items() >= {"repo": "nginx", "server": "web-qa"}.items()


@pytest.mark.parametrize(
    ("last_check", "run"),
    [
        ("2026-04-25T00:00:00Z", "2026-04-25T00:00:00Z"), ("2026-04-25T02:00:00.9+02:00", "2026-04-25T00:00:00Z"),
        ("2026-04-25T00:00:00", "2026-04-25T00:00:00Z"), ("2026-04-25 00:00:00", "2026-04-25T00:00:00Z"),
        ("yesterday", NOW), ("2026-13-01T00:00:00Z", NOW), (None, NOW), (5, NOW), ("0001-01-01T00:00:00+14:00", NOW),
        ("2026-05-22T00:00:00Z", NOW), ("2026-04-26T10:30:01Z", NOW), ("2026-04-26T12:30:00", NOW),
    ],
)  # fmt: skip
def test_last_check_becomes_the_run_if_it_is_a_time(api: Api, last_check: Any, run: str) -> None:
    assert api.legacy(last_check=last_check).json["last_check"] == run
    assert api.record("/status/rsyslog-lab/rsyslog-lab")["timestamp"] == NOW


def test_a_last_check_from_before_the_newest_report_is_taken_as_ever(api: Api) -> None:
    api.legacy(**POSTED)
    api.cron(server_group="rsyslog-lab", host="rsyslog-lab")
    answer = api.legacy(**{**POSTED, "sync_status": "FAILED", "last_check": "2026-04-20T00:00:00Z"})
    assert answer.json["sync_status"] == "FAILED"
    assert answer.json["last_check"] == "2026-04-20T00:00:00Z"
    assert "X-Reports-Ignored" not in answer.headers


def test_any_content_type_is_read(api: Api) -> None:
    body = json.dumps(POSTED)
    for content_type in ("application/x-www-form-urlencoded", "text/plain", "multipart/form-data", ""):
        answer = api.request("POST", "/api/status", data=body, content_type=content_type)
        assert (answer.status, answer.json) == (200, POSTED)


@pytest.mark.parametrize("body", [b"", b"[]", b'"x"', b"null", b"{", b'{"a":NaN}', b'{"a":1,"a":2}', b"\xff"])
def test_what_is_no_json_object_is_refused(api: Api, body: bytes) -> None:
    assert api.request("POST", "/api/status", data=body).status == 400
    assert read(api) == NOTHING


@pytest.mark.parametrize(
    ("fields", "bad"),
    [({"server": "../x"}, ["server"]), ({"server": ""}, ["server"]), ({"repo": 5}, ["repo"]), ({"repo": "a\x00"}, ["repo"]),
     ({"repo": "x" * 1_025, "server": 7}, ["repo", "server"])],
)  # fmt: skip
def test_a_name_that_no_record_can_hold_is_refused(api: Api, fields: Any, bad: list[str]) -> None:
    answer = api.legacy(**fields)
    assert (answer.status, list(answer.json["fields"])) == (400, bad)


def test_an_existing_record_keeps_what_v1_does_not_know(api: Api) -> None:
    kept = {
        "project_name": "p", "repo_name": "r", "server_type": "nginx", "environment": "e", "commit_sha": "c",
        "branch": "b", "validation_status": "failed", "validation_message": "m", "pipeline_url": "https://x",
        "commit_message": "cm",
    }  # fmt: skip
    api.pipeline(server_group="web-lab", host="web-lab", **kept)
    api.cron(server_group="web-lab", host="web-lab", check_interval=60)
    api.legacy(server="web-lab", repo="other", sync_status="SYNCED")
    record = api.record("/status/web-lab/web-lab")
    assert record.items() >= kept.items()
    assert (record["updated_by"], record["drift_status"], record["check_interval"]) == ("legacy", "synced", 60)


def test_the_next_v2_report_drops_what_v1_posted(api: Api) -> None:
    for report in (api.cron, api.pipeline):
        api.legacy(**POSTED)
        report(server_group="rsyslog-lab", host="rsyslog-lab", status="out_of_sync", changed_files=["/z"])
        shape = read(api)
        assert (shape["drift_count"], shape["drifted_files"], shape["deployed_files"]) == (1, ["/z"], [])


def test_a_v2_record_reads_as_v1(api: Api) -> None:
    api.pipeline(repo_name="nginx", changed_files=["/a"], server_type="rsyslog")
    assert read(api) == {
        "repo": "nginx", "server": "web-01", "sync_status": "SYNCED", "drift_count": 0, "deployed_files": ["/a"],
        "drifted_files": [], "last_check": NOW,
    }  # fmt: skip
    api.clock.advance(60)
    api.cron(changed_files=["/b", "/c"])
    assert read(api) == {
        "repo": "nginx", "server": "web-01", "sync_status": "OUT_OF_SYNC", "drift_count": 2, "deployed_files": [],
        "drifted_files": ["/b", "/c"], "last_check": "2026-04-26T10:31:00Z",
    }  # fmt: skip


def test_the_record_last_written_through_the_old_route_is_read_even_after_a_v2_report(api: Api) -> None:
    api.legacy(server="one-lab")
    api.legacy(server="two-lab")
    assert read(api)["server"] == "two-lab"
    api.legacy(server="one-lab")
    api.cron(server_group="one-lab", host="one-lab")
    api.clock.advance(60)
    api.pipeline(server_type="rsyslog")
    assert read(api)["server"] == "one-lab"
    api.delete("/status/one-lab/one-lab")
    assert read(api)["server"] == "two-lab"


def test_without_a_v1_report_the_newest_rsyslog_server_is_read_and_else_the_newest(api: Api) -> None:
    api.pipeline(host="a")
    api.pipeline(host="b")
    assert read(api)["server"] == "b"
    api.pipeline(host="c", server_type="rsyslog")
    api.pipeline(host="d")
    assert read(api)["server"] == "c"


def test_server_and_repo_choose_and_the_newest_wins(api: Api) -> None:
    api.pipeline(server_group="g1", host="h", repo_name="r1")
    api.pipeline(server_group="g2", host="h", repo_name="r2")
    api.pipeline(server_group="g1", host="i", repo_name="r1")
    assert read(api, "?server=h")["repo"] == "r2"
    assert read(api, "?server=g1")["server"] == "i"
    assert read(api, "?repo=r1")["server"] == "i"
    assert read(api, "?repo=r1&server=h") | {"last_check": 0} == {
        **NOTHING,
        "repo": "r1",
        "server": "h",
        "sync_status": "SYNCED",
        "last_check": 0,
    }
    assert api.get("/api/status?repo=r2&server=i").status == 404
    api.clock.advance(1)
    api.cron(server_group="g1", host="h")
    assert read(api, "?server=h")["repo"] == "r1"
