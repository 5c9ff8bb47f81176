"""Who may do what: every route, asked by everybody, in every mode, against the rules of the contract (API.md, 10)."""

import json
import re
import statistics
import time
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from itsdangerous import URLSafeSerializer

from access import Access
from domain.errors import Unauthorized
from storage import open_tokens
from tests.web.api import ADMIN_TOKEN, Answer, Api

MODES = {
    "open": {},
    "writes": {"auth": "writes"},
    "writes, with legacy": {"auth": "writes", "legacy_auth": "token"},
    "all": {"auth": "all", "legacy_auth": "token"},
    "all, with open doors": {"auth": "all", "metrics_auth": "open", "badge_auth": "open"},
}
REPORT = {"server_group": "web", "host": "web-01", "status": "synced"}
NOT_VALID = {"error": "The token is not valid: it is unknown, wrong, expired or revoked.", "code": "unauthorized"}


@dataclass(frozen=True)
class Asked:
    """One request of the table: what the contract says of its route, and how to ask it about a group."""

    method: str
    path: str  # as the document has it
    scope: str | None  # what it needs where it needs a token; None where it never does
    names_groups_by: str = ""  # "path", "filter", "body"; empty where it is about all

    def send(self, api: Api, token: str | None, *, names: bool = True) -> Answer:
        """Ask about group web, or without naming any."""
        path = self.path.format(server_group="web", host="web-01", token_id="nobody")
        if self.names_groups_by == "filter" and names:
            path += "?server_group=web"
        options: dict[str, Any] = {"headers": {"Authorization": f"Bearer {token}"} if token else {}}
        if self.method == "post":
            options["json"] = {"/api/status": {"repo": "r", "server": "web"}, "/tokens": {}, "/login": {}}.get(
                self.path, REPORT
            )
        return api.request(self.method.upper(), path, **options)


# Written from the contract. That no route is missing, a test below compares with the document.
TABLE = [
    *(Asked("get", path, None) for path in ("/health", "/ready", "/openapi.json", "/docs", "/agent", "/login")),
    *(Asked("get", path, "read") for path in ("/metrics", "/api/status")),
    *(
        Asked("get", path, "read", "filter")
        for path in ("/", "/problems", "/status", "/summary", "/groups", "/history", "/history/summary", "/events")
    ),
    *(
        Asked("get", path, "read", "path")
        for path in (
            "/status/{server_group}", "/status/{server_group}/{host}", "/status/{server_group}/{host}/history",
            "/badge/{server_group}.svg", "/badge/{server_group}.json", "/badge/{server_group}/{host}.svg",
            "/badge/{server_group}/{host}.json", "/servers/{server_group}/{host}",
        )
    ),
    Asked("post", "/status/pipeline", "pipeline", "body"),
    Asked("post", "/api/status", "pipeline", "body"),
    Asked("post", "/status/cron", "cron", "body"),
    Asked("delete", "/status/{server_group}/{host}", "admin", "path"),
    Asked("get", "/tokens", "admin"),
    Asked("post", "/tokens", "admin"),
    Asked("delete", "/tokens/{token_id}", "admin"),
]  # fmt: skip


def needs_token(asked: Asked, settings: Mapping[str, str]) -> bool:
    """What the first two paragraphs of the section say, and the last but one."""
    if asked.path.startswith("/tokens"):
        return True
    if asked.scope is None or settings.get("auth", "open") == "open":
        return False
    if asked.path == "/api/status" and settings.get("legacy_auth", "open") == "open":
        return False
    if asked.method == "get":
        is_door = asked.path == "/metrics" and settings.get("metrics_auth") == "open"
        is_door |= asked.path.startswith("/badge") and settings.get("badge_auth") == "open"
        return settings["auth"] == "all" and not is_door
    return True


def expected(asked: Asked, settings: Mapping[str, str], held: "Held | None", *, names: bool) -> set[int]:
    """The statuses that the contract allows for somebody who holds that."""
    fine = {200, 201, 204, 404} if asked.path != "/tokens" or asked.method == "get" else {400}
    if not needs_token(asked, settings):
        return fine
    if held is None or not held.is_valid:
        return {401}
    if asked.scope not in held.scopes and "admin" not in held.scopes:
        return {403}
    if held.groups:
        if asked.names_groups_by in ("", "filter") and not (names and asked.names_groups_by):
            return {403}
        if not held.holds_web:
            return {403}
    return fine


@dataclass(frozen=True)
class Held:
    """A token that somebody has, and what the test knows of it."""

    scopes: tuple[str, ...]
    groups: tuple[str, ...] = ()
    holds_web: bool = True
    is_valid: bool = True
    ends: str = ""  # how it ended: by time, or revoked

    def made(self, api: Api) -> str:
        """Its text."""
        made = make(api, scopes=list(self.scopes), groups=list(self.groups) or None, expires_in=3_600)
        if self.ends == "revoked":
            assert as_admin(api, "DELETE", f"/tokens/{made['id']}").status == 204
        elif self.ends == "time":
            api.clock.advance(3_600)
        return str(made["token"])


HOLDERS: dict[str, Held | None] = {
    "nothing": None,
    "read": Held(("read",)),
    "pipeline": Held(("pipeline",)),
    "cron": Held(("cron",)),
    "admin": Held(("admin",)),
    "pipeline and cron": Held(("pipeline", "cron")),
    "read here": Held(("read",), ("web",)),
    "pipeline here": Held(("pipeline",), ("db", "w?b")),
    "cron here": Held(("cron",), ("w*",)),
    "admin here": Held(("admin",), ("web",)),
    "read elsewhere": Held(("read",), ("web-*", "we"), holds_web=False),
    "pipeline elsewhere": Held(("pipeline",), ("Web", "web?"), holds_web=False),
    "cron elsewhere": Held(("cron",), ("db",), holds_web=False),
    "admin elsewhere": Held(("admin",), ("db",), holds_web=False),
    "expired": Held(("admin",), is_valid=False, ends="time"),
    "revoked": Held(("admin",), is_valid=False, ends="revoked"),
}


def service(folder: Path, **settings: Any) -> Api:
    """A service with an admin token in its settings, and one server."""
    api = Api(folder, admin_token=ADMIN_TOKEN, **settings)
    assert as_admin(api, "POST", "/status/pipeline", json=REPORT).status == 201
    return api


def sent(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def as_admin(api: Api, method: str, path: str, **options: Any) -> Answer:
    return api.request(method, path, headers=sent(ADMIN_TOKEN), **options)


def make(api: Api, **wanted: Any) -> Any:
    answer = as_admin(api, "POST", "/tokens", json={"label": "of-a-test", **wanted})
    assert answer.status == 201, answer.json
    return answer.json


def login(api: Api, token: str, **wanted: Any) -> Answer:
    return api.request("POST", "/login", headers=sent(token), json=wanted)


def test_the_table_has_every_route_of_the_document(tmp_path: Path) -> None:
    paths = Api(tmp_path).get("/openapi.json").json["paths"]
    routes = {(method, path) for path, methods in paths.items() for method in methods}
    assert {(asked.method, asked.path) for asked in TABLE} | {("post", "/login"), ("post", "/logout")} == routes


@pytest.mark.parametrize("mode", MODES)
def test_every_route_answers_everybody_as_the_contract_says(tmp_path: Path, mode: str) -> None:
    settings = MODES[mode]
    api = service(tmp_path, **settings)
    for holder, held in HOLDERS.items():
        token = held.made(api) if held else None
        for asked in TABLE:
            for names in (True, False) if asked.names_groups_by == "filter" else (True,):
                api.clock.advance(60)  # many wrong tokens in one minute are another answer
                answer = asked.send(api, token, names=names)
                allowed = expected(asked, settings, held, names=names)
                assert answer.status in allowed, (holder, asked, names, answer.response.data[:300])
                if answer.status == 401:
                    assert answer.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("mode", MODES)
def test_the_document_says_which_scope_a_route_needs_and_where_none_is_needed(tmp_path: Path, mode: str) -> None:
    settings = MODES[mode]
    paths = Api(tmp_path, **settings).get("/openapi.json").json["paths"]
    for asked in TABLE:
        wanted = [{"bearer": [asked.scope]}, {"key": [asked.scope]}] if asked.scope else []
        wanted += [] if needs_token(asked, settings) or not asked.scope else [{}]
        assert paths[asked.path][asked.method].get("security", []) == wanted, asked


def test_the_files_of_the_pages_need_no_token(tmp_path: Path) -> None:
    answer = Api(tmp_path, auth="all").request("GET", "/static/style.css")
    answer.response.close()
    assert answer.status == 200


@pytest.mark.parametrize(
    ("held", "sentence"),
    [
        ({"scopes": ["read", "cron"]}, "This needs the scope 'pipeline'; the token 'of-a-test' has cron, read."),
        (
            {"scopes": ["pipeline"], "groups": ["b*", "a"]},
            "The token 'of-a-test' may not use the group 'web', only a, b*.",
        ),
    ],
)
def test_a_403_names_the_scope_or_the_group_that_is_missing(tmp_path: Path, held: Any, sentence: str) -> None:
    api = service(tmp_path, auth="writes")
    answer = api.request("POST", "/status/pipeline", headers=sent(make(api, **held)["token"]), json=REPORT)
    assert (answer.status, answer.json) == (403, {"error": sentence, "code": "forbidden"})


@pytest.mark.parametrize("path", ["/status/pipeline", "/status/cron"])
def test_an_array_with_one_server_out_of_reach_is_refused_whole(tmp_path: Path, path: str) -> None:
    api = service(tmp_path, auth="writes")
    token = make(api, scopes=["pipeline", "cron"], groups=["rsyslog-*"])["token"]
    fleet = [{"server_group": f"rsyslog-{number}", "host": "h", "status": "synced"} for number in range(3)]
    refused = api.request("POST", path, headers=sent(token), json=[*fleet, REPORT])
    assert (refused.status, "'web'" in refused.json["error"]) == (403, True)
    assert [row["server_group"] for row in api.get("/status").json] == ["web"]
    assert api.request("POST", path, headers=sent(token), json=fleet).status == 201


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("server_group=web", 200), ("server_group=web,web-2", 200), ("server_group={web,web-2}", 200),
        ("server_group=web&server_group=web-2", 200), ("server_group=web&status=failed", 200),
        ("", 403), ("server_group=", 403), ("server_group=*", 403), ("server_group=All", 403),
        ("server_group=$__all", 403), ("server_group=,", 403), ("server_group=db", 403), ("server_group=web,db", 403),
        ("server_group=web&server_group=*", 403), ("server_group={web,db}", 403), ("host=web-01", 403),
        ("_server_group=web", 403), ("server_group=%2A", 403), ("SERVER_GROUP=web", 403),
    ],
)  # fmt: skip
@pytest.mark.parametrize("path", ["/status", "/summary", "/groups", "/history", "/events", "/history/summary"])
def test_a_reading_by_a_limited_token_names_its_groups(tmp_path: Path, path: str, query: str, status: int) -> None:
    api = service(tmp_path, auth="all")
    token = make(api, scopes=["read"], groups=["web", "web-*"])["token"]
    if path in ("/history/summary",):
        query = query.replace("&status=failed", "")
    answer = api.request("GET", f"{path}?{query}", headers=sent(token))
    assert answer.status == status, answer.json
    if status == 403 and "db" not in query:
        assert "server_group" in answer.json["error"]


# What is no valid token


def test_no_token_is_told_how_to_send_one(tmp_path: Path) -> None:
    answer = service(tmp_path, auth="writes").pipeline()
    assert answer.status == 401
    assert "Authorization: Bearer" in answer.json["error"]
    assert "X-API-Key" in answer.json["error"]


def test_unknown_wrong_expired_and_revoked_get_one_answer(tmp_path: Path) -> None:
    api = service(tmp_path, auth="writes")
    expired = make(api, scopes=["admin"], expires_in="1h")["token"]
    revoked = make(api, scopes=["admin"])
    kept = make(api, scopes=["admin"])["token"]
    as_admin(api, "DELETE", f"/tokens/{revoked['id']}")
    api.clock.advance(3_600)
    wrong = kept[:-1] + ("0" if kept[-1] != "0" else "1")
    bodies = {
        api.request("POST", "/status/pipeline", headers=sent(token), json=REPORT).response.data
        for token in (expired, revoked["token"], wrong, "gst_000000000000_" + "0" * 64, "gst_admin_x", "x")
    }
    assert [json.loads(body) for body in bodies] == [NOT_VALID]


def test_forged_and_odd_tokens_are_refused(tmp_path: Path) -> None:
    api = service(tmp_path, auth="writes")
    token = make(api, scopes=["admin"])["token"]
    child = login(api, token).json["access_token"]
    _, token_id, secret = token.split("_")
    kept = json.loads(api.store.with_name("status.json.tokens").read_text())["tokens"][token_id]
    odd = [
        token[:-1], token + "0", token.upper(), f"gst__{secret}", f"gst_{token_id}_", f"gst_{token_id}", secret,
        f"ghp_{token_id}_{secret}", f"gst_{token_id}_{kept['hash']}", f"gst_admin_{ADMIN_TOKEN}", ADMIN_TOKEN[:-1],
        "gst_" + "x" * 10_000_000, "," * 10_000_000, "gst_\xe4_\xff", f"{token}\xa0", f"{token}\x85", "\xef\xbd\x87st",
        f"gsl_{token_id}_", f"gsl_admin_{child.split('_', 2)[2]}", child[:-1], child + "A", f"gsl__{child}", "gsl_admin_.", "null",
    ]  # fmt: skip
    for text in odd:
        api.clock.advance(60)
        started = time.perf_counter()
        answer = api.request("POST", "/status/pipeline", headers=sent(text), json=REPORT)
        assert (answer.status, answer.json) == (401, NOT_VALID), text[:100]
        assert time.perf_counter() - started < 1
    assert api.request("POST", "/status/pipeline", headers=sent(token), json=REPORT).status == 200


@pytest.mark.parametrize(
    ("headers", "is_fine"),
    [
        ([("Authorization", "Bearer {t}")], True), ([("X-API-Key", "{t}")], True),
        ([("Authorization", "bearer   {t} ")], True), ([("Authorization", "BEARER {t}"), ("X-API-Key", "{t}")], True),
        ([("X-API-Key", "{t}"), ("X-API-Key", "{t}")], True),
        ([("Authorization", "Bearer {t}"), ("Authorization", "Bearer {t}")], True),
        ([("Authorization", "Basic dTpw"), ("X-API-Key", "{t}")], True),
        ([("Authorization", "Bearer {t}"), ("X-API-Key", "")], True),
        ([("Authorization", "Bearer {t}"), ("X-API-Key", "{t}0")], False),
        ([("X-API-Key", "{t}"), ("X-API-Key", "other")], False),
        ([("Authorization", "Bearer {t}"), ("Authorization", "Bearer other")], False),
        ([("Authorization", "Bearer {t} {t}")], False), ([("Authorization", "{t}")], False),
        ([("Authorization", "Bearer")], False), ([("Authorization", "Basic {t}")], False), ([("X-API-Key", "Bearer {t}")], False),
    ],
)  # fmt: skip
def test_one_token_is_sent_in_either_header_and_never_two(tmp_path: Path, headers: Any, is_fine: bool) -> None:
    api = service(tmp_path, auth="writes")
    token = make(api, scopes=["pipeline"])["token"]
    given = [(name, value.format(t=token)) for name, value in headers]
    assert api.request("POST", "/status/pipeline", headers=given, json=REPORT).status == (200 if is_fine else 401)


def test_where_none_is_needed_one_that_is_not_valid_is_ignored(tmp_path: Path) -> None:
    api = service(tmp_path)
    api.store.with_name("status.json.tokens").write_text("damaged")
    for token in ("nonsense", "gst_000000000000_00", ""):
        assert api.request("POST", "/status/pipeline", headers=sent(token), json=REPORT).status == 200


def test_a_limit_of_groups_does_not_count_where_no_token_is_needed(tmp_path: Path) -> None:
    api = service(tmp_path, auth="writes")
    token = make(api, scopes=["cron"], groups=["db"])["token"]
    assert api.request("GET", "/status", headers=sent(token)).status == 200


def test_an_unknown_token_takes_as_long_as_a_wrong_one(tmp_path: Path) -> None:
    api = service(tmp_path, auth="writes")
    token = make(api, scopes=["pipeline"])["token"]
    wrong = token[:-1] + ("0" if token[-1] != "0" else "1")
    unknown = "gst_ffffffffffff_" + token.rsplit("_", 1)[1]
    access, now = Access(open_tokens(api.store), ADMIN_TOKEN), int(api.clock())
    took: dict[str, list[float]] = {wrong: [], unknown: []}
    for _ in range(4_000):
        for text, times in took.items():
            started = time.perf_counter_ns()
            with pytest.raises(Unauthorized):
                access.authenticate(text, now)
            times.append(time.perf_counter_ns() - started)
    assert 0.8 < statistics.median(took[wrong]) / statistics.median(took[unknown]) < 1.25


def test_many_wrong_tokens_from_an_address_wait_and_a_valid_one_always_passes(tmp_path: Path) -> None:
    api = service(tmp_path, auth="writes")
    token = make(api, scopes=["pipeline"])["token"]
    api.clock.now = api.clock.now // 60 * 60 + 15

    def report(text: str, address: str = "10.0.0.1") -> Answer:
        return api.request(
            "POST", "/status/pipeline", headers=sent(text), json=REPORT, environ_base={"REMOTE_ADDR": address}
        )

    assert {report(f"wrong-{number}").status for number in range(20)} == {401}
    assert {api.pipeline().status for _ in range(30)} == {401}, "a token that is missing is no attempt"
    refused = report("wrong")
    assert (refused.status, refused.json["code"]) == (429, "too_many_requests")
    assert refused.headers["Retry-After"] == "45"
    assert report("wrong", "10.0.0.2").status == 401
    assert report(token).status == 200
    assert login(api, "wrong").status == 401  # from 127.0.0.1
    api.clock.advance(45)
    assert report("wrong").status == 401


def test_reports_by_a_token_are_limited_each_of_an_array_and_what_its_logins_report(tmp_path: Path) -> None:
    api = service(tmp_path, auth="writes", reports_per_minute=5)
    token, other = (make(api, scopes=["pipeline", "cron"])["token"] for _ in range(2))
    child = login(api, token).json["access_token"]
    api.clock.now = api.clock.now // 60 * 60 + 50

    def status(text: str, body: Any) -> int:
        return api.request("POST", "/status/pipeline", headers=sent(text), json=body).status

    assert status(token, [REPORT] * 3) == 200
    assert status(child, [REPORT] * 3) == 429
    assert [status(child, REPORT) for _ in range(3)] == [200, 200, 429]
    refused = api.request("POST", "/api/status", headers=sent(token), json={})
    assert (refused.status, refused.headers["Retry-After"]) == (429, "10")
    assert status(other, REPORT) == 200
    assert api.request("GET", "/status", headers=sent(token)).status == 200
    api.clock.advance(10)
    assert status(token, [REPORT] * 5) == 200


# /tokens


def test_a_token_is_shown_once_and_kept_as_a_hash(tmp_path: Path) -> None:
    api = service(tmp_path)
    made = make(api, label="ci", scopes=["pipeline", "cron"], groups=["rsyslog-*"], expires_in="90d")
    text = made.pop("token")
    assert re.fullmatch(rf"gst_{made['id']}_[0-9a-f]{{64}}", text)
    assert made == {
        "id": made["id"], "label": "ci", "scopes": ["pipeline", "cron"], "groups": ["rsyslog-*"],
        "created": "2026-04-26T10:30:00Z", "expires": "2026-07-25T10:30:00Z", "last_used": None, "created_by": "admin",
    }  # fmt: skip
    listed = as_admin(api, "GET", "/tokens")
    assert (listed.json, listed.headers["Cache-Control"]) == ([made], "no-store")
    file = api.store.with_name("status.json.tokens")
    assert file.stat().st_mode & 0o777 == 0o600
    assert json.loads(file.read_text())["tokens"].keys() == {made["id"]}
    for shown in (listed.response.text, file.read_text(), api.store.read_text()):
        assert text.rsplit("_", 1)[1] not in shown
        assert ADMIN_TOKEN not in shown


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, {"label", "scopes"}),
        ({"label": "", "scopes": []}, {"label", "scopes"}),
        ({"label": "x" * 101, "scopes": ["write"]}, {"label", "scopes"}),
        ({"label": "a\nb", "scopes": "read"}, {"label", "scopes"}),
        ({"label": "a\u202eb", "scopes": ["read"], "groups": []}, {"label", "groups"}),
        ({"label": "a", "scopes": ["read"], "groups": ["a/b"]}, {"groups"}),
        ({"label": "a", "scopes": ["read"], "groups": ["a"] * 101}, {"groups"}),
        ({"label": "a", "scopes": ["read"], "group": ["a"]}, {"group"}),
        ({"label": 5, "scopes": ["read"], "expires_in": 0}, {"label", "expires_in"}),
        ({"label": "a", "scopes": ["read"], "expires_in": "never"}, {"expires_in"}),
        ({"label": "a", "scopes": ["read"], "expires_in": "10000d"}, {"expires_in"}),
        ({"label": "a", "scopes": ["read"], "expires_in": True}, {"expires_in"}),
    ],
)
def test_a_token_that_cannot_be_made_is_told_every_reason(tmp_path: Path, body: Any, fields: set[str]) -> None:
    api = service(tmp_path)
    answer = as_admin(api, "POST", "/tokens", json=body)
    assert (answer.status, answer.json["fields"].keys()) == (400, fields)
    assert as_admin(api, "GET", "/tokens").json == []


def test_a_form_of_another_site_makes_no_token(tmp_path: Path) -> None:
    body = json.dumps({"label": "a", "scopes": ["admin"]})
    assert as_admin(service(tmp_path), "POST", "/tokens", data=body, content_type="text/plain").status == 415


def test_who_revokes_an_unknown_token_is_told(tmp_path: Path) -> None:
    assert as_admin(service(tmp_path), "DELETE", "/tokens/admin").status == 404


def test_the_last_use_is_kept_once_in_ten_minutes(tmp_path: Path) -> None:
    api = service(tmp_path, auth="writes")
    token, file = make(api, scopes=["pipeline"])["token"], api.store.with_name("status.json.tokens")

    def used_after(seconds: int) -> str:
        api.clock.advance(seconds)
        assert api.request("POST", "/status/pipeline", headers=sent(token), json=REPORT).status == 200
        return str(as_admin(api, "GET", "/tokens").json[0]["last_used"])

    assert used_after(0) == "2026-04-26T10:30:00Z"
    written = file.stat().st_mtime_ns
    assert used_after(599) == "2026-04-26T10:30:00Z"
    assert file.stat().st_mtime_ns == written
    assert used_after(1) == "2026-04-26T10:40:00Z"


def test_that_a_use_cannot_be_kept_fails_no_request(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    api = service(tmp_path, auth="writes")
    made = make(api, scopes=["pipeline"])
    api.store.with_name("status.json.tokens.tmp").mkdir()  # so nothing can be written there
    for _ in range(2):
        assert api.request("POST", "/status/pipeline", headers=sent(made["token"]), json=REPORT).status == 200
    (line,) = [record.getMessage() for record in caplog.records if made["id"] in record.getMessage()]
    assert "is not kept" in line
    assert made["token"].rsplit("_", 1)[1] not in caplog.text


def test_a_damaged_file_of_tokens_is_503_where_one_is_needed_and_never_overwritten(tmp_path: Path) -> None:
    api = service(tmp_path, auth="writes")
    token, file = make(api, scopes=["pipeline"])["token"], api.store.with_name("status.json.tokens")
    whole = file.read_bytes()
    for damage in (
        b"",
        whole[:-9],
        b"[]",
        whole.replace(b'"version":"1"', b'"version":"9"'),
        whole.replace(b'"hash"', b'"hush"'),
    ):
        file.write_bytes(damage)
        for answer in (
            api.request("POST", "/status/pipeline", headers=sent(token), json=REPORT),
            as_admin(api, "GET", "/tokens"),
            as_admin(api, "POST", "/tokens", json={"label": "a", "scopes": ["read"]}),
        ):
            assert answer.status == 503
            assert "status.json.tokens is left as it is" in answer.json["error"]
        assert api.get("/status").status == api.get("/ready").status == 200
        assert file.read_bytes() == damage
    file.write_bytes(whole)
    assert api.request("POST", "/status/pipeline", headers=sent(token), json=REPORT).status == 200


# POST /login


def test_a_login_gives_a_token_for_a_quarter_of_an_hour_with_the_same_rights(tmp_path: Path) -> None:
    api = service(tmp_path, auth="writes")
    token = make(api, scopes=["pipeline"], groups=["web"])["token"]
    answer = api.request("POST", "/login", headers=sent(token))
    child = answer.json.pop("access_token")
    assert child.startswith("gsl_")
    expected = {"expires_in": 900, "token_type": "bearer", "scopes": ["pipeline"], "groups": ["web"]}
    assert {name: answer.json[name] for name in expected} == expected
    assert answer.headers["Cache-Control"] == "no-store"

    def status(body: Any = REPORT) -> int:
        return api.request("POST", "/status/pipeline", headers=sent(child), json=body).status

    assert (status(), status({**REPORT, "server_group": "db"})) == (200, 403)
    api.clock.advance(899)
    assert status() == 200
    api.clock.advance(1)
    assert status() == 401


@pytest.mark.parametrize(
    ("held", "wanted", "status"),
    [
        ({"scopes": ["pipeline", "cron"]}, {"scopes": ["cron"]}, 200),
        ({"scopes": ["pipeline"]}, {"scopes": ["cron"]}, 403), ({"scopes": ["pipeline"]}, {"scopes": ["admin"]}, 403),
        ({"scopes": ["admin"]}, {"scopes": ["read", "cron"]}, 200), ({"scopes": ["read"]}, {"groups": ["*"]}, 200),
        ({"scopes": ["read"], "groups": ["web"]}, {"groups": ["web"]}, 200),
        ({"scopes": ["read"], "groups": ["web"]}, {"groups": ["web", "db"]}, 403),
        ({"scopes": ["read"], "groups": ["web"]}, {"groups": ["we?"]}, 403),
        ({"scopes": ["read"], "groups": ["we?"]}, {"groups": ["we?"]}, 200),
        ({"scopes": ["read"], "groups": ["we?"]}, {"groups": ["we*"]}, 403),
        ({"scopes": ["read"], "groups": ["w*"]}, {"groups": ["we*", "w?", "w*"]}, 200),
        ({"scopes": ["read"], "groups": ["w*"]}, {"groups": ["*"]}, 403),
        ({"scopes": ["read"], "groups": ["w*-prod"]}, {"groups": ["web-*"]}, 403),
        ({"scopes": ["read"], "groups": ["w*-prod"]}, {"groups": ["web-*-prod"]}, 200),
        ({"scopes": ["read"]}, {"scopes": []}, 400), ({"scopes": ["read"]}, {"groups": []}, 400),
        ({"scopes": ["read"]}, {"scope": ["read"]}, 400),
    ],
)  # fmt: skip
def test_a_login_gives_fewer_rights_and_never_more(tmp_path: Path, held: Any, wanted: Any, status: int) -> None:
    api = service(tmp_path, auth="all")
    answer = login(api, make(api, **held)["token"], **wanted)
    assert answer.status == status, answer.json
    if status == 200:
        assert answer.json["scopes"] == sorted(wanted.get("scopes", held["scopes"]))
        assert answer.json["groups"] == wanted.get("groups", held.get("groups", []))
        narrower = sent(answer.json["access_token"])
        allowed = "read" in answer.json["scopes"] or "admin" in answer.json["scopes"]
        assert (api.request("GET", "/status?server_group=", headers=narrower).status == 200) == (
            allowed and not answer.json["groups"]
        )


@pytest.mark.parametrize("end", ["revoked", "expired"])
def test_a_login_ends_with_its_parent(tmp_path: Path, end: str) -> None:
    api = service(tmp_path, auth="writes")
    made = make(api, scopes=["pipeline"], expires_in=60)
    child = login(api, made["token"]).json["access_token"]
    assert api.request("POST", "/status/pipeline", headers=sent(child), json=REPORT).status == 200
    if end == "revoked":
        as_admin(api, "DELETE", f"/tokens/{made['id']}")
    else:
        api.clock.advance(60)
    answer = api.request("POST", "/status/pipeline", headers=sent(child), json=REPORT)
    assert (answer.status, answer.json) == (401, NOT_VALID)


def test_a_login_with_a_token_that_was_revoked_meanwhile_gives_nothing(tmp_path: Path) -> None:
    api = service(tmp_path)
    made = make(api, scopes=["read"])
    access, now = Access(open_tokens(api.store), ADMIN_TOKEN), int(api.clock())
    parent = access.authenticate(made["token"], now)
    access.revoke(made["id"])
    with pytest.raises(Unauthorized):
        access.login(parent, {}, now)


def test_a_login_with_the_token_of_the_settings_ends_when_that_changes(tmp_path: Path) -> None:
    child = login(service(tmp_path, auth="all"), ADMIN_TOKEN).json["access_token"]
    for other, status in ((ADMIN_TOKEN, 200), (ADMIN_TOKEN + "2", 401), (None, 401)):
        again = Api(tmp_path, auth="all", admin_token=other)
        assert again.request("GET", "/status", headers=sent(child)).status == status


def test_a_login_gives_no_further_login_and_needs_a_token_in_every_mode(tmp_path: Path) -> None:
    api = service(tmp_path)
    child = login(api, ADMIN_TOKEN).json["access_token"]
    assert login(api, child).status == 403
    assert api.request("POST", "/login").status == login(api, "wrong").status == 401


def test_nobody_signs_where_nothing_was_ever_signed(tmp_path: Path) -> None:
    """Without a key, one that anybody can guess must not be taken in its place."""
    admin = sha256(ADMIN_TOKEN.encode()).hexdigest()
    for settings in ({}, {"admin_token": ADMIN_TOKEN}):
        api = Api(tmp_path, auth="all", **settings)
        for key, salt in product(("", "0" * 64), ("0" * 64, admin)):
            signer = URLSafeSerializer(key, salt, signer_kwargs={"key_derivation": "hmac", "digest_method": sha256})
            forged = f"gsl_admin_{signer.dumps([None, None, 10**12])}"
            assert api.request("GET", "/status", headers=sent(forged)).status == 401


# The history, the old dialect, the log


def test_the_history_names_who_held_the_token(tmp_path: Path) -> None:
    api = service(tmp_path)
    token = make(api, label="ci of web", scopes=["pipeline"])["token"]
    child = login(api, token).json["access_token"]
    api.request("POST", "/status/pipeline", headers=sent(token), json={**REPORT, "status": "failed"})
    api.request("POST", "/api/status", headers=sent(child), json={"server": "old"})
    api.pipeline(status="unknown")
    api.delete("/status/web/web-01")
    assert [row["actor"] for row in api.get("/history").json] == ["admin", "ci of web", "ci of web", "", ""]
    assert [row["host"] for row in api.get("/history?actor=ci of web").json] == ["web-01", "old"]


def test_an_entry_of_an_earlier_version_has_no_actor(tmp_path: Path) -> None:
    api = Api(tmp_path)
    api.pipeline()
    file = api.store.with_name("status.json.history")
    file.write_text(file.read_text().replace(',"actor":""', ""))
    assert [row["actor"] for row in Api(tmp_path).get("/history").json] == [""]
    assert Api(tmp_path).get("/history?actor=somebody").json == []


def test_the_old_dialect_can_be_off(tmp_path: Path) -> None:
    api = Api(tmp_path, legacy_auth="off")
    assert api.get("/api/status").status == api.legacy().status == 404
    assert "/api/status" not in api.get("/openapi.json").json["paths"]


@pytest.mark.parametrize(
    ("address", "is_in"),
    [("10.1.2.3", True), ("::ffff:10.1.2.3", True), ("fd00::7", True), ("11.1.2.3", False), ("::1", False), ("", False),
     ("unknown", False)],
)  # fmt: skip
def test_the_old_dialect_lets_in_the_named_networks_only(tmp_path: Path, address: str, is_in: bool) -> None:
    api = Api(tmp_path, legacy_networks="10.0.0.0/8, fd00::/8")
    for method in ("GET", "POST"):
        options: dict[str, Any] = {"json": {}} if method == "POST" else {}
        forged = {"X-Forwarded-For": "10.1.2.3"}
        answer = api.request(method, "/api/status", headers=forged, environ_base={"REMOTE_ADDR": address}, **options)
        assert answer.status == (200 if is_in else 403)
    assert api.request("GET", "/status", environ_base={"REMOTE_ADDR": address}).status == 200


def test_a_report_that_lacks_a_token_counts_as_refused(tmp_path: Path) -> None:
    api = Api(tmp_path, auth="writes")
    api.pipeline()
    assert 'gitops_reports_total{result="refused",source="pipeline"} 1.0' in api.get("/metrics").response.text
