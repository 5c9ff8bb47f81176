"""What can go wrong, as sentences for an operator, and the exit statuses of every command."""

import contextlib
from typing import Iterable, Iterator

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


class NoLock(AgentError):
    """The file system grants no lock, so nobody can know who else is at work."""


@contextlib.contextmanager
def in_words() -> Iterator[None]:
    """What the system refuses, wherever that is, ends in a sentence too. Raises AgentError."""
    try:
        yield
    except OSError as error:
        what = f"{error.filename}: " if error.filename else "The system refuses something: "
        raise AgentError(f"{what}{error.strerror or error}.") from error
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and "new thread" not in str(error):
            raise
        raise AgentError(f"The system has no room for more: {str(error) or 'out of memory'}.") from error
