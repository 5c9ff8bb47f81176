"""gunicorn's settings for a service on an odd machine: a clock that is set, and a disk that is slow or fails at times.

The service is not changed: what it calls is. `TORTURE` names a folder with what the machine is like at the moment: in
`clock` the seconds by which the clock is wrong, in `disk` how often of a thousand a call fails, and how often it takes long.
"""

import errno
import os
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

MACHINE = Path(os.environ["TORTURE"])
CALLS = ("fsync", "fdatasync", "replace", "open", "write", "pread", "read", "stat", "ftruncate", "unlink")
LONG = 0.3  # seconds
ERRORS = (errno.EIO, errno.ENOSPC, errno.EDQUOT)

_shown = time.time


def _now() -> float:
    try:
        return _shown() + float((MACHINE / "clock").read_text() or 0)
    except FileNotFoundError:
        return _shown()


def _odd(call: Callable[..., Any], is_change: bool) -> Callable[..., Any]:
    def odd(*arguments: Any, **options: Any) -> Any:
        try:
            words = (MACHINE / "disk").read_text().split()  # by none of the calls that are odd
            fails, takes_long = map(int, words or (0, 0))
        except FileNotFoundError:
            fails = takes_long = 0
        if takes_long > random.randrange(1_000):
            time.sleep(random.random() * LONG)
        if is_change and fails > random.randrange(1_000):
            number = random.choice(ERRORS)
            raise OSError(number, os.strerror(number))
        return call(*arguments, **options)

    return odd


time.time = _now
for name in CALLS:
    setattr(os, name, _odd(getattr(os, name), name in {"fsync", "fdatasync", "replace", "ftruncate"}))
exec(Path("gunicorn.conf.py").read_text())
