"""A real service for tests: gunicorn with its own settings file, on a free port, over a folder of the test's."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import requests

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 20


@dataclass(frozen=True)
class Service:
    """A running service: its base URL, its store file, what it printed so far, and its process group."""

    url: str
    store: Path
    log: Path
    process: subprocess.Popen[bytes]

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the gunicorn master; SIGKILL goes to the whole group, as a power cut would."""
        if number == signal.SIGKILL:
            os.killpg(self.process.pid, number)
        else:
            self.process.send_signal(number)

    def stop(self) -> int:
        """Stop gracefully and give the exit status."""
        self.process.terminate()
        return self.process.wait(timeout=START_SECONDS)


def free_port() -> int:
    """A port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def running(
    folder: Path, *, workers: int = 2, port: int | None = None, environment: dict[str, str] | None = None
) -> Iterator[Service]:
    """Start the service with its store at `folder/status.json`, wait until it answers, and reap it at the end."""
    port = port or free_port()
    store, log = folder / "status.json", folder / "service.log"
    settings = {
        "PATH": os.environ["PATH"],
        "STATUS_STORE": str(store),
        "WEB_CONCURRENCY": str(workers),
        **(environment or {}),
    }
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", "--bind", f"127.0.0.1:{port}"],
            cwd=ROOT, env=settings, stdout=output, stderr=output, start_new_session=True,
        )  # fmt: skip
    service = Service(f"http://127.0.0.1:{port}", store, log, process)
    try:
        try:
            wait_until_it_answers(f"{service.url}/health", process)
        except RuntimeError as error:
            raise RuntimeError(f"{error}\n{log.read_text()}") from None
        yield service
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def wait_until_it_answers(url: str, process: subprocess.Popen[bytes]) -> None:
    """Return once the URL is answered by whatever status. Raises RuntimeError if the process ends first."""
    deadline = time.monotonic() + START_SECONDS
    while True:
        with contextlib.suppress(requests.ConnectionError):
            requests.get(url, timeout=START_SECONDS)
            return
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError("The service did not start.")
        time.sleep(0.02)
