"""Whatever text a report holds, each reader gets it as text: escaped where it leaves, stored as it was sent."""

import json
import logging
from typing import Any
from xml.etree import ElementTree

import pytest

from tests.web.api import Api

EVIL = [
    "\"><script>alert(1)</script>", "'-alert(1)-'", "<img src=x onerror=alert(1)>", "</title></svg><script>", "]]><!--", "&lt;b&gt;",
    "{{ 7*7 }}", "{% raw %}", "${7*7}", "%3Cscript%3E", "javascript:alert(1)", "\u202e\u2066evil", "\ufeff\u2028\u2029",
]  # fmt: skip
FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", '=HYPERLINK("http://x","y")', "\t=1", "|calc", "%0A=1"]
TEXTS = ["project_name", "repo_name", "server_type", "environment", "commit_sha", "branch", "updated_by", "commit_message",
         "validation_message"]  # fmt: skip
PAGES = ["/", "/docs", "/problems", "/servers/web/web-01", "/?environment=%22%3E%3Cscript%3E"]


def everywhere(text: str) -> dict[str, Any]:
    """A report that has the text in each field that takes one."""
    return {**dict.fromkeys(TEXTS, text), "status": "failed", "validation_status": "failed", "changed_files": [text]}


@pytest.mark.parametrize("text", EVIL)
def test_no_field_becomes_markup_in_a_page(api: Api, text: str) -> None:
    assert api.pipeline(**everywhere(text)).status == 201
    for path in PAGES:
        answer = api.get(path, accept="text/html")
        if answer.status == 200:
            page = answer.response.text
            for markup in ("<script>alert", "<img src=x", 'href="javascript', "<!--", "</title></svg>"):
                assert markup not in page, path


@pytest.mark.parametrize("text", EVIL + FORMULAS)
def test_json_gives_back_what_was_sent(api: Api, text: str) -> None:
    """A value that a spreadsheet takes for a formula too: JSON is no CSV, and a changed value is a lie."""
    api.pipeline(**everywhere(text))
    record = api.record()
    assert {name: record[name] for name in TEXTS} == dict.fromkeys(TEXTS, text)
    for path in ("/status", "/status/web", "/history", "/status/web/web-01/history"):
        answer = api.get(path)
        assert answer.headers["Content-Type"] == "application/json"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.json[0]["commit_sha"] == text


@pytest.mark.parametrize("text", EVIL)
def test_a_picture_stays_a_picture(api: Api, text: str) -> None:
    """Names alone reach it, and these cannot hold markup; all the rest of a report stays out."""
    api.pipeline(**everywhere(text))
    for path in ("/badge/web.svg", "/badge/web/web-01.svg"):
        picture = api.get(path).response.text
        tags = {element.tag.partition("}")[2] for element in ElementTree.fromstring(picture).iter()}
        assert tags == {"svg", "title", "clipPath", "rect", "g", "text"}
        assert text not in picture


@pytest.mark.parametrize("text", [*EVIL, "a\nb", 'a"b', "a\\b", '"} 1\ngitops_server_problem{host="x'])
def test_a_label_stays_a_label(api: Api, text: str) -> None:
    api.pipeline(server_type=text, environment=text)
    for line in api.get("/metrics").response.data.decode().split("\n"):
        assert not line or line.startswith(("# HELP gitops_", "# TYPE gitops_", "gitops_"))
    assert 'host="x"' not in api.get("/metrics").response.text.replace('\\"', "")


@pytest.mark.parametrize(
    "name", ["a\r\nSet-Cookie: x=1", "a\nb", "é\u2028", "<script>", "a, b", "\x7f", "\U0001f600" * 90]
)
def test_an_unknown_name_cannot_add_a_header(api: Api, name: str) -> None:
    answer = api.pipeline(**{name: 1}, status="synced")
    assert answer.status == 201
    assert "Set-Cookie" not in answer.headers
    assert answer.headers["X-Ignored-Fields"].isascii()
    assert answer.headers["X-Ignored-Fields"].isprintable()


@pytest.mark.parametrize("text", ["x\r\nSet-Cookie: a=b", "x\n\n<script>alert(1)</script>", "\u2028", "<b>"])
def test_an_error_that_names_what_was_sent_names_it_as_json_text(api: Api, text: str) -> None:
    refused = [
        api.pipeline(server_group=text), api.pipeline(host=text), api.pipeline(status=text), api.pipeline(pipeline_url=text),
        api.get("/status?" + "x%0d%0ay=1"), api.get("/history?from=%0d%0a<b>"), api.get("/status/web/%0d%0a<b>"),
        api.get("/badge/%0d%0a.svg"), api.request("B\u00f6W".encode().decode("latin-1"), "/health"),
    ]  # fmt: skip
    for answer in refused:
        assert answer.status in {400, 404, 405}
        assert "\r" not in answer.response.status
        assert "Set-Cookie" not in answer.headers
        assert answer.headers["Content-Type"] == "application/json"


def test_no_report_forges_a_log_line(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    """The texts of a report are not logged at all."""
    with caplog.at_level(logging.INFO):
        api.pipeline(**everywhere("x\n2026-01-01T00:00:00Z ERROR forged"))
        api.pipeline(server_group="x\nforged")
        api.get("/status?host=x%0aforged")
    assert "forged" not in caplog.text


def test_a_file_that_names_markup_is_stored_as_text(api: Api) -> None:
    api.pipeline(**everywhere("<b>"))
    assert json.loads(api.store.read_text())["servers"]["web/web-01"]["branch"] == "<b>"
