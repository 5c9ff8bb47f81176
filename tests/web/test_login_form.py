"""How a person in a browser logs in: the form, its cookies, and the way to it and back (API.md, section 10)."""

import re
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from tests.web.api import ADMIN_TOKEN, Api
from tests.web.browsers import BROWSER, LABEL, OWN, SESSION, cookies, guarded, log_in, logged_in, make
from tests.web.tokens import REPORT, as_admin


@pytest.fixture
def api(tmp_path: Path) -> Api:
    return guarded(tmp_path)


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
