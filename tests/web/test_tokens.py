"""/tokens and POST /login: tokens made, shown, kept, revoked and exchanged (API.md, section 10)."""

import json
import re
from hashlib import sha256
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from itsdangerous import URLSafeSerializer

from domain.errors import Unauthorized
from operations.access import Access
from stores import open_tokens
from tests.web.api import ADMIN_TOKEN, Api
from tests.web.tokens import NOT_VALID, REPORT, as_admin, login, make, sent, service

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
