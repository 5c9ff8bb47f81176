"""The session of a person in a browser: its cookie, its ends, and who may not use it (API.md, section 10)."""

import json
import re
from http.cookies import Morsel, SimpleCookie
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from werkzeug.test import Client, TestResponse

from tests.web.api import ADMIN_TOKEN, Api

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
OWN = {"Sec-Fetch-Site": "same-origin"}
REPORT = {"server_group": "web", "host": "web-01", "status": "synced"}
SESSION, LABEL = "gitops_status_session", "gitops_status_label"


@pytest.fixture
def api(tmp_path: Path) -> Api:
    """A service where everybody needs a token, with two servers."""
    api = Api(tmp_path, auth="all", admin_token=ADMIN_TOKEN)
    for group in ("web", "db"):
        as_admin(api, "POST", "/status/pipeline", json={**REPORT, "server_group": group})
    return api


def as_admin(api: Api, method: str, path: str, **options: Any) -> Any:
    return api.request(method, path, headers={"X-API-Key": ADMIN_TOKEN}, **options)


def make(api: Api, **wanted: Any) -> Any:
    return as_admin(api, "POST", "/tokens", json={"label": "Zoë", "scopes": ["read"], **wanted}).json


def log_in(client: Client, token: str, onward: str = "", **options: Any) -> TestResponse:
    return client.post("/login", data={"token": token, "next": onward}, **{"headers": OWN, **options})


def logged_in(api: Api, token: str) -> Client:
    client = api.app.test_client()
    assert log_in(client, token).status_code == 303
    return client


def cookies(answer: TestResponse) -> dict[str, Morsel[str]]:
    return {name: one for line in answer.headers.getlist("Set-Cookie") for name, one in SimpleCookie(line).items()}


# Logging in


def test_the_form_sets_a_cookie_that_no_script_and_no_other_site_can_use(api: Api) -> None:
    answer = log_in(api.app.test_client(), f" {make(api)['token']}\n")
    assert (answer.status_code, answer.headers["Location"], answer.headers["Cache-Control"]) == (303, "/", "no-store")
    session, label = cookies(answer)[SESSION], cookies(answer)[LABEL]
    assert session.value.startswith("gsl_")
    for cookie in (session, label):
        assert (cookie["samesite"], cookie["path"], cookie["max-age"]) == ("Strict", "/", "900")
        assert (cookie["secure"], cookie["domain"]) == ("", "")
    assert (session["httponly"], label["httponly"]) == (True, "")
    assert unquote(label.value) == "Zoë"


def test_over_https_the_cookie_goes_over_https_only(api: Api) -> None:
    answer = log_in(api.app.test_client(), ADMIN_TOKEN, environ_overrides={"wsgi.url_scheme": "https"})
    assert [cookie["secure"] for cookie in cookies(answer).values()] == [True, True]


def test_whoever_is_logged_in_sees_the_pages_and_reads_with_the_rights_of_the_token(api: Api) -> None:
    client = logged_in(api, make(api)["token"])
    for path in ("/", "/problems", "/servers/web/web-01", "/status", "/login"):
        assert client.get(path, headers=BROWSER).status_code == 200
    assert client.post("/status/pipeline", json=REPORT, headers=OWN).status_code == 403
    assert client.get("/tokens").status_code == 403


@pytest.mark.parametrize(
    ("token", "status", "sentence"),
    [
        ("gst_0_0", 401, "The token is not valid"),
        ("", 401, "This needs a token"),
        ("pipeline", 403, "This needs the scope &#39;read&#39;"),
        ("short-lived", 403, "A short-lived token gives no other"),
    ],
)
def test_a_token_that_does_not_do_shows_the_form_again_with_the_reason(
    api: Api, token: str, status: int, sentence: str
) -> None:
    if token == "pipeline":
        token = make(api, scopes=["pipeline"])["token"]
    elif token == "short-lived":
        token = as_admin(api, "POST", "/login").json["access_token"]
    answer = log_in(api.app.test_client(), token, "/problems")
    assert (answer.status_code, answer.mimetype) == (status, "text/html")
    assert (answer.headers.get("WWW-Authenticate") == "Bearer") == (status == 401)
    assert sentence in answer.text
    assert 'name="next" value="/problems"' in answer.text
    assert not cookies(answer)
    assert not token or token not in answer.text


def test_wrong_tokens_in_the_form_count_as_elsewhere(api: Api) -> None:
    client = api.app.test_client()
    statuses = [log_in(client, "wrong").status_code for _ in range(21)]
    assert statuses == [401] * 20 + [429]
    assert log_in(client, ADMIN_TOKEN).status_code == 303


def test_a_form_too_large_is_refused(api: Api) -> None:
    assert log_in(api.app.test_client(), "x" * 20_000).status_code == 413


@pytest.mark.parametrize(
    ("onward", "leads_to"),
    [
        ("/problems?server_group=a,b&_q=x", "/problems?server_group=a,b&_q=x"), ("/servers/web/web-01",) * 2, ("", "/"),
        ("//evil.example", "/"), ("/\\evil.example", "/"), ("https://evil.example", "/"), ("/\t/evil.example", "/"),
        ("\t//evil.example", "/"), ("javascript:alert(1)", "/"), ("/\r\nX: y", "/"), ("evil.example", "/"),
        ("@evil.example", "/"), ("/\u2215evil", "/"),
    ],
)  # fmt: skip
def test_a_login_leads_back_and_to_no_other_host(api: Api, onward: str, leads_to: str) -> None:
    client = api.app.test_client()
    answer = log_in(client, ADMIN_TOKEN, onward)
    assert (answer.status_code, answer.headers["Location"], "X" in answer.headers) == (303, leads_to, False)
    if onward:
        again = client.get("/login", query_string={"next": onward})
        assert (again.status_code, again.headers["Location"]) == (303, leads_to)


# Who is not logged in


@pytest.mark.parametrize("path", ["/", "/problems?server_group=web&_q=a%20b", "/servers/web/web-01"])
def test_a_browser_without_a_session_is_led_to_the_form_and_back(api: Api, path: str) -> None:
    client = api.app.test_client()
    client.set_cookie(SESSION, "gsl_admin_old")
    answer = client.get(path, headers=BROWSER)
    assert answer.status_code == 303
    form = urlsplit(answer.headers["Location"])
    (onward,) = parse_qs(form.query)["next"]
    assert (form.netloc, form.path, onward) == ("", "/login", path)
    assert client.get_cookie(SESSION) is None, "one that is not valid is not sent again and again"
    assert onward.replace("&", "&amp;") in client.get(answer.headers["Location"]).text
    assert log_in(client, ADMIN_TOKEN, onward).headers["Location"] == onward
    assert client.get(path, headers=BROWSER).status_code == 200
    assert not cookies(api.app.test_client().get(path, headers=BROWSER)), "one that was only not sent stays"


def test_a_program_without_a_token_is_told_so_as_ever(api: Api) -> None:
    for path, headers in (("/", {}), ("/problems", {"Accept": "*/*"}), ("/status", BROWSER), ("/metrics", BROWSER)):
        assert api.request("GET", path, headers=headers).status == 401
    assert api.request("GET", "/nothing", headers=BROWSER).status == 404


@pytest.mark.parametrize("auth", ["open", "writes"])
def test_where_reading_needs_no_token_nobody_is_led_to_the_form(tmp_path: Path, auth: str) -> None:
    api = Api(tmp_path, auth=auth)
    assert api.request("GET", "/", headers=BROWSER).status == 200
    client = api.app.test_client()
    client.set_cookie(SESSION, "gsl_admin_old")
    assert client.get("/", headers=BROWSER).status_code == 200


def test_the_form_is_whole_and_sends_to_this_service_only(api: Api) -> None:
    answer = api.request("GET", '/login?next=/"><script>', headers=BROWSER).response
    assert "form-action 'self'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["Cache-Control"] == "no-store"
    field = re.findall(r'<input id="token"[^>]*>', answer.text)[0]
    for piece in ('name="token"', 'type="password"', 'autocomplete="current-password"', "required"):
        assert piece in field
    assert '<label for="token">' in answer.text
    assert "<script" not in answer.text


def test_a_link_from_another_site_is_asked_anew_by_the_page_itself(api: Api) -> None:
    """The browser sends no SameSite=Strict cookie along with the link, and does when the page asks."""
    for site, reloads in (("cross-site", True), ("same-origin", False), ("none", False)):
        for onward, url in (("/problems", "/problems"), ("//evil.example", "/")):
            answer = api.request("GET", f"/login?next={onward}", headers={"Sec-Fetch-Site": site})
            assert (f'http-equiv="refresh" content="0; url={url}"' in answer.response.text) == reloads


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
