"""An address that the service cannot have: the log says what to do where it is taken, and only there."""

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.process.service import ROOT, wait_until

HINT = re.compile(r"Another program listens there; choose another address: (BIND=\S+ make run)$", re.MULTILINE)


def said_of(address: str, folder: Path, until: str) -> str:
    """What a start on an address logs, up to some words."""
    log, store = folder / "log", folder / "status.json"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", "--bind", address],
            cwd=ROOT, env={"PATH": os.environ["PATH"], "STATUS_STORE": str(store)},
            stdout=output, stderr=output,
        )  # fmt: skip
    try:
        wait_until(lambda: until in log.read_text(), f"the log says {until}")
    finally:
        process.kill()
        process.wait()
    return log.read_text()


def test_a_taken_address_is_said_with_the_way_to_choose_another(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        said = said_of(f"127.0.0.1:{port}", tmp_path, "failed: ")
    assert f"Connection in use: ('127.0.0.1', {port}). " in said
    hint = HINT.search(said)
    assert hint
    planned = subprocess.run(["sh", "-c", f"{hint[1]} --dry-run"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert re.search(r"gunicorn --bind 127\.0\.0\.1:5001$", planned.stdout, re.MULTILINE)


@pytest.mark.parametrize("address", ["192.0.2.1:5000", "unix:/none/of/these/socket"])
def test_an_address_that_cannot_be_had_otherwise_is_not_said_to_be_taken(tmp_path: Path, address: str) -> None:
    said = said_of(address, tmp_path, "failed: ")
    assert "make run" not in said
