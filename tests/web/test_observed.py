"""Reports that say when they were made: what waited turns no record back."""

from typing import Any

import pytest

from tests.web.api import START, Api

NOW = "2026-04-26T10:30:00Z"


def report(host: str, **fields: Any) -> dict[str, Any]:
    return {"server_group": "web", "host": host, "status": "synced", **fields}


def test_a_check_that_waited_looks_no_fresher_than_it_is(api: Api) -> None:
    api.cron(check_interval=300)
    api.clock.advance(3_600)
    record = api.cron(observed="55m", check_interval=300).json
    assert (record["last_cron_check"], record["timestamp"]) == ("2026-04-26T10:35:00Z", "2026-04-26T11:30:00Z")
    assert (record["stale"], record["problem"]) == (True, 1)


def test_a_late_report_of_an_old_commit_replaces_no_newer_one(api: Api) -> None:
    before = api.pipeline(commit_sha="new").json
    file = api.store.read_bytes()
    api.clock.advance(60)

    answer = api.pipeline(status="failed", commit_sha="old", branch="b", observed="2m")

    assert (answer.status, answer.json) == (200, before)
    assert answer.headers["X-Reports-Ignored"] == "1"
    assert api.record() == before
    assert api.store.read_bytes() == file
    assert len(api.get("/history").json) == 1


def test_what_is_ignored_writes_nothing_beside_the_file_either(api: Api) -> None:
    api.pipeline()
    api.get("/history")
    before = {path.name: path.read_bytes() for path in api.store.parent.iterdir()}
    tag = api.get("/status").headers["ETag"]
    api.pipeline(status="failed", observed="1s")
    assert {path.name: path.read_bytes() for path in api.store.parent.iterdir()} == before
    assert api.get("/status").headers["ETag"] == tag


@pytest.mark.parametrize("observed", [None, "0s", NOW, START, START * 1_000, "2026-04-26T11:00:00Z", START + 10**6])
def test_what_was_made_now_or_later_or_does_not_say_is_never_old(api: Api, observed: Any) -> None:
    api.cron(observed=observed)
    for status in ("failed", "synced"):
        answer = api.pipeline(status=status, observed=observed)
        assert (answer.json["status"], answer.json["last_pipeline_run"]) == (status, NOW)
        assert "X-Reports-Ignored" not in answer.headers
    assert "X-Ignored-Fields" not in answer.headers


def test_a_report_older_than_the_other_kinds_newest_changes_what_is_its_own(api: Api) -> None:
    api.pipeline(commit_sha="a", branch="main")
    api.clock.advance(600)
    checked = api.cron(changed_files=["/c"], check_interval=60).json
    api.clock.advance(60)

    answer = api.pipeline(status="failed", commit_sha="b", changed_files=["/p"], environment="lab", observed="5m")

    now = "2026-04-26T10:41:00Z"
    assert answer.json == {
        **checked, "commit_sha": "b", "branch": "", "environment": "lab", "pipeline_status": "failed",
        "last_pipeline_run": "2026-04-26T10:36:00Z", "timestamp": now,
    }  # fmt: skip
    assert "X-Reports-Ignored" not in answer.headers
    newest = api.get("/status/web/web-01/history").json[-1]
    assert (newest["source"], newest["status"], newest["commit_sha"], newest["time"]) == (
        "pipeline", "out_of_sync", "b", now,
    )  # fmt: skip


def test_the_elements_of_an_array_about_one_server_follow_the_same_rules(api: Api) -> None:
    api.pipeline(host="known")
    api.clock.advance(600)
    answer = api.pipeline(
        [
            report("a", commit_sha="1", observed="3m"),
            report("a", commit_sha="0", observed="4m"),
            report("a", commit_sha="2", observed="2m"),
            report("known", status="failed", observed="1h"),
            report("b"),
        ]
    )
    assert answer.status == 201
    assert answer.headers["X-Reports-Ignored"] == "2"
    assert [record["commit_sha"] for record in answer.json] == ["2", "2", "2", "", ""]
    assert [record["status"] for record in answer.json] == ["synced"] * 5
    assert api.record("/status/web/known")["timestamp"] == NOW


def test_an_array_of_which_all_is_old_is_answered_with_the_records(api: Api) -> None:
    api.cron([report("a"), report("b")])
    answer = api.cron([report("b", status="failed", observed="1m"), report("a", observed="1m")])
    assert (answer.status, answer.headers["X-Reports-Ignored"]) == (200, "2")
    assert [(record["host"], record["status"]) for record in answer.json] == [("b", "synced"), ("a", "synced")]


@pytest.mark.parametrize("observed", ["", "soon", "2026-04-26", True, -1, [], {}])
def test_what_is_no_time_is_named_and_changes_nothing(api: Api, observed: Any) -> None:
    for send in (api.pipeline, api.cron):
        answer = send(observed=observed)
        assert (answer.status, list(answer.json["fields"])) == (400, ["observed"])
        answer = send([report("a"), report("b", observed=observed)])
        assert (answer.status, list(answer.json["fields"])) == (400, ["1.observed"])
    assert api.get("/status").json == []


def test_what_is_ignored_does_not_count_as_stored(api: Api) -> None:
    api.pipeline()
    api.pipeline(observed="1m")
    api.pipeline([report("web-01", observed="1m"), report("web-02")])
    assert 'gitops_reports_total{result="stored",source="pipeline"} 2.0' in api.get("/metrics").response.text
