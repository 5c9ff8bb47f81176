"""docs/API.md is true: its table has every route, each has a heading, and each example answers what stands there."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.web.api import Api
from web.base.describe import description_of

CONTRACT = (Path(__file__).parents[2] / "docs/API.md").read_text("utf-8")
ADMIN = "the-admin-token-of-these-examples"
EXAMPLE = re.compile(r"^```http\n(.*?)^HTTP (\d{3})\n(.*?)^```$", re.MULTILINE | re.DOTALL)
MINUTES = 5  # between the changes of the examples
WITHOUT_EXAMPLE = {"GET /agent"}  # what it answers depends on whether the agent was built


@dataclass(frozen=True)
class Message:
    """A request or an answer, as an example shows it."""

    headers: Mapping[str, str]
    body: str


def message(text: str) -> Message:
    head, _, body = text.partition("\n\n") if not text.startswith("\n") else ("", "", text)
    return Message(dict(line.split(": ", 1) for line in head.splitlines()), body.strip())


def shows(shown: Any, actual: Any) -> bool:
    """Whether an example shows what came: `…` stands for any text, and as a member for those that are not shown."""
    if isinstance(shown, dict) and isinstance(actual, dict):
        shown, is_part = {name: value for name, value in shown.items() if name != "…"}, "…" in shown
        is_whole = list(shown) == list(actual)
        return (is_part or is_whole) and all(name in actual and shows(shown[name], actual[name]) for name in shown)
    if isinstance(shown, list) and isinstance(actual, list):
        return len(shown) == len(actual) and all(map(shows, shown, actual))
    if isinstance(shown, str) and isinstance(actual, str):
        pattern = ".*".join(map(re.escape, shown.split("…")))
        return re.fullmatch(pattern, actual, re.DOTALL) is not None
    return bool(shown == actual) and type(shown) is type(actual)


def routes(api: Api) -> dict[str, str]:
    """The scope of each route that is described."""
    with api.app.app_context():
        return {
            method + " " + re.sub(r"<(?:token_)?(\w+)>", r"{\1}", rule.rule): description.scope or "-"
            for rule in api.app.url_map.iter_rules()
            if (description := description_of(rule.endpoint))
            for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        }


@pytest.fixture
def api(tmp_path: Path) -> Api:
    return Api(tmp_path, admin_token=ADMIN)


def test_the_table_has_every_route_with_its_scope(api: Api) -> None:
    rows = re.findall(r"^\| \[`(\w+ /[^`]*)`\]\(#\S+\) \| `?([\w-]+)`? \| .+ \|$", CONTRACT, re.MULTILINE)
    assert len(rows) == len(dict(rows))
    assert dict(rows) == routes(api)


def test_every_route_has_a_heading_and_an_example(api: Api) -> None:
    sections = re.findall(r"^### ((?:GET|POST|PUT|PATCH|DELETE) \S+)\n(.*?)(?=^##)", f"{CONTRACT}\n##", re.M | re.S)
    assert sorted(heading for heading, _ in sections) == sorted(routes(api))
    assert {heading for heading, text in sections if not EXAMPLE.search(text)} == WITHOUT_EXAMPLE


def test_each_example_answers_what_stands_beside_it(api: Api) -> None:
    examples = EXAMPLE.findall(CONTRACT)
    assert len(examples) == CONTRACT.count("```http\n")
    for asked, status, answered in examples:
        (method, path), (request, expected) = (
            asked.split("\n", 1)[0].split(),
            map(message, (asked.split("\n", 1)[1], answered)),
        )
        answer = api.request(method, path, headers=dict(request.headers), data=request.body)
        assert answer.status == int(status), (asked, answer.response.text)
        assert shows({**expected.headers, "…": "…"}, dict(answer.headers)), (asked, answer.headers)
        read: Callable[[str], Any] = (
            json.loads if answer.headers.get("Content-Type") == "application/json" else str.strip
        )
        text = answer.response.text
        assert shows(read(expected.body) if text else expected.body, read(text) if text else ""), (asked, text)
        if method != "GET":
            api.clock.advance(MINUTES * 60)
