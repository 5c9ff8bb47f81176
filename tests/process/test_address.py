"""Whose address a request has under the real gunicorn, which by itself believes whoever is on the same machine."""

import contextlib
import functools
from collections.abc import Callable, Iterator

import pytest

from tests.process.service import Service, running
from tests.process.wire import answers

SEEN = """
from flask import request
from app import create_app
app = create_app()
app.add_url_rule("/seen", view_func=lambda: [request.remote_addr, request.scheme, request.script_root])
"""


@pytest.fixture(scope="module")
def trusting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Service]]:
    """A service that trusts these networks, with its own settings and one route more; each is started once."""
    with contextlib.ExitStack() as services:

        @functools.cache
        def started(networks: str) -> Service:
            folder = tmp_path_factory.mktemp("service")
            (folder / "seen.py").write_text(SEEN)
            settings = folder / "settings.py"
            settings.write_text("exec(open('gunicorn.conf.py').read())\nwsgi_app = 'seen:app'\n")
            environment = {
                "STATUS_TRUSTED_PROXIES": networks,
                "GUNICORN_CMD_ARGS": f"--config {settings} --pythonpath {folder}",
                "FORWARDED_ALLOW_IPS": "*",
            }
            return services.enter_context(running(folder, workers=1, environment=environment))

        yield started


@pytest.mark.parametrize(
    "networks",
    [
        pytest.param("", id="nobody"),
        pytest.param("10.0.0.0/8", id="others"),
        pytest.param("127.0.0.0/8, 10.0.0.0/8", id="this machine"),
    ],
)
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
    trusting: Callable[[str], Service], networks: str, fields: str, believed: list[str]
) -> None:
    (answer,) = answers(trusting(networks), f"GET /seen HTTP/1.1\r\nHost: status\r\n{fields}\r\n\r\n".encode())
    assert answer.json == (believed if "127" in networks else ["127.0.0.1", "http", ""])
