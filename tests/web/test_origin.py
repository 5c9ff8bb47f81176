"""A page of another site reaches no service that asks for no token, and changes nothing in any (API.md, section 10)."""

import json
from pathlib import Path
from typing import Any

import pytest

from config import ConfigError, Settings
from tests.web.api import ADMIN_TOKEN, Api

ADMIN = {"X-API-Key": ADMIN_TOKEN}
REPORT = {"server_group": "web", "host": "web-01", "status": "synced"}
CHANGES: list[tuple[str, str, Any]] = [
    ("POST", "/status/pipeline", REPORT), ("POST", "/status/cron", REPORT), ("DELETE", "/status/web/web-01", None),
    ("POST", "/api/status", {}), ("POST", "/tokens", {"label": "a", "scopes": ["read"]}), ("POST", "/login", {}),
    ("PUT", "/no/such/route", None),
]  # fmt: skip
READINGS = ["/", "/status", "/api/status", "/metrics", "/docs", "/static/style.css", "/no/such/route", "/login"]

OURS = ["localhost", "localhost:5000", "LOCALHOST", "gitops-status:5000", "gitops_status", "127.0.0.1", "127.0.0.1:5000",
        "[::1]:5000", "[fd00::1]", "10.0.0.1:80", "status.example.com", "Status.Example.com:5000", "a.b"]  # fmt: skip
FOREIGN = ["evil.example", "evil.example:5000", "127.0.0.1.evil.example", "localhost.evil.example", "127.0.0.1:a.b", "a.b.c",
           "xstatus.example.com", "status.example.com.evil.example", "evil.example:", "[::1].evil.example"]  # fmt: skip


def asked(api: Api, method: str, path: str, headers: dict[str, str], body: Any = None) -> Any:
    options = {} if body is None else {"data": json.dumps(body), "content_type": "application/json"}
    return api.request(method, path, headers=headers, **options)


@pytest.fixture
def api(tmp_path: Path) -> Api:
    return Api(tmp_path, hosts="status.example.com, A.b", admin_token=ADMIN_TOKEN)


@pytest.mark.parametrize("host", OURS)
def test_addresses_single_words_and_the_names_of_the_settings_are_ours(api: Api, host: str) -> None:
    headers = {"Host": host, **ADMIN}
    assert asked(api, "POST", "/status/pipeline", headers, REPORT).status == 201
    assert asked(api, "GET", "/status", headers).status == 200
    assert asked(api, "POST", "/status/pipeline", {**headers, "Origin": f"http://{host}"}, REPORT).status == 200


@pytest.mark.parametrize("host", FOREIGN)
def test_another_name_reads_and_changes_nothing_and_is_told_the_setting(api: Api, host: str) -> None:
    asked(api, "POST", "/status/pipeline", {}, REPORT)
    before = api.store.read_bytes()
    headers = {"Host": host, "Origin": f"http://{host}", "Sec-Fetch-Site": "same-origin"}
    for method, path, body in [*CHANGES, *(("GET", path, None) for path in READINGS)]:
        answer = asked(api, method, path, headers, body)
        assert (answer.status, answer.json["code"]) == (421, "misdirected"), (method, path)
        assert "STATUS_HOSTS" in answer.json["error"]
    assert api.store.read_bytes() == before
    for path in ("/health", "/ready"):
        assert asked(api, "GET", path, headers).status == 200


def test_a_person_is_told_by_a_page(api: Api) -> None:
    answer = asked(api, "GET", "/", {"Host": "<i>.example", "Accept": "text/html"})
    assert answer.status == 421
    assert "STATUS_HOSTS" in answer.response.text
    assert "<i>" not in answer.response.text


@pytest.mark.parametrize("auth", ["writes", "all"])
def test_where_tokens_are_needed_any_name_will_do(tmp_path: Path, auth: str) -> None:
    api = Api(tmp_path, auth=auth, admin_token=ADMIN_TOKEN)
    assert asked(api, "GET", "/status", {"Host": "evil.example", **ADMIN}).status == 200


@pytest.mark.parametrize("auth", ["open", "writes", "all"])
@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://localhost:81", "http://localhost.evil.example", ""]
)
def test_a_foreign_origin_changes_nothing_in_any_mode_and_reads_as_before(
    tmp_path: Path, auth: str, origin: str
) -> None:
    api = Api(tmp_path, auth=auth, admin_token=ADMIN_TOKEN)
    asked(api, "POST", "/status/pipeline", ADMIN, REPORT)
    before = asked(api, "GET", "/status", ADMIN).json
    for site in ({}, {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}):
        headers = {"Origin": origin, **ADMIN, **site}
        for method, path, body in CHANGES:
            answer = asked(api, method, path, headers, body)
            assert (answer.status, answer.json["code"]) == (403, "forbidden"), (method, path)
        assert asked(api, "GET", "/status", headers).json == before
    assert asked(api, "GET", "/tokens", ADMIN).json == []


@pytest.mark.parametrize("origin", ["null", ""])
def test_a_name_that_the_library_does_not_know_is_no_hidden_origin(api: Api, origin: str) -> None:
    assert asked(api, "POST", "/status/pipeline", {"Host": "gitops_status", "Origin": origin}, REPORT).status == 403


def test_behind_a_proxy_that_asks_under_another_name_the_browser_says_that_the_page_is_ours(tmp_path: Path) -> None:
    headers = {"Host": "127.0.0.1:5000", "Origin": "https://status.example.com", "Sec-Fetch-Site": "same-origin"}
    assert asked(Api(tmp_path), "POST", "/status/pipeline", headers, REPORT).status == 201


@pytest.mark.parametrize("nonsense", ["https://status.example.com", "status.example.com:5000", "*", "a b", "a,,b"])
def test_a_host_that_is_none_stops_the_start(nonsense: str) -> None:
    with pytest.raises(ConfigError, match="STATUS_HOSTS"):
        Settings.from_environment({"STATUS_HOSTS": nonsense})
