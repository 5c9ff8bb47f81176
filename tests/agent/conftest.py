"""What tests of the agent share: the agent itself, and a service to report to."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.agent.agents import Agent
from tests.agent.servers import Server
from tests.agent.stack import Stack, stack
from tests.process.service import Service, free_port, running


@pytest.fixture
def agent(tmp_path: Path) -> Agent:
    """The agent, with its HOME and state in this test's folder."""
    return Agent(tmp_path)


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service that all tests report to, so each needs server groups of its own (`group`)."""
    with running(tmp_path_factory.mktemp("service"), workers=1) as service:
        yield service


@pytest.fixture
def group(request: pytest.FixtureRequest) -> str:
    """A server group of this test only."""
    return "".join(letter if letter.isalnum() else "-" for letter in request.node.name)[:200]


@pytest.fixture
def server(tmp_path: Path, agent: Agent, service: Service, group: str) -> Server:
    """A server with a clone of its own, on the board as `group`/web1."""
    return Server(tmp_path, agent, service, group)


@pytest.fixture
def host(tmp_path: Path, agent: Agent, service: Service, group: str) -> Stack:
    """A compose host of which nothing was deployed yet, reporting as h1 of this test's group."""
    return stack(tmp_path, agent, service.url, group)


@pytest.fixture
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No token and no proxy of the tester's, for an agent in this process."""
    for name in ("STATUS_TOKEN", "http_proxy", "HTTP_PROXY", "https_proxy", "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def no_url() -> str:
    """An address where nobody listens."""
    return f"http://127.0.0.1:{free_port()}"
