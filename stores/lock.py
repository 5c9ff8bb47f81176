"""The lock of a store: one thread of one process writes at a time."""

import math
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import filelock

from domain.errors import Unavailable
from stores.files import explained

LOCK_SECONDS = 4.0  # that others may hold it
LOCK_POLL_SECONDS = 0.0005
MADE = b"A store was made beside this file.\n"


class StoreLock:
    """A lock file beside the store's, the folder that both are in, and a lock among the threads that would wait.

    A lock file can be deleted, by a cleaner of old files say, and two processes then hold two locks of one name, for as
    long as the first of them works. The folder cannot, while the store is in it. The file is locked all the same, for
    services of an older version and for an operator's `flock`.
    """

    def __init__(self, path: Path, file: Path, seconds: float = LOCK_SECONDS) -> None:
        self._path = path
        self._seconds = seconds
        self._beside = file
        self._file = filelock.FileLock(file, poll_interval=LOCK_POLL_SECONDS, thread_local=False)
        self._alone = threading.Lock()
        self.is_waited_for = False  # by whoever has no end to wait until

    @contextmanager
    def held(self, seconds: float | None = None) -> Iterator[None]:
        """Alone among all threads and processes. Raises Unavailable, if the seconds have an end also where others do
        not let go."""
        seconds = self._seconds if seconds is None else seconds
        ends = time.monotonic() + seconds
        if not self._alone.acquire(timeout=-1 if seconds == math.inf else seconds):
            raise self._is_late()
        try:
            self.is_waited_for = seconds == math.inf
            with explained(self._path, "locked"):
                try:
                    self._file.acquire(timeout=-1 if self.is_waited_for else max(0.0, ends - time.monotonic()))
                except filelock.Timeout:
                    raise self._is_late() from None
            try:
                with self._folder_held(ends):
                    self.is_waited_for = False
                    yield
            finally:
                self._file.release()
        finally:
            self._alone.release()

    def is_signed(self) -> bool:
        """Whether a store was made beside the file."""
        with suppress(FileNotFoundError, NotADirectoryError):
            return self._beside.stat().st_size > 0
        return False

    def sign(self) -> None:
        """Note in the file that a store was made beside it: an empty one may be there where none ever was."""
        with self._beside.open("ab") as file:
            if not file.tell():
                file.write(MADE)

    @contextmanager
    def _folder_held(self, ends: float) -> Iterator[None]:
        with explained(self._path, "locked"):
            folder = os.open(self._path.parent, os.O_RDONLY | os.O_CLOEXEC)
        try:
            self._lock_folder(folder, ends)
            yield
        finally:
            os.close(folder)

    def _lock_folder(self, folder: int, ends: float) -> None:
        with explained(self._path, "locked"):
            while not filelock.lock_descriptor(folder, blocking=False):
                if time.monotonic() >= ends:
                    raise self._is_late()
                time.sleep(LOCK_POLL_SECONDS)

    def _is_late(self) -> Unavailable:
        return is_locked(self._path, self._seconds)


def is_locked(path: Path, seconds: float) -> Unavailable:
    """What whoever has waited for the lock in vain says."""
    return Unavailable(f"The store {path.name} is locked by another process for over {seconds:g} seconds.")
