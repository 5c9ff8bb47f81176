"""Bad input of every kind: a clear 4xx in the one shape, and nothing changed."""

import re
from pathlib import Path
from typing import Any

import pytest

from tests.web.api import Api

ROUTES = ["/", "/health", "/ready", "/status/pipeline", "/status/cron", "/status", "/status/g", "/status/g/h", "/summary",
          "/api/status", "/openapi.json", "/docs"]  # fmt: skip


@pytest.mark.parametrize("path", ["/nowhere", "/status/", "/status/a/b/c", "/STATUS", "/status/%2e%2e/x", "/%00"])
def test_an_unknown_path_is_404(api: Api, path: str) -> None:
    answer = api.get(path)
    assert (answer.status, answer.json["code"]) == (404, "not_found")


@pytest.mark.parametrize("path", ROUTES)
@pytest.mark.parametrize("method", ["PUT", "PATCH", "OPTIONS", "TRACE", "BREW"])
def test_a_method_that_a_route_lacks_is_405_with_allow(api: Api, method: str, path: str) -> None:
    answer = api.request(method, path)
    assert (answer.status, answer.json["code"]) == (405, "method_not_allowed")
    assert answer.headers["Allow"]


def test_a_path_shared_by_a_report_and_a_group_allows_both(api: Api) -> None:
    assert set(api.request("PUT", "/status/pipeline").headers["Allow"].split(", ")) == {"GET", "HEAD", "POST"}
    assert api.request("POST", "/status").status == 405
    assert api.request("POST", "/status/web").status == 405


@pytest.mark.parametrize("path", ["/status/pipeline", "/status/cron"])
@pytest.mark.parametrize("content_type", ["application/x-www-form-urlencoded", "text/json", "", "application/jsonx"])
def test_a_report_that_is_not_announced_as_json_is_told_the_missing_flag(
    api: Api, path: str, content_type: str
) -> None:
    answer = api.request("POST", path, data=b"{}", content_type=content_type)
    assert (answer.status, answer.json["code"]) == (415, "unsupported_media_type")
    assert "-H 'Content-Type: application/json'" in answer.json["error"]


def test_a_charset_does_no_harm(api: Api) -> None:
    body = b'{"server_group":"web","host":"web-01","status":"synced"}'
    answer = api.request("POST", "/status/pipeline", data=body, content_type="application/json; charset=utf-8")
    assert answer.status == 201


GOOD = b'"server_group":"web","host":"web-01","status":"synced"'


@pytest.mark.parametrize(
    "body",
    [
        b"", b"  \n", b"{", b"{%b" % GOOD, b"{%b}}" % GOOD, b"hello", b"null", b"5", b'"text"', b"true",
        b"{%b,}" % GOOD, b"{'a':1}", b"// c\n{%b}" % GOOD, b'{%b,"x":NaN}' % GOOD, b'{%b,"x":Infinity}' % GOOD,
        b'{%b,"x":-Infinity}' % GOOD, b'{%b,"host":"web-02"}' % GOOD, b'{%b,"x":{"y":1,"y":2}}' % GOOD,
        b'{%b,"branch":"\\ud800"}' % GOOD, b'{%b,"branch":"\\udc00\\ud800"}' % GOOD, b'{%b,"branch":"\xff"}' % GOOD,
        b'{%b,"branch":"\xed\xa0\x80"}' % GOOD, b'{%b,"branch":"\xc0\xaf"}' % GOOD, b'{%b,"branch":"a\x01"}' % GOOD,
        b'{%b,"branch":"a\nb"}' % GOOD, b"\xef\xbb\xbf{%b}" % GOOD, "{}".encode("utf-16"), b'{%b,"x":%b}' % (GOOD, b"9" * 5_000),
        b'{%b,"x":%b}' % (GOOD, b"[" * 64 + b"]" * 64), b'{%b,"x":%b}' % (GOOD, b'{"a":' * 64 + b"1" + b"}" * 64),
        b"[" * 100_000, b"[" * 100_000 + b"]" * 100_000, b'{"a":' * 100_000,
    ],
)  # fmt: skip
@pytest.mark.parametrize("path", ["/status/pipeline", "/status/cron"])
def test_a_body_that_is_not_strict_json_is_refused(api: Api, path: str, body: bytes) -> None:
    answer = api.request("POST", path, data=body, content_type="application/json")
    assert (answer.status, answer.json["code"]) == (400, "invalid")
    assert api.get("/status").json == []
    assert not api.store.exists()


def test_nesting_up_to_64_is_read(api: Api) -> None:
    body = b'{%b,"x":%b}' % (GOOD, b"[" * 63 + b"]" * 63)
    assert api.request("POST", "/status/pipeline", data=body, content_type="application/json").status == 201


def test_a_body_over_the_limit_is_413_and_an_array_may_be_eight_times_that(tmp_path: Path) -> None:
    api = Api(tmp_path, max_body=2_048)

    def post(body: bytes) -> Any:
        answer = api.request("POST", "/status/pipeline", data=body, content_type="application/json")
        return answer.status, answer.json["code"] if answer.status >= 400 else None

    assert post(b"{%b}" % GOOD + b" " * (2_048 - len(GOOD) - 2)) == (201, None)
    assert post(b"{%b}" % GOOD + b" " * (2_049 - len(GOOD) - 2)) == (413, "too_large")
    assert post(b" [{%b}]" % GOOD + b" " * (8 * 2_048 - len(GOOD) - 5)) == (200, None)
    assert post(b" [{%b}]" % GOOD + b" " * (8 * 2_048 - len(GOOD) - 4)) == (413, "too_large")
    assert api.request("POST", "/api/status", data=b"{}" + b" " * 2_047).status == 413


def test_the_default_limit_is_a_mebibyte(api: Api) -> None:
    answer = api.request("POST", "/status/cron", data=b" " * 10_000_000, content_type="application/json")
    assert answer.status == 413


@pytest.mark.parametrize("path", ["/status", "/status/web", "/status/web/web-01", "/summary", "/api/status", "/ready"])
def test_a_damaged_file_is_503_with_the_cause_in_the_reason_phrase(api: Api, path: str) -> None:
    api.pipeline()
    api.store.write_text('{"version": "2.0", "servers": {')
    answer = api.get(path, accept="text/html")
    assert (answer.status, answer.json["code"]) == (503, "unavailable")
    assert re.fullmatch(r"503 The store status.json is left as it is[ -~]+", answer.response.status)
    assert len(answer.response.status) < 120
    assert "/" not in answer.json["error"].replace("status.json", "")


@pytest.mark.parametrize("send", [Api.pipeline, Api.cron, Api.legacy, lambda api: api.delete("/status/web/web-01")])
def test_a_damaged_file_is_never_overwritten_and_mending_it_brings_the_service_back(api: Api, send: Any) -> None:
    api.pipeline()
    whole = api.store.read_bytes()
    api.store.write_bytes(whole[:-20])

    assert send(api).status == 503
    assert api.store.read_bytes() == whole[:-20]
    assert api.get("/health").status == 200

    api.store.write_bytes(whole)
    assert api.get("/ready").status == 200
    assert send(api).status in {200, 204}


def test_a_bug_is_500_without_its_insides_and_its_traceback_is_logged(
    api: Api, caplog: pytest.LogCaptureFixture
) -> None:
    def fails() -> str:
        raise RuntimeError("secret insides")

    api.app.add_url_rule("/fails", view_func=fails)
    answer = api.get("/fails")
    assert (answer.status, answer.json["code"]) == (500, "internal")
    assert "secret" not in answer.response.text
    assert "secret insides" in caplog.text


def test_a_hostile_path_comes_back_as_json_only(api: Api) -> None:
    answer = api.get("/<script>alert(1)</script>")
    assert answer.headers["Content-Type"] == "application/json"
