"""What tests of several rings share: a database, and the agent as one file."""

import gc
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.postgres import fresh_schema, postgres_server
from tests.process.service import ROOT

# How many inputs a property is tried with: each run draws others. No run asserts how long one takes.
settings.register_profile("short", max_examples=20, deadline=None)
settings.register_profile("deep", max_examples=1_000, deadline=None)
settings.load_profile("short")
# What takes long begins first, so that no core idles in the end.
LONG = ["simulation", "random", "schema", "same_answers", "pythons", "integration_examples", "agent_examples"]
LONG += ["board", "filters", "deploy_broken", "submodules_gone", "crashes", "short", "transfer", "deploy_ref"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """In this order pytest-xdist hands out files."""
    turns = {f"test_{name}": turn for turn, name in enumerate(LONG)}
    items.sort(key=lambda item: turns.get(item.path.stem, len(LONG)))


@pytest.fixture(scope="module", autouse=True)
def _what_a_file_of_tests_left_is_not_looked_through_again() -> Iterator[None]:
    """Thousands of services stay alive in a test process, since each wants to be closed at its end."""
    gc.freeze()  # what was collected, and the libraries
    yield
    gc.collect()


@pytest.fixture(scope="session")
def database_server() -> Iterator[str]:
    """The URL of a database: TEST_DATABASE_URL, or a server that is started for these tests."""
    if url := os.environ.get("TEST_DATABASE_URL"):
        yield url
        return
    with postgres_server() as server:
        yield server.url


@pytest.fixture
def database(database_server: str) -> Iterator[str]:
    """The URL of an empty database, as STATUS_STORE takes it."""
    with fresh_schema(database_server) as url:
        yield url


@pytest.fixture(scope="session")
def agent_file() -> Path:
    """The agent as `make agent` builds it and GET /agent hands it out."""
    subprocess.run(["make", "agent"], cwd=ROOT, check=True, capture_output=True)
    return ROOT / "dist/gitops-agent.pyz"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name the Pythons that ran the agent: a machine with few of them proves little."""
    passed = "\n".join(report.nodeid for report in terminalreporter.stats.get("passed", []))
    minors = sorted({int(minor) for minor in re.findall(r"under_every_python\[3\.(\d+)-", passed)})
    if minors:
        terminalreporter.write_line(f"The agent ran under Python {', '.join(f'3.{minor}' for minor in minors)}.")
