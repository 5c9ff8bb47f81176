"""What every answer tells a browser: of every route, of errors, and of static files."""

import re
from typing import Any

import pytest

from tests.web.api import Answer, Api


def every_route(api: Api) -> list[tuple[str, str]]:
    """Each method and path of the OpenAPI document, about a server that is there."""
    paths: dict[str, Any] = api.get("/openapi.json").json["paths"]
    values = {"server_group": "web", "host": "web-01"}
    return [
        (method.upper(), re.sub(r"\{(\w+)\}", lambda name: values.get(name[1], "x"), path))
        for path, methods in paths.items()
        for method in methods
    ]


def assert_safe(answer: Answer) -> None:
    headers = answer.headers
    assert headers.getlist("X-Content-Type-Options") == ["nosniff"]
    (referrer,) = headers.getlist("Referrer-Policy")
    assert referrer in {"no-referrer", "same-origin"}  # other sites learn nothing by either
    (policy,) = headers.getlist("Content-Security-Policy")
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    kind = headers.get("Content-Type", "").split(";")[0]
    assert headers.getlist("Cross-Origin-Resource-Policy") == [
        "cross-origin" if kind.startswith("image/") else "same-origin"
    ]
    assert (kind == "") is (answer.status == 204)  # what has no content has no type
    assert kind in {
        "", "application/json", "text/html", "text/plain", "text/css", "text/javascript", "image/svg+xml",
        "application/zip",
    }  # fmt: skip
    if answer.status >= 400:
        assert headers["Cache-Control"] == "no-store"
        is_page = headers["Content-Type"].startswith("text/html")  # it loads our own files
        assert is_page or policy == "default-src 'none'; frame-ancestors 'none'"


def test_every_route_sends_them_whatever_it_answers(api: Api) -> None:
    routes = every_route(api)
    assert len(routes) > 15
    for method, path in sorted(routes):  # DELETE comes first
        api.pipeline()
        for accept in ("*/*", "text/html"):
            assert_safe(api.request(method, path, headers={"Accept": accept}))
        assert_safe(api.request("BREW", path))


def test_a_picture_is_for_the_pages_of_others_and_its_404_is_not(api: Api) -> None:
    api.pipeline()
    assert api.get("/badge/web.svg").headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert api.get("/badge/web/web-01.svg").headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert api.get("/badge/none.svg").headers["Cross-Origin-Resource-Policy"] == "same-origin"


def test_errors_of_every_kind_and_static_files_send_them(api: Api) -> None:
    def fails() -> str:
        raise RuntimeError

    api.app.add_url_rule("/fails", view_func=fails)
    json = "application/json"
    answers = {
        404: api.get("/nothing"),
        405: api.request("PUT", "/status"),
        400: api.get("/status?nonsense=1"),
        413: api.request("POST", "/status/cron", data=b" " * 10_000_000, content_type=json),
        415: api.request("POST", "/status/cron", data=b"{}"),
        500: api.get("/fails"),
        200: api.request("GET", "/static/style.css", buffered=True),
    }
    api.store.write_text("damaged")
    answers[503] = api.get("/status")
    for status, answer in answers.items():
        assert answer.status == status
        assert_safe(answer)


def test_a_304_and_a_deletion_send_them(api: Api) -> None:
    api.pipeline()
    tag: str = api.get("/status").headers["ETag"]
    for answer in (api.get("/status", If_None_Match=tag), api.delete("/status/web/web-01")):
        assert answer.status in {304, 204}
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("coding", ["gzip", "GZIP", "br", "deflate", "identity, gzip", "x"])
@pytest.mark.parametrize("path", ["/status/pipeline", "/status/cron", "/api/status"])
def test_a_compressed_body_is_a_415_that_says_so(api: Api, path: str, coding: str) -> None:
    headers = {"Content-Encoding": coding, "Content-Type": "application/json"}
    answer = api.request("POST", path, data=b"{}", headers=headers)
    assert (answer.status, answer.json["code"]) == (415, "unsupported_media_type")
    assert "Content-Encoding" in answer.json["error"]
    assert not api.store.exists()


def test_a_form_is_no_report_and_is_never_parsed(api: Api) -> None:
    form = {"server_group": "web", "host": "web-01", "status": "synced"}
    for content_type in ("multipart/form-data", "application/x-www-form-urlencoded"):
        for path in ("/status/pipeline", "/status/cron"):
            assert api.request("POST", path, data=form, content_type=content_type).status == 415
        assert api.request("POST", "/api/status", data=form, content_type=content_type).status == 400
    assert not api.store.exists()
