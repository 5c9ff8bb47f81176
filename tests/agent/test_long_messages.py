"""What a program or the service says at length is shown with its start and its end, which is where the error stands."""

from pathlib import Path
from typing import Any

import pytest

from tests.agent.answers import answering, error
from tests.agent.senders import Sender
from tests.agent.stack import ONCE, Stack

LONG = "echo BEGIN; seq 300; echo FATAL: gone; exit 1"


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        (
            {},
            "make gitopsAll ended with exit code 2: docker-compose down\ndocker-compose pull\ndocker-compose up -d\nBEGIN",
        ),
        ({"before": [LONG]}, "Hook before[0] ended with exit code 1: BEGIN"),
        ({"checksBefore": [{"command": LONG, **ONCE}]}, "Check checksBefore[0] ended with exit code 1: BEGIN"),
    ],
    ids=["make", "a hook", "a check"],
)
def test_the_board_has_start_and_end_of_what_a_failing_program_said(host: Stack, config: Any, sentence: str) -> None:
    host.configure(**config)
    host.on_up("", LONG)
    done = host.deploy()
    assert done.returncode == 1
    message = host.board()["validation_message"]
    assert message.startswith(sentence)
    assert "…" in message
    assert "FATAL: gone" in message[-100:]
    assert "FATAL: gone" in done.stdout


def test_the_log_has_start_and_end_of_what_the_service_said(tmp_path: Path, bare_environment: None) -> None:  # noqa: ARG001
    with answering(error(400, "BEGIN " + "x" * 5_000 + " FATAL: gone.")) as server:
        sender = Sender(tmp_path, server.url)
        assert not sender.send()
    assert "BEGIN x" in sender.lines.text
    assert sender.lines.text.endswith("x FATAL: gone.\n")
    assert len(sender.lines.text) < 1_200
