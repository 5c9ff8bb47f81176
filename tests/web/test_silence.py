"""No error says what the service is made of: no path, no library, no version, no traceback."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.process.service import ROOT
from tests.web.api import Answer, Api

PINNED = re.findall(r"^([\w-]+)==", (ROOT / "requirements.txt").read_text(), re.MULTILINE)
INSIDES = re.compile(
    rf"Traceback|\bFile \"|\.py\b|line \d+, in|site-packages|python|0x[0-9a-f]{{6}}|\b({'|'.join(PINNED)})\b",
    re.IGNORECASE,
)
JSON = "application/json"


def errors(api: Api) -> Iterator[Answer]:
    """One of each kind."""
    body = {"server_group": "web", "host": "web-01", "status": "synced"}
    for content in (b"{", b"\xff", b"[]", b'{"a":1,"a":2}', b"[" * 100_000, b"NaN", b'"\\ud800"'):
        for path in ("/status/pipeline", "/status/cron", "/api/status"):
            yield api.request("POST", path, data=content, content_type=JSON)
    yield api.request("POST", "/status/cron", data=b" " * 9_000_000, content_type=JSON)
    yield api.request("POST", "/status/cron", data=b"{}")
    yield api.request("POST", "/status/cron", data=b"{}", content_type=JSON, headers={"Content-Encoding": "gzip"})
    yield api.pipeline({**body, "host": 5, "changed_files": {}, "pipeline_url": "x"})
    yield api.pipeline([body, 5, {**body, "check_interval": "x"}])
    for path in ("/nothing", "/status/web/none", "/static/none", "/badge/none.svg", "/%00", "/history?from=x&to=y",
                 "/status?stale=x&limit=0&offset=-1&seen_after=x&x=1", "/history/summary?step=0"):  # fmt: skip
        yield api.get(path)
    for method in ("PUT", "BREW", "TRACE"):
        yield api.request(method, "/status")


def assert_silent(answer: Answer, folder: Path) -> None:
    shown = f"{answer.response.status}\n{answer.headers}\n{answer.response.text}"
    assert answer.status >= 400
    assert not INSIDES.search(shown), shown
    assert str(folder) not in shown
    assert str(ROOT) not in shown


def test_no_refusal_says_what_is_inside(api: Api) -> None:
    found = list(errors(api))
    assert {answer.status for answer in found} == {400, 404, 405, 413, 415}
    for answer in found:
        assert_silent(answer, api.store.parent)


@pytest.mark.parametrize("path", ["/status", "/ready", "/status/web/web-01", "/history", "/badge/web.svg", "/groups"])
@pytest.mark.parametrize(
    "damage", ["{", '{"version": "9.0"}', "null", '{"version":"2.0","servers":{"a":5}}', "\x00\xff"]
)
def test_no_damage_of_the_file_says_where_it_is(api: Api, path: str, damage: str) -> None:
    api.pipeline()
    api.store.write_text(damage)
    answer = api.get(path)
    assert answer.status == 503
    assert_silent(answer, api.store.parent)


def test_no_bug_says_what_failed(api: Api) -> None:
    def fails() -> str:
        raise ValueError(f"{ROOT}/stores/json_file/store.py flask 3.1.3")

    api.app.add_url_rule("/fails", view_func=fails)
    answer = api.get("/fails")
    assert answer.status == 500
    assert_silent(answer, api.store.parent)
