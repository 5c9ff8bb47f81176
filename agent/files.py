"""Small files that are whole or not there, and locks that end with their process."""

import contextlib
import fcntl
import json
import os
from typing import Any, Iterator

from agent.errors import AgentError, Busy


def read_json(path: str, default: Any) -> Any:
    """What a file of ours holds, or the default where there is none."""
    try:
        with open(path, encoding="utf-8") as file:
            return json.load(file)
    except FileNotFoundError:
        return default
    except OSError as error:
        raise AgentError(f"{path} cannot be read: {error.strerror or error}. Run the agent as its owner.") from None
    except ValueError as error:
        raise AgentError(f"{path} cannot be understood: {error}. Mend it or remove it.") from None


def write_json(path: str, value: Any, mode: int = 0o644) -> None:
    """Write a value for `read_json`, as `write_text` does."""
    write_text(path, json.dumps(value, indent=2, sort_keys=True) + "\n", mode)


def write_text(path: str, text: str, mode: int = 0o644) -> None:
    """Write a file that is the old one or the new one at every moment, and on disk when this returns."""
    temporary = f"{path}.{os.getpid()}.tmp"
    try:
        make_folder(os.path.dirname(path))
        with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        sync_folder(os.path.dirname(path))
    except OSError as error:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise AgentError(f"{path} cannot be written: {error.strerror or error}.") from None


def sync_folder(path: str) -> None:
    """A rename and a removal last when their folder is on disk."""
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def make_folder(path: str) -> None:
    """Have a folder that only its owner looks into."""
    try:
        os.makedirs(path, 0o700, exist_ok=True)
    except OSError as error:
        raise AgentError(f"{path} cannot be made: {error.strerror or error}.") from None


@contextlib.contextmanager
def locked(path: str) -> Iterator[None]:
    """Alone with a file or folder that is there. Raises Busy at once where another process is.

    The lock is on the thing itself: it ends with the process, however that ends, and leaves no file behind.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError as error:
        raise AgentError(f"{path} cannot be opened: {error.strerror or error}.") from None
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Busy(f"Another run works on {path}; this one leaves.") from None
        yield
    finally:
        os.close(descriptor)
