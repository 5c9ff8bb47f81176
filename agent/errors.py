"""What can go wrong, as sentences for an operator, and the exit statuses of every command."""

from typing import Iterable

OK = 0
FAILED = 1  # an update, a hook or a health check failed; `check`: there is drift; `report`: the service refuses it
IMPOSSIBLE = 2  # nothing could be tried: wrong use, wrong config, no git, or nothing to compare with
BUSY = 3  # another run works on the same repository


def overall(statuses: Iterable[int]) -> int:
    """The exit status of several repositories: what could not be tried goes first."""
    found = set(statuses)
    return next((status for status in (IMPOSSIBLE, FAILED, BUSY) if status in found), OK)


class AgentError(Exception):
    """Ends a command with a sentence and an exit status."""

    status = IMPOSSIBLE


class ConfigError(AgentError):
    """The config holds nonsense; the message lists all of it."""


class Busy(AgentError):
    """Another run works on the same repository."""

    status = BUSY


class GitError(AgentError):
    """git failed, or took too long."""
