"""POST /status/cron."""

from typing import Any

import pytest

from tests.web.api import Api


def test_an_unknown_server_is_created_and_described(api: Api) -> None:
    answer = api.cron(server_type="rsyslog", environment="prod", repo_name="r", project_name="p", commit_sha="x")
    assert answer.status == 201
    record = answer.json
    assert (record["server_type"], record["environment"], record["repo_name"], record["project_name"]) == (
        "rsyslog", "prod", "r", "p",
    )  # fmt: skip
    assert (record["updated_by"], record["commit_sha"]) == ("cron", "")
    assert (record["last_cron_check"], record["last_pipeline_run"]) == ("2026-04-26T10:30:00Z", None)
    assert (record["drift_status"], record["pipeline_status"]) == ("synced", None)


def test_a_known_server_changes_only_where_drift_is_concerned(api: Api) -> None:
    before = api.pipeline(branch="main", commit_sha="abc", server_type="nginx", updated_by="ci").json
    api.clock.advance(60)

    after = api.cron(
        status="out_of_sync", changed_files=["/a"], check_interval=300,
        branch="evil", commit_sha="evil", server_type="evil", environment="evil", updated_by="evil",
        project_name="evil",
        validation_status="failed", pipeline_url="https://evil", commit_message="evil", repo_name="evil",
    ).json  # fmt: skip

    now = "2026-04-26T10:31:00Z"
    assert after == {
        **before, "status": "out_of_sync", "drift_status": "out_of_sync", "changed_files": ["/a"],
        "check_interval": 300, "last_cron_check": now, "timestamp": now, "status_since": now,
        "changed_files_count": 1, "status_code": 1, "problem": 1,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "status", "files"),
    [
        ({}, "synced", []),
        ({"changed_files": []}, "synced", []),
        ({"changed_files": ["/b"]}, "out_of_sync", ["/b"]),
        ({"status": "synced"}, "synced", []),
        ({"status": "synced", "changed_files": ["/b"]}, "synced", ["/b"]),
        ({"status": "out_of_sync"}, "out_of_sync", ["/before"]),
        ({"status": "unknown"}, "unknown", ["/before"]),
        ({"status": "failed", "changed_files": None}, "failed", ["/before"]),
    ],
)
def test_what_is_left_out_follows_from_the_rest(api: Api, fields: Any, status: str, files: list[str]) -> None:
    api.pipeline(changed_files=["/before"])
    after = api.cron(**fields).json
    assert (after["status"], after["drift_status"], after["changed_files"]) == (status, status, files)


def test_the_interval_is_kept_until_another_is_sent(api: Api) -> None:
    api.cron(check_interval=300)
    assert api.cron().json["check_interval"] == 300
    assert api.cron(check_interval=600).json["check_interval"] == 600


@pytest.mark.parametrize("interval", [-1, 31_536_001, "300", 1.5, True, 10**30])
def test_an_interval_is_whole_seconds_within_a_year(api: Api, interval: Any) -> None:
    assert api.cron(check_interval=interval).json["fields"].keys() == {"check_interval"}
    assert api.cron(check_interval=31_536_000).json["check_interval"] == 31_536_000


@pytest.mark.parametrize("nought", [0, 0.0])
def test_an_interval_of_nought_takes_it_back(api: Api, nought: float) -> None:
    assert api.cron(check_interval=nought).json["check_interval"] is None
    api.cron(check_interval=300)
    assert api.cron(check_interval=nought).json["check_interval"] is None
    assert api.cron().json["check_interval"] is None
    assert api.cron(check_interval=300).json["check_interval"] == 300


def test_the_same_check_twice_changes_nothing_but_the_times(api: Api) -> None:
    first = api.cron(changed_files=["/a"]).json
    api.clock.advance(300)
    second = api.cron(changed_files=["/a"]).json
    later = "2026-04-26T10:35:00Z"
    assert second == {**first, "timestamp": later, "last_cron_check": later}
