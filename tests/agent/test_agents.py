"""The command itself."""

from agent import __version__
from tests.agent.agents import Agent


def test_it_says_its_version(agent: Agent) -> None:
    done = agent("--version")
    assert (done.returncode, done.stdout) == (0, f"{__version__}\n")


def test_without_a_command_it_says_how_it_is_used(agent: Agent) -> None:
    done = agent()
    assert done.returncode == 2
    assert "usage: gitops-agent" in done.stderr
