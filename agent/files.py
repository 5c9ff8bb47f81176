"""Small files that are whole or not there, and locks that end with their process."""

import contextlib
import errno
import fcntl
import json
import os
import shutil
from typing import Any, Iterator

from agent.errors import AgentError, Busy, NoLock

NOTHING_TO_SYNC = (errno.EINVAL, errno.EBADF, errno.ENOTSUP, errno.ENOSYS)  # what some file systems say of a folder


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
    """A rename and a removal last when their folder is on disk, as far as the file system knows of such a thing."""
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    except OSError as error:
        if error.errno not in NOTHING_TO_SYNC:
            raise
    finally:
        os.close(folder)


def make_folder(path: str) -> None:
    """Have a folder that only its owner looks into."""
    try:
        os.makedirs(path, 0o700, exist_ok=True)
    except OSError as error:
        raise AgentError(f"{path} cannot be made: {error.strerror or error}.") from None


@contextlib.contextmanager
def locked(path: str, instead: str) -> Iterator[None]:
    """Alone with a file or folder that is there. Raises Busy at once where another process is.

    The lock is on the thing itself: it ends with the process, however that ends, and leaves no file behind. Where that
    is refused, as by NFS for what is not opened for writing, it is on the file `instead`, which is made, and stays: who
    took it away would let in a second. Raises NoLock where that is refused too.
    """
    try:
        try:
            descriptor = _lock(path, os.O_RDONLY)
        except _Refused:
            make_folder(os.path.dirname(instead))
            descriptor = _lock(instead, os.O_RDWR | os.O_CREAT)
    except BlockingIOError:
        raise Busy(f"Another run works on {path}; this one leaves.") from None
    except _Refused as error:
        raise NoLock(
            f"{path} cannot be locked, nor can {instead}: {error}. Without a lock two runs could work at once: "
            "have one of them on a file system that grants locks."
        ) from None
    try:
        yield
    finally:
        os.close(descriptor)


class _Refused(Exception):
    """The file system has no such lock."""


def _lock(path: str, flags: int) -> int:
    """A descriptor that holds the lock. Raises BlockingIOError where another process holds it."""
    try:
        descriptor = os.open(path, flags, 0o600)
    except OSError as error:
        raise AgentError(f"{path} cannot be opened: {error.strerror or error}.") from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BaseException as error:
        os.close(descriptor)
        if isinstance(error, OSError) and not isinstance(error, BlockingIOError):
            raise _Refused(error.strerror or str(error)) from None
        raise
    return descriptor


@contextlib.contextmanager
def scratch(folder: str) -> Iterator[str]:
    """A folder to make and use, gone afterwards, and before, should a killed run have left it."""
    _remove_folder(folder)
    try:
        yield folder
    finally:
        _remove_folder(folder)


def _remove_folder(folder: str) -> None:
    try:
        shutil.rmtree(folder)
    except FileNotFoundError:
        pass
    except OSError as error:
        raise AgentError(f"{error.filename or folder} cannot be removed: {error.strerror or error}.") from None
