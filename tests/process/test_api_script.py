"""test_api.sh: green on the real service, which it leaves as it was, and red, with a reason, on anything else."""

import json
import os
import re
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.process.service import ROOT, free_port, running

ADMIN_TOKEN = "an-admin-token-of-the-tests"


def walk(url: str, token: str = "") -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "BASE_URL": url, "STATUS_TOKEN": token}
    return subprocess.run(
        [ROOT / "test_api.sh"], env=environment, capture_output=True, text=True, check=False, timeout=60
    )


class AlwaysFine(BaseHTTPRequestHandler):
    """Answers 200 and `{}`, whatever is asked."""

    def do_GET(self) -> None:
        """Read what was sent and say that all is well."""
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
        """Print nothing."""


@pytest.fixture
def wrong_server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), AlwaysFine) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@dataclass(frozen=True)
class Walk:
    """What the script printed on a service in use, and what was there before and after it."""

    done: subprocess.CompletedProcess[str]
    log: str
    paths: dict[str, dict[str, Any]]
    before: list[Any]
    after: list[Any]


@pytest.fixture(scope="module", params=["open", "all"])
def walked(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest, agent_file: Path) -> Walk:  # noqa: ARG001 built
    """One walk, with a token, over a service that knows a server of each dialect."""
    legacy = {"repo": "rsyslog", "server": "rsyslog-lab", "sync_status": "SYNCED", "drift_count": 0}
    report = {"server_group": "nginx-prod", "host": "nginx-01", "status": "failed"}
    settings = {"STATUS_AUTH": request.param, "STATUS_LEGACY_AUTH": "token", "STATUS_ADMIN_TOKEN": ADMIN_TOKEN}
    with running(tmp_path_factory.mktemp("service"), environment=settings) as service:
        headers = {"X-API-Key": ADMIN_TOKEN}
        get = partial(requests.get, headers=headers, timeout=60)
        for path, body in (("/api/status", legacy), ("/status/pipeline", report)):
            requests.post(service.url + path, json=body, headers=headers, timeout=60).raise_for_status()
        readings = ("/status", "/summary", "/api/status")
        before = [get(service.url + path).json() for path in readings]
        done = walk(service.url + "/", ADMIN_TOKEN)
        after = [get(service.url + path).json() for path in readings]
        assert json.loads(service.store.read_text())["servers"].keys() == {
            "rsyslog-lab/rsyslog-lab",
            "nginx-prod/nginx-01",
        }
        paths = get(service.url + "/openapi.json").json()["paths"]
        return Walk(done, service.log.read_text(), paths, before, after)


def test_it_passes_on_a_service_in_use(walked: Walk) -> None:
    assert walked.done.returncode == 0, walked.done.stdout
    assert walked.done.stderr == ""
    checks = re.findall(r"^ok {4}.+", walked.done.stdout, re.MULTILINE)
    assert walked.done.stdout.endswith(f"\n{len(checks)} passed, 0 failed\n")


def test_it_leaves_a_live_service_as_it_was(walked: Walk) -> None:
    assert walked.after == walked.before


def test_it_asks_every_route_of_the_openapi_document(walked: Walk) -> None:
    for path, operations in walked.paths.items():
        pattern = re.sub(r"\{\w+\}", "[^/ ]+", path)
        for method in {"get", "post", "delete"} & operations.keys():
            assert re.search(rf" {method.upper()} {pattern} [23]\d\d ", walked.log), f"{method} {path}"


def test_it_walks_an_open_service_without_a_token(tmp_path: Path) -> None:
    with running(tmp_path) as service:
        done = walk(service.url)
    assert done.returncode == 0, done.stdout
    assert "STATUS_TOKEN is not set" in done.stdout


def test_it_says_what_it_expected_of_a_server_that_answers_wrongly(wrong_server: str) -> None:
    done = walk(wrong_server)
    assert done.returncode != 0
    assert 'FAIL  GET /health\n      expected: "status":"ok" in the body\n      got:      {}\n' in done.stdout
    assert "FAIL  POST /status/pipeline\n      expected: status 201\n      got:      status 200: {}\n" in done.stdout
    failed = done.stdout.count("\nFAIL  ")
    assert failed > 50
    assert done.stdout.endswith(f" passed, {failed} failed\n")


def test_it_says_so_when_nobody_answers() -> None:
    done = walk(f"http://127.0.0.1:{free_port()}")
    assert done.returncode != 0
    assert re.search(r"FAIL  GET /health\n +expected: an answer\n +got: +curl: \(7\)", done.stdout)
    assert done.stdout.endswith("\n0 passed, 1 failed\n")
