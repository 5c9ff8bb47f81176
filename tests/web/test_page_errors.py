"""What a person in a browser sees of an error, and a program does not (API.md, sections 7 and 9)."""

from pathlib import Path
from typing import Any

import pytest

from tests.web.api import ADMIN_TOKEN, Answer, Api
from tests.web.browsers import BROWSER, OWN
from tests.web.looks import Page, ask, show

PAGES = ["/", "/problems", "/servers/web/web-01"]


def seen(answer: Answer) -> Page:
    """The page of an answer; that it names its status and one sentence is looked at for each."""
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    return Page(answer.response.text)


def both(api: Api, path: str, method: str = "GET", **options: Any) -> tuple[Answer, Answer]:
    """What a browser and a program get."""
    headers = options.pop("headers", {})
    return api.request(method, path, headers={**BROWSER, **headers}, **options), api.request(
        method, path, headers=headers, **options
    )


def assert_same_but_for_the_shape(page: Answer, json: Answer) -> None:
    assert page.response.status == json.response.status
    for name in ("Allow", "WWW-Authenticate", "Retry-After", "Cache-Control", "X-Content-Type-Options"):
        assert page.headers.get(name) == json.headers.get(name), name
    assert json.json["error"] in seen(page).words
    assert page.headers["Content-Security-Policy"].startswith(
        "default-src 'none'; script-src 'self'; style-src 'self';"
    )


@pytest.mark.parametrize(
    "path", ["/nonsense", "/problems/", "/servers/web", "/status/a/b/c", "/static/none.css", "/%00"]
)
def test_where_nothing_is_a_person_is_led_back(api: Api, path: str) -> None:
    page, json = both(api, path)
    assert page.status == 404
    assert_same_but_for_the_shape(page, json)
    assert {"/", "/problems", "/docs"} <= set(seen(page).links())


def test_a_server_that_never_was_leads_to_its_group_with_the_filters_kept(api: Api) -> None:
    api.pipeline()
    page, json = both(api, "/servers/web/nope?environment=prod")
    assert (page.status, json.json["code"]) == (404, "not_found")
    assert_same_but_for_the_shape(page, json)
    assert "No server 'nope' is known in group 'web'." in seen(page).words
    assert {"/?environment=prod", "/?environment=prod&server_group=web"} <= set(seen(page).links())


@pytest.mark.parametrize("path", PAGES)
def test_a_bad_parameter_names_what_is_allowed_and_leads_to_the_same_without_it(api: Api, path: str) -> None:
    api.pipeline()
    page, json = both(api, f"{path}?sttus=failed&environment=prod&stale=maybe&_q=x&nonsense=")
    assert (page.status, set(json.json["fields"])) == (400, {"sttus", "stale", "nonsense"})
    assert_same_but_for_the_shape(page, json)
    assert "Allowed are: server_group, server_type, environment," in seen(page).words
    (link,) = [link for link in seen(page).links() if link.startswith("?")]
    assert link == "?environment=prod&_q=x"
    assert ask(api, path + link).status == 200


def test_a_word_that_a_field_cannot_have_names_those_that_it_can(api: Api) -> None:
    page = seen(ask(api, "/?status=syncd&environment=prod"))
    assert "'status' must be synced, out_of_sync, failed or unknown." in page.words
    assert "?environment=prod" in page.links()


def test_a_bad_parameter_alone_leads_to_the_bare_page(api: Api) -> None:
    assert "?" in seen(ask(api, "/problems?sttus=x")).links()


@pytest.mark.parametrize("method", ["PUT", "DELETE", "POST", "BREW", "OPTIONS"])
@pytest.mark.parametrize("path", [*PAGES, "/docs"])
def test_a_method_that_a_page_lacks(api: Api, path: str, method: str) -> None:
    page, json = both(api, path, method)
    assert (page.status, page.headers["Allow"]) == (405, json.headers["Allow"])
    assert_same_but_for_the_shape(page, json)


def test_a_broken_store_says_what_to_do_and_a_reload_heals(api: Api) -> None:
    api.pipeline()
    whole = api.store.read_bytes()
    api.store.write_text('{"version": "2.0", "servers": {')
    for path in PAGES:
        page, json = both(api, path)
        assert page.status == 503
        assert page.response.status.startswith("503 The store status.json is left as it is")
        if json.status == 503:  # `GET /` says to programs what there is, whatever the store does
            assert_same_but_for_the_shape(page, json)
        assert "Whoever runs this service has to mend what the sentence names" in seen(page).words
        assert "" in seen(page).links(), "the same address again"
    api.store.write_bytes(whole)
    for path in PAGES:
        show(api, path)


def test_a_bug_shows_nothing_of_itself(api: Api) -> None:
    def fails() -> str:
        raise RuntimeError("secret insides")

    api.app.add_url_rule("/fails", view_func=fails)
    page, json = both(api, "/fails")
    assert page.status == 500
    assert_same_but_for_the_shape(page, json)
    assert "secret" not in page.response.text


def test_too_many_wrong_tokens(tmp_path: Path) -> None:
    api = Api(tmp_path, auth="all", admin_token=ADMIN_TOKEN)
    wrong = {"Authorization": "Bearer gst_0_0"}
    for _ in range(20):
        assert api.request("GET", "/problems", headers=wrong).status == 401
    page, json = both(api, "/problems", headers=wrong)
    assert (page.status, page.headers["Retry-After"]) == (429, "60")
    assert_same_but_for_the_shape(page, json)


@pytest.mark.parametrize(
    ("path", "fields", "status"),
    [("/login", {"token": "x" * 20_000}, 413), ("/login", {"token": "x"}, 403), ("/logout", {}, 403)],
)
def test_a_form_that_is_refused_is_answered_with_a_page(
    api: Api, path: str, fields: dict[str, str], status: int
) -> None:
    own = OWN if status == 413 else {"Sec-Fetch-Site": "cross-site"}
    page, json = both(api, path, "POST", data=fields, headers=own)
    assert page.status == status
    assert_same_but_for_the_shape(page, json)


API = [
    ("GET", "/status/none", 404), ("GET", "/status?x=1", 400), ("GET", "/status/pipeline", 404), ("GET", "/tokens", 401),
    ("PUT", "/status", 405), ("GET", "/status/web/none", 404), ("DELETE", "/status/web/none", 404), ("GET", "/badge/none/none.json", 404),
    ("GET", "/history?limit=x", 400), ("GET", "/badge/none.svg", 404), ("POST", "/status/cron", 415), ("POST", "/login", 401),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path", "status"), API)
def test_a_route_of_the_api_answers_a_browser_with_json_too(api: Api, method: str, path: str, status: int) -> None:
    page, json = both(api, path, method)
    assert (page.status, page.headers["Content-Type"]) == (status, "application/json")
    assert page.json == json.json


def test_a_form_of_another_site_gets_json_from_a_route_of_the_api(api: Api) -> None:
    answer = api.request("POST", "/status/cron", headers=BROWSER, data={"host": "web-01"})
    assert (answer.status, answer.headers["Content-Type"]) == (415, "application/json")


def test_an_error_is_told_without_a_value_that_may_be_secret(api: Api) -> None:
    page = ask(api, "/?token=gst_0123456789ab_secret&host=x")
    assert page.status == 400
    assert "gst_" not in page.response.text


def test_a_path_that_looks_like_another_host_leads_to_none(api: Api) -> None:
    for path in ("//evil.example/?sttus=1", "//evil.example/", "/\\evil.example", "///problems?sttus=1"):
        for link in Page(ask(api, path).response.text).links():
            assert not link.startswith(("//", "/\\", "http"))
