"""Every JSON reading fits Grafana's Infinity datasource, whatever is in the store."""

import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, Response

from domain.texts import TIME_PATTERN
from tests.web.api import Answer, Api
from tests.web.infinity import TIMES, assert_infinity_safe

NO_DATA = {"/openapi.json", "/tokens", "/workers"}  # for programs, and for who runs the service: no panel reads them
LISTS = {
    "/status/{server_group}/{host}": {"changed_files"},
    "/status/{server_group}/{host}/history": {"changed_files"},
    "/api/status": {"deployed_files", "drifted_files"},  # the shape of v1
}
HOSTILE = [
    "", "0", "1e999", "NaN", "null", "true", "2026-04-26 10:30:00+00:00", "Sun, 26 Apr 2026 10:30:00 GMT", "a.b,c",
    "\"quoted\" 'text' \\ {a,b} [1] ${__timeFrom} $__all", "<script>alert(1)</script>", "ümläut 日本 😀\n\ttab", "x" * 1_024,
]  # fmt: skip


def described() -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        found: dict[str, Any] = Api(Path(folder)).get("/openapi.json").json
        return found


DOCUMENT = described()
READINGS = {
    path: {parameter["name"] for parameter in methods["get"]["parameters"]}
    for path, methods in DOCUMENT["paths"].items()
    if "application/json" in methods.get("get", {}).get("responses", {}).get("200", {}).get("content", {})
}


def fill_with_nothing(_: Api) -> None:
    """A service that was just set up."""


def fill_with_one_server(api: Api) -> None:
    """One server that a cron report made: no pipeline was ever seen, and no interval named."""
    api.cron()


def fill_with_many_servers(api: Api) -> None:
    """Servers of every status, with and without each kind of report; one drifts, one is stale, one goes."""
    words = ["synced", "out_of_sync", "failed", "unknown"]
    api.pipeline(
        [{"server_group": "web", "host": f"web-{number:02}", "status": words[number % 4]} for number in range(40)]
    )
    api.cron([{"server_group": "web", "host": f"web-{number:02}", "check_interval": 60} for number in range(20)])
    api.clock.advance(1_000)
    api.cron([{"server_group": "db", "host": f"db-{number:02}", "changed_files": ["/etc/a"]} for number in range(20)])
    api.pipeline(commit_sha="abc", validation_status="failed", pipeline_url="https://ci.example.com/1")
    api.delete("/status/web/web-39")


def fill_with_hostile_texts(api: Api) -> None:
    """Servers whose texts look like numbers, times, lists, markup and what Grafana would fill in."""
    names = (
        "project_name", "repo_name", "server_type", "environment", "branch", "updated_by", "commit_sha",
        "commit_message", "validation_message",
    )  # fmt: skip
    for number, text in enumerate(HOSTILE, start=1):
        host, files = f"web-{number:02}", [text] if text else []
        texts = dict.fromkeys(names, text)
        assert api.pipeline(host=host, changed_files=files, **texts).status == 201
        api.clock.advance(10)
        assert api.cron(host=host, changed_files=["/etc/" + file for file in files]).status == 200


STORES = [fill_with_nothing, fill_with_one_server, fill_with_many_servers, fill_with_hostile_texts]


@pytest.mark.parametrize("fill", STORES, ids=lambda fill: fill.__name__)
@pytest.mark.parametrize("path", sorted(READINGS.keys() - NO_DATA))
def test_a_reading_fits_the_datasource(api: Api, path: str, fill: Any) -> None:
    fill(api)
    url = path.format(server_group="web", host="web-01")
    if path == "/values":
        url += "?field=commit_sha"
    if fill is fill_with_nothing and "{" in path:
        assert api.get(url).status == 404  # no panel asks for a server by its path
        return
    for asked in [url, f"{url}?from=24h"] if "from" in READINGS[path] else [url]:
        assert_infinity_safe(api.get(asked), LISTS.get(path, ()))


def test_the_readings_are_those_of_the_document() -> None:
    assert READINGS.keys() >= {
        "/status",
        "/summary",
        "/groups",
        "/values",
        "/history",
        "/history/summary",
        "/events",
        *LISTS,
        *NO_DATA,
    }


def test_every_time_of_the_document_is_held_to_be_one() -> None:
    times = {
        name
        for schema in DOCUMENT["components"]["schemas"].values()
        for name, field in schema.get("properties", {}).items()
        if json.dumps(TIME_PATTERN) in json.dumps(field)
    }
    assert times == TIMES | {"created", "expires", "last_used", "last_run"}  # these of a token and a worker


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (204, ""), (304, ""), (200, ""), (200, "\n"), (404, "[]"),
        (200, "[1]"), (200, '[{"a": 1}, {"b": 1}]'), (200, '[{"a": 1}, {}]'),
        (200, '[{"a": 1}, {"a": "1"}]'), (200, '[{"a": true}, {"a": 1}]'), (200, '[{"a": 1}, {"a": null}]'),
        (200, '[{"a": [1]}]'), (200, '{"a": {"b": 1}}'), (200, '{"files": [1]}'), (200, '{"a.b": 1}'),
        (200, '{"a": NaN}'), (200, '{"a": -Infinity}'),
        (200, '{"time": "Fri, 02 Jan 2026 10:00:00 GMT"}'), (200, '{"time": "2026-01-02 10:00:00+00:00"}'),
        (200, '{"time": "2026-01-02T10:00:00"}'),
    ],
)  # fmt: skip
def test_what_breaks_a_panel_is_noticed(status: int, body: str) -> None:
    with pytest.raises(AssertionError):
        assert_infinity_safe(answered(status, body), {"files"})


@pytest.mark.parametrize(
    "body",
    [
        "[]", '{"a": 1}', '[{"a": 1}, {"a": 1.5}]', '[{"a": "x"}, {"a": null}]', '[{"check_interval": 1}, {"check_interval": null}]',
        '[{"time": null}, {"time": "2026-01-02T10:00:00Z"}]', '{"files": ["a"]}',
    ],
)  # fmt: skip
def test_what_a_panel_shows_is_let_through(body: str) -> None:
    assert_infinity_safe(answered(200, body), {"files"})


def answered(status: int, body: str) -> Answer:
    app = Flask(__name__)
    app.add_url_rule("/", view_func=lambda: Response(body, status, mimetype="application/json"))
    return Answer(app.test_client().get("/"))
