"""Names in a report that are no field: a mistyped verdict is refused, all others are ignored, and somebody hears of it."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.web.api import Answer, Api
from web.api import reports


def report(host: str, **fields: Any) -> dict[str, Any]:
    return {"server_group": "web", "host": host, "status": "synced", **fields}


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]


def counted(api: Api) -> float:
    (line,) = [one for one in api.get("/metrics").response.text.splitlines() if one.startswith("gitops_ignored_fields")]
    return float(line.split()[1])


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("chnaged_files", "changed_files"), ("changed_file", "changed_files"), ("changedFiles", "changed_files"),
        ("changed-files", "changed_files"), ("Status", "status"), ("stauts", "status"), ("state", "status"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("value", [["/x"], "failed", None])
def test_a_near_miss_of_what_makes_the_verdict_is_refused(api: Api, name: str, meant: str, value: Any) -> None:
    for send in (api.pipeline, api.cron):
        answer = send(**{name: value})
        assert (answer.status, answer.json["fields"]) == (400, {name: f"is no field; {meant} is meant"})
        assert answer.json["error"] == f"{name} is no field; {meant} is meant."
    assert api.get("/status").json == []


def test_it_is_refused_beside_the_right_field_too(api: Api) -> None:
    assert list(api.cron(changed_files=[], chnaged_files=["/x"]).json["fields"]) == ["chnaged_files"]
    assert list(api.pipeline(status="synced", Status="failed").json["fields"]) == ["Status"]


def test_in_an_array_each_is_named_by_its_place(api: Api) -> None:
    answer = api.cron(
        [report("a"), report("b", stauts=1), report("c", status=1), report("d", chnaged_files=[], stauts=1)]
    )
    assert answer.json["fields"].keys() == {"1.stauts", "2.status", "3.chnaged_files", "3.stauts"}
    assert api.get("/status").json == []


def test_of_a_long_name_the_start_is_named(api: Api) -> None:
    answer = api.cron(**{"s" + "_" * 1_000 + "tatus": 1})
    assert list(answer.json["fields"]) == ["s" + "_" * 79]


def test_names_of_other_fields_are_ignored_however_they_are_mistyped(api: Api) -> None:
    answer = api.pipeline(comit_sha="abc", Branch="x", files=["/x"], changed=["/x"], status_code=2)
    assert answer.status == 201
    assert answer.headers["X-Ignored-Fields"] == "comit_sha, Branch, files, changed, status_code"


def test_a_record_that_was_read_can_be_sent_as_it_is(api: Api) -> None:
    record = api.pipeline().json
    assert api.pipeline(record).status == 200


def test_the_log_has_a_line_once_a_client_and_name(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    api.pipeline(comit_sha="abc")
    api.cron(comit_sha="abc")
    assert warnings(caplog) == ['The client 127.0.0.1 sends "comit_sha", which is no field and is ignored.']
    api.pipeline([report("a", x=1, comit_sha=1), report("b", x=1)])
    assert len(warnings(caplog)) == 2
    assert '127.0.0.1 sends "x",' in warnings(caplog)[1]

    def from_elsewhere() -> Answer:
        return api.request("POST", "/status/pipeline", data=json.dumps(report("a", x=1)), content_type="application/json",
                           environ_base={"REMOTE_ADDR": "10.0.0.7"})  # fmt: skip

    assert from_elsewhere().status == from_elsewhere().status == 200
    assert len(warnings(caplog)) == 3
    assert '10.0.0.7 sends "x",' in warnings(caplog)[2]


def test_who_has_a_token_is_named_by_its_label(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    api = Api(tmp_path, auth="writes", admin_token="an-admin-token-of-the-tests")
    headers = {"Authorization": "Bearer an-admin-token-of-the-tests"}
    body = json.dumps(report("a", comit_sha=1))
    for address in ("10.0.0.7", "10.0.0.8"):
        answer = api.request("POST", "/status/cron", data=body, content_type="application/json", headers=headers,
                             environ_base={"REMOTE_ADDR": address})  # fmt: skip
        assert answer.headers["X-Ignored-Fields"] == "comit_sha"
    assert warnings(caplog) == ['The client admin sends "comit_sha", which is no field and is ignored.']


def test_a_name_cannot_break_out_of_its_line(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    api.pipeline(**{"a\r\nb\x1b[31m": 1, "ü" * 100: 2})
    assert [line.split('"')[1] for line in warnings(caplog)] == ["a??b?[31m", "?" * 80]


def test_more_than_the_header_names_are_logged(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    api.pipeline(**{f"x{number}": 1 for number in range(100)})
    assert len(warnings(caplog)) == 100


def test_what_is_remembered_has_an_end(
    api: Api, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reports, "MAX_TOLD", 200)
    for start in range(0, 400, 100):
        names = {f"x{number}": 1 for number in range(start, start + 100)}
        assert api.pipeline(**names).headers["X-Ignored-Fields"].startswith(f"x{start}, ")
    assert len(warnings(caplog)) == 201
    assert warnings(caplog)[-1] == "No more names that are no field are logged: these were 200."
    assert counted(api) == 400


def test_ignored_names_are_counted_and_only_where_the_report_was_taken(api: Api) -> None:
    assert counted(api) == 0
    api.pipeline(x=1, y=2)
    api.cron([report("a", x=1), report("b", x=1)])
    api.pipeline(status="green", z=1)
    api.pipeline(branch="main")
    assert counted(api) == 3


def test_of_the_old_dialect_nobody_hears(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    answer = api.legacy(sync_status="SYNCED", status="failed", stauts=1, comit_sha=2)
    assert answer.status == 200
    assert "X-Ignored-Fields" not in answer.headers
    assert (warnings(caplog), counted(api)) == ([], 0)
