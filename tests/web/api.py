"""The service as tests of the routes call it: in this process, over a real file, with a clock that stands still."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flask import Flask
from werkzeug.test import TestResponse

from app import create_app
from config import Settings

ADMIN_TOKEN = "an-admin-token-of-the-tests"
START = 1_777_199_400  # 2026-04-26T10:30:00Z


class Clock:
    """Epoch seconds, moved by hand."""

    def __init__(self) -> None:
        self.now = float(START)

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds


@dataclass(frozen=True)
class Answer:
    """A response whose shape was checked."""

    response: TestResponse

    @property
    def status(self) -> int:
        """The status code."""
        return self.response.status_code

    @property
    def headers(self) -> Any:
        """The headers."""
        return self.response.headers

    @property
    def json(self) -> Any:
        """The body's value."""
        return json.loads(self.response.data)


class Api:
    """The routes, with the one assertion of the error shape made on every answer."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.clock = Clock()
        self.store = folder / "status.json"
        self.app: Flask = create_app(Settings(**{"store": self.store, **settings}), clock=self.clock)
        self._client = self.app.test_client()

    def request(self, method: str, path: str, **options: Any) -> Answer:
        """Any request."""
        answer = Answer(self._client.open(path, method=method, **options))
        if answer.status >= 400 and method != "HEAD":
            is_page = (
                "text/html" in str(options.get("headers")) and answer.headers["Content-Type"] != "application/json"
            )
            (assert_error_page if is_page else assert_error_shape)(answer)
        return answer

    def get(self, path: str, **headers: str) -> Answer:
        """A reading; `accept="…"` and the like become headers."""
        return self.request("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})

    def pipeline(self, body: Any = None, **fields: Any) -> Answer:
        """A pipeline report about web/web-01, unless the fields say otherwise."""
        return self._report("/status/pipeline", body, {"status": "synced", **fields})

    def cron(self, body: Any = None, **fields: Any) -> Answer:
        """A cron report about web/web-01, unless the fields say otherwise."""
        return self._report("/status/cron", body, fields)

    def legacy(self, **fields: Any) -> Answer:
        """A v1 report."""
        return self.request("POST", "/api/status", data=json.dumps(fields))

    def delete(self, path: str) -> Answer:
        """A deletion."""
        return self.request("DELETE", path)

    def record(self, path: str = "/status/web/web-01") -> Any:
        """One full record."""
        answer = self.get(path)
        assert answer.status == 200, answer.json
        return answer.json

    def _report(self, path: str, body: Any, fields: dict[str, Any]) -> Answer:
        if body is None:
            body = {"server_group": "web", "host": "web-01", **fields}
        return self.request("POST", path, data=json.dumps(body), content_type="application/json")


def assert_error_shape(answer: Answer) -> None:
    """Every error is one sentence, one word, and on a 400 the bad fields: nothing else."""
    assert answer.headers["Content-Type"] == "application/json"
    error = answer.json
    assert error.keys() - {"fields"} == {"error", "code"}, error
    assert error["error"].endswith((".", "?", "!")), error
    assert error["code"].replace("_", "").isalpha(), error
    assert error["code"].islower(), error
    if "fields" in error:
        assert answer.status == 400
        assert error["fields"]
        assert all(isinstance(sentence, str) and sentence for sentence in error["fields"].values())
    if answer.status == 405:
        assert answer.headers["Allow"]


def assert_error_page(answer: Answer) -> None:
    """A page that names the status and says one sentence, which the pages' script looks for."""
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    text = answer.response.text
    assert re.findall("<title>([0-9]+) .+ - GitOps Status</title>", text) == [str(answer.status)]
    (sentence,) = re.findall('<p id="error">(.*)</p>', text)
    assert sentence.endswith((".", "?", "!")), sentence
    assert answer.headers["Cache-Control"] == "no-store"
