"""Who may do what: every route, asked by everybody, in every mode, against the rules of the contract (API.md, 10)."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.web.api import Answer, Api
from tests.web.tokens import REPORT, as_admin, login, make, sent, service

MODES = {
    "open": {},
    "writes": {"auth": "writes"},
    "writes, with legacy": {"auth": "writes", "legacy_auth": "token"},
    "all": {"auth": "all", "legacy_auth": "token"},
    "all, with open doors": {"auth": "all", "metrics_auth": "open", "badge_auth": "open"},
}


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
        path += "?field=host" if path == "/values" else "?"
        if self.names_groups_by == "filter" and names:
            path += "&server_group=web"
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
        for path in ("/", "/problems", "/status", "/summary", "/groups", "/values", "/history", "/history/summary", "/events")
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
    Asked("get", "/workers", "admin"),
    Asked("post", "/tokens", "admin"),
    Asked("delete", "/tokens/{token_id}", "admin"),
]  # fmt: skip


def needs_token(asked: Asked, settings: Mapping[str, str]) -> bool:
    """What the first two paragraphs of the section say, and the last but one."""
    if asked.path.startswith(("/tokens", "/workers")):
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
@pytest.mark.parametrize(
    "path", ["/status", "/summary", "/groups", "/values?field=host", "/history", "/events", "/history/summary"]
)
def test_a_reading_by_a_limited_token_names_its_groups(tmp_path: Path, path: str, query: str, status: int) -> None:
    api = service(tmp_path, auth="all")
    token = make(api, scopes=["read"], groups=["web", "web-*"])["token"]
    if path in ("/history/summary",):
        query = query.replace("&status=failed", "")
    answer = api.request("GET", f"{path}{'&' if '?' in path else '?'}{query}", headers=sent(token))
    assert answer.status == status, answer.json
    if status == 403 and "db" not in query:
        assert "server_group" in answer.json["error"]


def test_a_limit_of_groups_does_not_count_where_no_token_is_needed(tmp_path: Path) -> None:
    api = service(tmp_path, auth="writes")
    token = make(api, scopes=["cron"], groups=["db"])["token"]
    assert api.request("GET", "/status", headers=sent(token)).status == 200


# Who it was, in the history; the old dialect


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
