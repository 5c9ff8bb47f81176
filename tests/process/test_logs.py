"""What a real service prints: a line a request with what an operator needs, and nothing that is secret."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.process.service import Service, running

JSON_LINES = {"STATUS_LOG_FORMAT": "json"}
SECRETS = {"Authorization": "Bearer secret-1", "X-API-Key": "secret-2", "Cookie": "session=secret-3"}
TEXT_LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ (INFO|WARNING|ERROR) \S.*")


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running(tmp_path_factory.mktemp("text"), workers=1) as service:
        yield service


@pytest.fixture(scope="module")
def structured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running(tmp_path_factory.mktemp("json"), workers=1, environment=JSON_LINES) as service:
        yield service


class Printed:
    """What a service prints from now on."""

    def __init__(self, service: Service) -> None:
        self._log = service.log
        self._start = service.log.stat().st_size

    def lines(self) -> list[str]:
        return self._log.read_bytes()[self._start :].decode().splitlines()


def report(host: str) -> dict[str, str]:
    return {"server_group": "logs", "host": host, "status": "synced", "commit_message": "secret-4"}


def ask(service: Service, method: str, path: str, **more: Any) -> int:
    answer = requests.request(method, service.url + path, timeout=10, **more)
    return answer.status_code


def test_a_request_leaves_one_line_with_method_path_status_duration_and_server(text: Service) -> None:
    printed = Printed(text)
    assert ask(text, "POST", "/status/pipeline", json=report("h-01")) == 201
    assert ask(text, "POST", "/status/cron", json=report("h-01")) == 200
    assert ask(text, "POST", "/api/status", json={"server": "old-lab"}) == 200
    assert ask(text, "GET", "/status/logs/h-01") == 200
    assert ask(text, "GET", "/status/logs/none") == 404
    assert ask(text, "GET", "/summary") == 200
    assert ask(text, "PUT", "/summary") == 405
    assert [re.sub(r"^\S+ INFO (.*) \d+\.\dms ", r"\1 ", line) for line in printed.lines()] == [
        "POST /status/pipeline 201 logs/h-01",
        "POST /status/cron 200 logs/h-01",
        "POST /api/status 200 old-lab/old-lab",
        "GET /status/logs/h-01 200 logs/h-01",
        "GET /status/logs/none 404 logs/none",
        "GET /summary 200 -",
        "PUT /summary 405 -",
    ]
    assert all(TEXT_LINE.fullmatch(line) for line in printed.lines())


def test_in_json_every_line_is_an_object_and_a_request_has_its_parts_as_members(structured: Service) -> None:
    printed = Printed(structured)
    assert ask(structured, "POST", "/status/pipeline", json=report("json-01")) == 201
    (line,) = map(json.loads, printed.lines())
    parts = {"level": "INFO", "method": "POST", "path": "/status/pipeline", "status": 201, "server": "logs/json-01"}
    assert {name: line[name] for name in parts} == parts
    assert isinstance(line["duration_ms"], float)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", line["time"])
    for whole in structured.log.read_text().splitlines():
        assert {"time", "level", "message"} <= json.loads(whole).keys(), "gunicorn's own lines have the same form"


@pytest.mark.parametrize("form", ["text", "structured"])
def test_no_query_no_body_and_no_secret_header_is_printed(request: pytest.FixtureRequest, form: str) -> None:
    service: Service = request.getfixturevalue(form)
    printed = Printed(service)
    body = report("quiet-01")
    for path in ("/status/pipeline?token=secret-5", "/status/cron?token=secret-5", "/api/status?token=secret-5"):
        ask(service, "POST", path, json=body, headers=SECRETS)
        ask(service, "POST", path, json={**body, "status": "secret-6", "host": "secret-7?"}, headers=SECRETS)
        ask(service, "GET", path, headers=SECRETS)
    assert ask(service, "GET", "/status?host=secret-8&secret-9=1", headers=SECRETS) == 400
    assert len(printed.lines()) == 10
    assert "secret" not in "".join(printed.lines())


@pytest.mark.parametrize("form", ["text", "structured"])
@pytest.mark.parametrize(
    "path", ["/status/a%0a2026-01-01T00:00:00Z%20ERROR%20forged", "/status/a%0D%0Ab/c%1b[31m%E2%80%A8"]
)
def test_a_hostile_path_makes_one_line_and_nothing_that_a_terminal_obeys(
    request: pytest.FixtureRequest, form: str, path: str
) -> None:
    service: Service = request.getfixturevalue(form)
    printed = Printed(service)
    assert ask(service, "GET", path) == 404
    (line,) = printed.lines()
    assert line.isprintable()
    assert line.isascii()


@pytest.mark.parametrize("form", ["text", "structured"])
def test_a_503_leaves_one_line_with_the_cause_beside_that_of_the_request(
    request: pytest.FixtureRequest, form: str
) -> None:
    service: Service = request.getfixturevalue(form)
    assert ask(service, "POST", "/status/pipeline", json=report("broken-01")) in (200, 201)
    content = service.store.read_bytes()
    printed = Printed(service)
    service.store.write_text('{"broken":\n')
    try:
        assert ask(service, "GET", "/status") == 503
    finally:
        service.store.write_bytes(content)
    cause, access = printed.lines()
    assert "ERROR" in cause
    assert "The store status.json is left as it is" in cause
    assert "GET /status 503" in access
    assert ask(service, "GET", "/status") == 200


def test_without_the_access_log_requests_are_silent_and_errors_are_not(tmp_path: Path) -> None:
    with running(tmp_path, workers=1, environment={"STATUS_ACCESS_LOG": "off"}) as service:
        printed = Printed(service)
        assert ask(service, "POST", "/status/pipeline", json=report("h-01")) == 201
        assert ask(service, "GET", "/nothing") == 404
        assert printed.lines() == []
        service.store.write_text("broken")
        assert ask(service, "GET", "/status") == 503
        (cause,) = printed.lines()
        assert "ERROR The store status.json is left as it is" in cause
