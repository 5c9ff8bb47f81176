"""POST /status/pipeline."""

from typing import Any

import pytest

from domain.server import FIELDS
from tests.web.api import Api

NOW = "2026-04-26T10:30:00Z"
COMPUTED = ("changed_files_count", "status_code", "stale", "problem", "notice")


def test_a_first_report_creates_the_record_with_every_default(api: Api) -> None:
    answer = api.pipeline()

    assert answer.status == 201
    assert answer.json == {
        "project_name": "", "repo_name": "", "server_group": "web", "server_type": "unknown", "environment": "unknown",
        "host": "web-01", "status": "synced", "changed_files": [], "validation_status": "unknown",
        "validation_message": "", "commit_sha": "", "branch": "", "updated_by": "pipeline", "last_pipeline_run": NOW,
        "last_cron_check": None, "timestamp": NOW, "first_seen": NOW, "status_since": NOW, "pipeline_status": "synced",
        "drift_status": None, "pipeline_url": "", "commit_message": "", "check_interval": None,
        "changed_files_count": 0, "status_code": 0, "stale": False, "problem": 0, "notice": "",
    }  # fmt: skip


def test_the_fields_stand_in_the_order_of_the_contract(api: Api) -> None:
    assert tuple(api.pipeline().json) == (*FIELDS, *COMPUTED)


def test_a_second_report_answers_200_and_moves_the_times(api: Api) -> None:
    first = api.pipeline().json
    api.clock.advance(60)
    answer = api.pipeline()

    assert answer.status == 200
    later = "2026-04-26T10:31:00Z"
    assert answer.json == {**first, "timestamp": later, "last_pipeline_run": later}


def test_what_a_run_leaves_out_takes_its_default_and_what_describes_the_server_stays(api: Api) -> None:
    described = {"project_name": "p", "repo_name": "r", "server_type": "nginx", "environment": "prod"}
    run = {
        "changed_files": ["/a"], "validation_status": "passed", "validation_message": "ok", "commit_sha": "abc",
        "branch": "main", "updated_by": "woodpecker", "pipeline_url": "https://ci/1", "commit_message": "Fix",
    }  # fmt: skip
    assert api.pipeline(**described, **run).json.items() >= {**described, **run}.items()

    api.pipeline()

    assert api.record().items() >= described.items()
    assert api.record().items() >= {
        "changed_files": [], "validation_status": "unknown", "validation_message": "", "commit_sha": "", "branch": "",
        "updated_by": "pipeline", "pipeline_url": "", "commit_message": "",
    }.items()  # fmt: skip


def test_a_run_never_touches_what_the_drift_check_said(api: Api) -> None:
    api.cron(status="out_of_sync", changed_files=["/a"], check_interval=300)
    api.clock.advance(60)

    after = api.pipeline().json

    assert after["last_cron_check"] == NOW
    assert after["drift_status"] == "out_of_sync"
    assert after["check_interval"] == 300
    assert (after["status"], after["pipeline_status"]) == ("synced", "synced")


def test_status_since_moves_only_when_the_status_changes(api: Api) -> None:
    api.pipeline(status="failed")
    api.clock.advance(60)
    assert api.pipeline(status="failed").json["status_since"] == NOW
    api.clock.advance(60)
    assert api.pipeline(status="synced").json["status_since"] == "2026-04-26T10:32:00Z"


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"status": "synced"}, 0),
        ({"status": "synced", "validation_status": "skipped"}, 0),
        ({"status": "synced", "validation_status": "failed"}, 1),
        ({"status": "out_of_sync"}, 1),
        ({"status": "failed"}, 1),
        ({"status": "unknown"}, 1),
    ],
)
def test_a_problem_is_whatever_is_not_proven_good(api: Api, fields: dict[str, str], problem: int) -> None:
    assert api.pipeline(**fields).json["problem"] == problem


def test_a_failed_pipeline_stays_a_problem_when_cron_says_synced(api: Api) -> None:
    api.pipeline(status="failed")
    after = api.cron(status="synced").json
    assert (after["status"], after["pipeline_status"], after["problem"]) == ("synced", "failed", 1)


@pytest.mark.parametrize(("status", "code"), [("synced", 0), ("out_of_sync", 1), ("failed", 2), ("unknown", 3)])
def test_every_status_has_its_code(api: Api, status: str, code: int) -> None:
    assert api.pipeline(status=status).json["status_code"] == code


def test_null_counts_as_left_out(api: Api) -> None:
    assert api.pipeline(branch=None, changed_files=None, updated_by=None).json["updated_by"] == "pipeline"
    answer = api.pipeline(status=None)
    assert (answer.status, answer.json["fields"]) == (400, {"status": "is required"})


def test_a_long_message_is_cut_and_never_refused(api: Api) -> None:
    record = api.pipeline(validation_message="a" * 1_023 + "x" * 5_000 + "z" * 3_072, commit_message="y" * 4_096).json
    assert record["validation_message"] == "a" * 1_023 + "…" + "z" * 3_072
    assert record["commit_message"] == "y" * 4_096


def test_a_coloured_log_and_a_strange_file_name_are_no_reason_to_lose_a_report(api: Api) -> None:
    text = "\x1b[31mred\tone\x00"
    record = api.pipeline(validation_message=text, commit_message=text, changed_files=[text]).json
    readable = "\ufffd[31mred\tone\ufffd"
    assert (record["validation_message"], record["commit_message"]) == (readable, readable)
    assert record["changed_files"] == [readable]


def test_a_file_named_twice_counts_once_and_the_order_stays(api: Api) -> None:
    record = api.pipeline(changed_files=["/b", "/a", "/b"]).json
    assert (record["changed_files"], record["changed_files_count"]) == (["/b", "/a"], 2)


def test_a_thousand_files_fit_and_one_more_does_not(api: Api) -> None:
    files = [f"/etc/{number}" for number in range(1_000)]
    assert api.pipeline(changed_files=[*files, files[0]]).json["changed_files_count"] == 1_000
    assert api.pipeline(changed_files=[*files, "/one/more"]).json["fields"] == {
        "changed_files": "holds at most 1,000 names"
    }


def test_text_may_hold_tabs_line_ends_and_any_script(api: Api) -> None:
    text = "a\tb\r\nc ü 雪 🚀 <b>"
    assert api.pipeline(commit_message=text, branch=text).json["branch"] == text
    assert api.record()["commit_message"] == text


@pytest.mark.parametrize("name", ["pipeline", "cron", "A", "1.2:3_4-5", "x" * 253])
def test_these_are_good_names(api: Api, name: str) -> None:
    assert api.pipeline(server_group=name, host=name).status == 201
    assert api.record(f"/status/{name}/{name}")["host"] == name
    assert [row["host"] for row in api.get(f"/status/{name}").json] == [name]


@pytest.mark.parametrize("name", ["", ".", "..", "../x", "a/b", "-a", "_a", "a b", "a\n", "ä", "x" * 254, "a\x00"])
def test_these_are_no_names(api: Api, name: str) -> None:
    answer = api.pipeline(server_group=name, host=name)
    assert answer.status == 400
    assert answer.json["fields"].keys() == {"server_group", "host"}
    assert api.get("/status").json == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("status", "sinced"), ("status", "SYNCED"), ("status", 0), ("status", []), ("validation_status", "ok"),
        ("branch", 5), ("branch", "x" * 1_025), ("branch", "a\x1b[31m"), ("branch", True), ("environment", {}),
        ("validation_message", 7), ("changed_files", "a"), ("changed_files", [1]),
        ("changed_files", ["x" * 4_097]), ("changed_files", [None]), ("changed_files", {"a": 1}),
        ("pipeline_url", "javascript:alert(1)"), ("pipeline_url", "ftp://x"), ("pipeline_url", "https://a b"),
        ("pipeline_url", "http://"), ("pipeline_url", "https://x/" + "y" * 1_020), ("host", None), ("host", 5),
    ],
)  # fmt: skip
def test_a_wrong_value_is_named_and_changes_nothing(api: Api, field: str, value: Any) -> None:
    api.pipeline(branch="main")
    before = api.store.read_bytes()

    answer = api.pipeline(**{field: value})

    assert (answer.status, list(answer.json["fields"])) == (400, [field])
    assert api.store.read_bytes() == before


def test_every_bad_field_is_named_at_once(api: Api) -> None:
    answer = api.pipeline({"host": "a/b", "status": "x", "changed_files": 1, "branch": 2, "pipeline_url": "x"})
    assert answer.json["fields"].keys() == {
        "server_group", "host", "status", "changed_files", "branch", "pipeline_url"
    }  # fmt: skip


def test_a_client_sets_no_time_and_no_computed_field(api: Api) -> None:
    old = "1999-01-01T00:00:00Z"
    record = api.pipeline(timestamp=old, first_seen=old, last_pipeline_run=old, last_cron_check=old, status_since=old,
                          revision=99, legacy={"drift_count": 3}, problem=1, stale=True).json  # fmt: skip
    assert old not in record.values()
    assert (record["problem"], record["stale"], record["last_cron_check"]) == (0, False, None)
    assert api.get("/api/status").json["drift_count"] == 0


def test_names_that_are_no_fields_are_named_in_a_header(api: Api) -> None:
    answer = api.pipeline(comit_sha="abc", first_seen="x", **{"a\r\nSet-Cookie: x": 1, "ü" * 100: 2})
    assert answer.status == 201
    assert answer.headers["X-Ignored-Fields"] == "comit_sha, a??Set-Cookie: x, " + "?" * 80
    assert "Set-Cookie" not in answer.headers


def test_a_report_without_strange_names_has_no_such_header(api: Api) -> None:
    assert "X-Ignored-Fields" not in api.pipeline().headers


def test_fifty_ignored_names_are_named_and_more_than_a_hundred_are_refused(api: Api) -> None:
    assert len(api.pipeline(**{f"x{n}": n for n in range(100)}).headers["X-Ignored-Fields"].split(", ")) == 50
    assert api.pipeline(**{f"x{n}": n for n in range(101)}).status == 400
    assert api.pipeline(**{f"x{n}": n for n in range(1_000)}).status == 400
