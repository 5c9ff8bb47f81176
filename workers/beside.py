"""The process that works by the clock, beside the service that starts it and ends it."""

import logging
import os
import subprocess  # nosec B404 # the one program that it starts is this service's own
import sys
import time
from collections.abc import Callable, Sequence

PAUSE_SECONDS = 5.0  # from one start to the next, and before the first: the service comes first
END_SECONDS = 10.0

logger = logging.getLogger("gitops_status")


class Beside:
    """`python -m workers` as a child of this process, of which another is started when it dies."""

    def __init__(
        self,
        monotonic: Callable[[], float] = time.monotonic,
        start: Callable[[Sequence[str]], subprocess.Popen[bytes]] = subprocess.Popen,
        seconds: float = END_SECONDS,
    ) -> None:
        self._monotonic = monotonic
        self._start = start
        self._seconds = seconds  # for what it is in the middle of when it is to end
        self._process: subprocess.Popen[bytes] | None = None
        self._next = monotonic() + PAUSE_SECONDS

    def keep(self) -> None:
        """Start it where none runs. Asked again and again; it costs a look."""
        if (self._process and self._process.poll() is None) or self._monotonic() < self._next:
            return
        if self._process:
            logger.warning("The process that works by the clock has ended; another is started.")
        self._next = self._monotonic() + PAUSE_SECONDS
        try:
            self._process = self._start([sys.executable, "-m", "workers", "--parent", str(os.getpid())])
        except OSError as error:
            logger.warning("The process that works by the clock cannot be started: %s.", error.strerror)

    def end(self) -> None:
        """End it; when it is asked to keep it again, another is started."""
        if not self._process:
            return
        self._process.terminate()
        try:
            self._process.wait(self._seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self._process = None
