"""The agent on a system that refuses a call, as some do: `python -m tests.agent.odd_system KIND arguments`.

Its file system locks only what is opened for writing (`nfs`, EBADF), or nothing (`lockless`, ENOLCK), syncs no folder
(`syncless`, EINVAL) or lists none (`worn`, EIO); it lets nobody end what is another's (`guarded`, EPERM). In a process of
its own, as no such system can be had everywhere.
"""

import errno
import fcntl
import os
import stat
import sys
from collections.abc import Callable
from typing import Any

from agent.__main__ import main

flock, fsync, listdir = fcntl.flock, os.fsync, os.listdir


def _refuse(number: int, *about: str) -> None:
    raise OSError(number, os.strerror(number), *about)


def _nfs(descriptor: int, operation: int) -> None:
    if fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY:
        _refuse(errno.EBADF)
    flock(descriptor, operation)


def _lockless(_descriptor: int, _operation: int) -> None:
    _refuse(errno.ENOLCK)


def _syncless(descriptor: int) -> None:
    if stat.S_ISDIR(os.fstat(descriptor).st_mode):
        _refuse(errno.EINVAL)
    fsync(descriptor)


def _worn(path: Any = ".") -> None:
    _refuse(errno.EIO, path)


def _guarded(_group: int, _signal: int) -> None:
    _refuse(errno.EPERM)


KINDS: dict[str, tuple[Any, str, Callable[..., None]]] = {
    "nfs": (fcntl, "flock", _nfs),
    "lockless": (fcntl, "flock", _lockless),
    "syncless": (os, "fsync", _syncless),
    "worn": (os, "listdir", _worn),
    "guarded": (os, "killpg", _guarded),
}

if __name__ == "__main__":
    setattr(*KINDS[sys.argv[1]])
    sys.exit(main(sys.argv[2:]))
