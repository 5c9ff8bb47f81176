"""The lock of a store: one thread of one process writes at a time."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import filelock

from domain.errors import Unavailable
from storage.files import explained

LOCK_SECONDS = 10.0
LOCK_POLL_SECONDS = 0.0005


class StoreLock:
    """A lock file beside the store's, which is never deleted, and a lock among the threads that would wait for it."""

    def __init__(self, path: Path, file: Path) -> None:
        self._path = path
        self._file = filelock.FileLock(file, timeout=LOCK_SECONDS, poll_interval=LOCK_POLL_SECONDS, thread_local=False)
        self._alone = threading.Lock()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Alone among all threads and processes. Raises Unavailable."""
        with self._alone:
            with explained(self._path, "locked"):
                try:
                    self._file.acquire()
                except filelock.Timeout:
                    raise Unavailable(
                        f"The store {self._path.name} is locked by another process for over {LOCK_SECONDS:g} seconds."
                    ) from None
            try:
                yield
            finally:
                self._file.release()
