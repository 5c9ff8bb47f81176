"""Who leads: one process of the whole installation does what goes by the clock."""

import fcntl
import os
from pathlib import Path
from typing import Protocol

from stores.files import explained


class Leadership(Protocol):
    """The lead, which one process at a time has. It ends with the process that has it, however that ends."""

    def is_held(self) -> bool:
        """Whether this process leads, which it tries to where nobody does. Asked before each piece of work: what was
        lost may be another's. Raises Unavailable where that cannot be told."""

    def close(self) -> None:
        """Give it away."""


class FileLeadership:
    """A lock on a file beside the store's, which the system lets go with the process.

    A cleaner may delete the file while a process leads, and the next to come locks another of that name: so who leads
    looks whether the file is still the one that it locked.
    """

    def __init__(self, store: Path) -> None:
        store = store.resolve()
        self._path = store.with_name(f"{store.name}.workers")
        self._descriptor: int | None = None

    def is_held(self) -> bool:
        with explained(self._path, "locked", "file"):
            if self._descriptor is not None and not self._is_the_one(self._descriptor):
                self.close()
            if self._descriptor is None:
                self._descriptor = self._locked()
            return self._descriptor is not None

    def close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _locked(self) -> int | None:
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        return descriptor

    def _is_the_one(self, descriptor: int) -> bool:
        try:
            return os.path.samestat(os.fstat(descriptor), self._path.stat())
        except FileNotFoundError:
            return False
