"""The session of a person in a browser: who may not use it, its ends, and what it shows whom (API.md, section 10)."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.web.api import ADMIN_TOKEN, Api
from tests.web.browsers import BROWSER, LABEL, OWN, SESSION, cookies, guarded, log_in, logged_in, make
from tests.web.tokens import REPORT, as_admin


@pytest.fixture
def api(tmp_path: Path) -> Api:
    return guarded(tmp_path)


# Another site


CHANGES = [("POST", "/status/cron"), ("DELETE", "/status/web/web-01"), ("POST", "/tokens"), ("POST", "/api/status")]
HOST = "http://localhost"
SITES = {
    "same-origin": ({"Sec-Fetch-Site": "same-origin"}, True),
    "same-site": ({"Sec-Fetch-Site": "same-site"}, False),
    "cross-site": ({"Sec-Fetch-Site": "cross-site"}, False),
    "none": ({"Sec-Fetch-Site": "none"}, False),
    "nothing is said": ({}, False),
    "old browser, own origin": ({"Origin": HOST}, True),
    "old browser, another origin": ({"Origin": "http://evil.example"}, False),
    "old browser, another port": ({"Origin": HOST + ":81"}, False),
    "old browser, a hidden origin": ({"Origin": "null"}, False),
    "two that contradict": ({"Sec-Fetch-Site": "cross-site", "Origin": HOST}, False),
}


@pytest.mark.parametrize("site", SITES)
@pytest.mark.parametrize("auth", ["open", "all"])
def test_with_a_cookie_only_an_own_page_changes_anything(tmp_path: Path, site: str, auth: str) -> None:
    api = Api(tmp_path, auth=auth, admin_token=ADMIN_TOKEN)
    as_admin(api, "POST", "/status/pipeline", json=REPORT)
    client, (headers, is_own) = logged_in(api, ADMIN_TOKEN), SITES[site]
    bodies: dict[str, Any] = {"/status/cron": REPORT, "/tokens": {"label": "a", "scopes": ["read"]}, "/api/status": {}}
    for method, path in CHANGES:
        before = api.store.read_bytes(), as_admin(api, "GET", "/tokens").json
        options = {"json": bodies[path]} if path in bodies else {}
        answer = client.open(path, method=method, headers=headers, **options)
        if is_own:
            assert answer.status_code in (200, 201, 204), (method, path, answer.text)
        else:
            assert (answer.status_code, "from a page of this service" in answer.text) == (403, True), (method, path)
            assert (api.store.read_bytes(), as_admin(api, "GET", "/tokens").json) == before
    for method in ("GET", "HEAD"):
        assert client.open("/summary", method=method, headers=headers).status_code == 200


@pytest.mark.parametrize("site", SITES)
def test_another_site_logs_nobody_in_or_out(api: Api, site: str) -> None:
    headers, is_own = SITES[site]
    answer = log_in(api.app.test_client(), ADMIN_TOKEN, headers=headers)
    assert (answer.status_code, SESSION in cookies(answer)) == ((303, True) if is_own else (403, False))
    client = logged_in(api, ADMIN_TOKEN)
    assert client.post("/logout", headers=headers).status_code == (303 if is_own else 403)
    assert (client.get_cookie(SESSION) is None) == is_own


def test_a_program_with_a_token_in_a_header_needs_to_say_nothing_of_a_page(api: Api) -> None:
    client = logged_in(api, make(api)["token"])
    answer = client.post("/status/cron", json=REPORT, headers={"X-API-Key": ADMIN_TOKEN})
    assert answer.status_code == 200
    assert as_admin(api, "GET", "/history?source=cron").json == []  # nothing changed but the times


def test_a_token_in_a_header_beats_the_cookie(api: Api) -> None:
    client = logged_in(api, ADMIN_TOKEN)
    reader = {"Authorization": f"Bearer {make(api)['token']}"}
    assert client.get("/tokens").status_code == 200
    assert client.get("/tokens", headers=reader).status_code == 403
    assert client.get("/tokens", headers={"X-API-Key": "wrong"}).status_code == 401
    assert client.get("/tokens", headers={"Authorization": "Basic dTpw"}).status_code == 200  # a proxy's, and no token


def test_what_a_session_changes_bears_the_label_of_its_token(api: Api) -> None:
    client = logged_in(api, make(api, scopes=["admin"])["token"])
    client.delete("/status/web/web-01", headers=OWN)
    assert client.get("/history?event=deleted").get_json()[0]["actor"] == "Zoë"


# Its ends


def test_a_session_that_is_used_is_renewed_and_one_that_is_not_ends(api: Api) -> None:
    client = logged_in(api, ADMIN_TOKEN)
    api.clock.advance(299)
    assert not cookies(client.get("/status"))
    api.clock.advance(1)
    answer = client.get("/status")
    assert cookies(answer)[SESSION]["max-age"] == cookies(answer)[LABEL]["max-age"] == "900"
    assert cookies(answer)[SESSION]["httponly"]
    assert not cookies(client.get("/status"))
    api.clock.advance(899)
    assert client.get("/status").status_code == 200
    api.clock.advance(900)
    assert client.get("/status").status_code == 401


def test_a_session_is_renewed_by_readings_that_need_none_too(tmp_path: Path) -> None:
    api = Api(tmp_path, auth="writes", admin_token=ADMIN_TOKEN)
    client = logged_in(api, ADMIN_TOKEN)
    api.clock.advance(600)
    assert SESSION in cookies(client.get("/", headers=BROWSER))


def test_nobody_stays_logged_in_for_more_than_twelve_hours(api: Api) -> None:
    client, stolen = logged_in(api, ADMIN_TOKEN), ""
    for _ in range(12 * 60 - 1):
        api.clock.advance(60)
        assert client.get("/summary").status_code == 200
        if cookie := client.get_cookie(SESSION):
            stolen = cookie.value
    api.clock.advance(60)
    assert client.get("/summary").status_code == 401
    assert api.request("GET", "/summary", headers={"X-API-Key": stolen}).status == 401


def test_a_token_that_a_program_got_for_a_quarter_of_an_hour_is_not_renewed(api: Api) -> None:
    client = api.app.test_client()
    client.set_cookie(SESSION, as_admin(api, "POST", "/login").json["access_token"])
    api.clock.advance(800)
    answer = client.get("/status")
    assert (answer.status_code, cookies(answer)) == (200, {})


@pytest.mark.parametrize("end", ["revoked", "expired"])
def test_a_session_ends_with_its_token(api: Api, end: str) -> None:
    made = make(api, expires_in=600)
    client = logged_in(api, made["token"])
    if end == "revoked":
        as_admin(api, "DELETE", f"/tokens/{made['id']}")
    else:
        api.clock.advance(600)
    assert client.get("/", headers=BROWSER).headers["Location"] == "/login?next=/"
    assert client.get("/status").status_code == 401


def test_who_logs_out_is_out_and_leaves_nothing_in_the_browser(api: Api) -> None:
    client = logged_in(api, ADMIN_TOKEN)
    for path in ("/", "/status", "/login"):
        assert client.get(path, headers=BROWSER).headers["Cache-Control"] == "no-store"
    api.clock.advance(600)
    answer = client.post("/logout", headers=OWN)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/login")
    assert (client.get_cookie(SESSION), client.get_cookie(LABEL)) == (None, None)
    assert client.get("/", headers=BROWSER).status_code == 303


def test_that_a_session_cannot_be_renewed_fails_no_request(api: Api) -> None:
    client, file = logged_in(api, make(api)["token"]), api.store.with_name("status.json.tokens")
    api.clock.advance(600)
    file.write_text(json.dumps({"damaged": True}))
    assert client.get("/health").status_code == 200
    assert client.get("/status").status_code == 503


# What everybody shares, and who sees a part only


def test_a_page_has_the_same_bytes_for_everybody(api: Api) -> None:
    seen = {
        logged_in(api, make(api, label=label)["token"]).get("/", headers=BROWSER).data for label in ("Ann", "Bob")
    }  # fmt: skip
    assert len(seen) == 1
    assert b"Ann" not in seen.pop()


def test_the_form_tells_whoever_is_logged_in_so_and_lets_them_out_without_a_script(api: Api) -> None:
    page = logged_in(api, make(api, label="<b>Ann")["token"]).get("/login").text
    assert "With the token <strong>&lt;b&gt;Ann</strong>" in page
    assert 'action="/logout" method="post"' in page
    assert 'name="token"' not in page


@pytest.mark.parametrize(
    ("groups", "path", "leads_to"),
    [
        (["w*"], "/", "/?server_group=web"), (["w*"], "/problems?status=failed", "/problems?status=failed&server_group=web"),
        (["*"], "/", "/?server_group=db,web"), (["nobody-*"], "/", "/?server_group=nobody-%2A"),
    ],
)  # fmt: skip
def test_who_is_limited_to_groups_is_led_to_them(api: Api, groups: list[str], path: str, leads_to: str) -> None:
    client = logged_in(api, make(api, groups=groups)["token"])
    answer = client.get(path, headers=BROWSER)
    assert (answer.status_code, answer.headers["Location"]) == (303, leads_to)
    assert client.get(leads_to, headers=BROWSER).status_code == 200
    assert client.get("/").status_code == 403  # a program names its groups itself


def test_who_is_limited_sees_no_other_group(api: Api) -> None:
    client = logged_in(api, make(api, groups=["w*"])["token"])
    for path in ("/?server_group=db", "/?server_group=web,db", "/servers/db/web-01", "/?server_group=*"):
        assert client.get(path, headers=BROWSER).status_code == 403
    assert b"/servers/db/" not in client.get("/?server_group=web", headers=BROWSER).data


def test_groups_that_no_url_can_name_are_refused_with_the_reason(api: Api) -> None:
    many = [{**REPORT, "server_group": f"{number:03}" + "x" * 240} for number in range(20)]
    as_admin(api, "POST", "/status/pipeline", json=many)
    answer = logged_in(api, make(api, groups=["*"])["token"]).get("/", headers=BROWSER)
    assert (answer.status_code, "name groups by the filter server_group" in answer.text) == (403, True)
