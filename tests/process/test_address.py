"""Whose address a request has under the real gunicorn, which by itself believes whoever is on the same machine."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.process.service import Service, running
from tests.process.wire import answers

SEEN = """
from flask import request
from app import create_app
app = create_app()
app.add_url_rule("/seen", view_func=lambda: [request.remote_addr, request.scheme, request.script_root])
"""


@pytest.fixture(params=["", "10.0.0.0/8", "127.0.0.0/8, 10.0.0.0/8"], ids=["nobody", "others", "this machine"])
def trusting(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Service, bool]]:
    """A service with its own settings and one route more, and whether it trusts who asks here."""
    (tmp_path / "seen.py").write_text(SEEN)
    settings = tmp_path / "settings.py"
    settings.write_text("exec(open('gunicorn.conf.py').read())\nwsgi_app = 'seen:app'\n")
    environment = {
        "STATUS_TRUSTED_PROXIES": request.param,
        "GUNICORN_CMD_ARGS": f"--config {settings} --pythonpath {tmp_path}",
        "FORWARDED_ALLOW_IPS": "*",
    }
    with running(tmp_path, workers=1, environment=environment) as service:
        yield service, "127" in request.param


@pytest.mark.parametrize(
    ("fields", "believed"),
    [
        ("X-Forwarded-For: 192.0.2.7", ["192.0.2.7", "http", ""]),
        ("X-Forwarded-For: 198.51.100.1\r\nX-Forwarded-For: 192.0.2.7, 10.0.0.2", ["192.0.2.7", "http", ""]),
        ("X-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Proto: https", ["192.0.2.7", "https", ""]),
        ("X-Forwarded-Proto: https\r\nX-Forwarded-Ssl: off", ["127.0.0.1", "https", ""]),
        ("X_Forwarded_For: 192.0.2.7\r\nX-Forwarded-Protocol: ssl", ["127.0.0.1", "http", ""]),
        ("SCRIPT_NAME: /seen\r\nForwarded: for=192.0.2.7;proto=https", ["127.0.0.1", "http", ""]),
    ],
)
def test_only_a_proxy_of_the_setting_speaks_for_another(
    trusting: tuple[Service, bool], fields: str, believed: list[str]
) -> None:
    service, is_trusting = trusting
    (answer,) = answers(service, f"GET /seen HTTP/1.1\r\nHost: status\r\n{fields}\r\n\r\n".encode())
    assert answer.json == (believed if is_trusting else ["127.0.0.1", "http", ""])
