"""GET /agent."""

from pathlib import Path

import pytest
from flask import Flask

from tests.web.api import Answer, assert_error_shape
from web.api import agent
from web.base import errors


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "gitops-agent.pyz"


@pytest.fixture
def app(file: Path) -> Flask:
    """The route over a file of this test's, as it is the same for every setting."""
    app = Flask(__name__)
    errors.register(app)
    app.register_blueprint(agent.routes(file))
    return app


def test_it_hands_out_the_file_byte_by_byte_under_its_name(app: Flask, file: Path) -> None:
    content = b"#!/usr/bin/env python3\nPK\x03\x04\x00\xff"
    file.write_bytes(content)
    answer = app.test_client().get("/agent")
    assert (answer.status_code, answer.data) == (200, content)
    assert answer.headers["Content-Type"] == "application/zip"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="gitops-agent"'


def test_who_has_it_gets_a_304_until_there_is_another(app: Flask, file: Path) -> None:
    file.write_bytes(b"one")
    tag = app.test_client().get("/agent").headers["ETag"]
    assert app.test_client().get("/agent", headers={"If-None-Match": tag}).status_code == 304
    file.write_bytes(b"two")
    assert app.test_client().get("/agent", headers={"If-None-Match": tag}).data == b"two"


def test_where_it_was_not_built_the_answer_says_how(app: Flask) -> None:
    answer = Answer(app.test_client().get("/agent"))
    assert_error_shape(answer)
    assert (answer.status, answer.json["code"]) == (404, "not_found")
    assert "make agent" in answer.json["error"]
