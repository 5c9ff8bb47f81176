"""The programs that are measured, each started on a free port and killed at the end."""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.process.service import ROOT, free_port, wait_until_it_answers

WORKERS = 2
START_SECONDS = 120  # a worker reads a million servers first


@dataclass(frozen=True)
class Program:
    """A running program: where it answers, its process, and how long it took until it answered."""

    url: str
    process: subprocess.Popen[bytes]
    seconds_to_ready: float

    def memory(self, what: str = "VmRSS") -> float:
        """The resident memory of its largest process, in MB; at its peak if `what` is VmHWM (proc(5))."""
        master = self.process.pid
        children = Path(f"/proc/{master}/task/{master}/children").read_text().split()
        said = [Path(f"/proc/{pid}/status").read_text() for pid in [str(master), *children]]
        return max(int(re.findall(rf"{what}:\s+(\d+) kB", text)[0]) for text in said) * 1_024 / 1e6


def service(folder: Path, **settings: str) -> contextlib.AbstractContextManager[Program]:
    """The service itself, its store in the folder."""
    return _gunicorn("app:app", folder / "status.json", "/ready", settings)


def bare(ready: Path) -> contextlib.AbstractContextManager[Program]:
    """Flask and nothing else; its GET answers the bytes of a file."""
    return _gunicorn("bench.peers:bare()", ready, "/health", {"STATUS_WORKERS": "off"})


def obvious(folder: Path) -> contextlib.AbstractContextManager[Program]:
    """The program that everybody writes first, its store in the folder."""
    return _gunicorn("bench.peers:obvious()", folder / "obvious.json", "/health")


def _gunicorn(
    application: str, store: Path, ready: str, settings: Mapping[str, str] | None = None
) -> contextlib.AbstractContextManager[Program]:
    """An application under the service's own gunicorn settings, without a line a request."""
    port = free_port()
    environment = {"STATUS_STORE": str(store), "STATUS_ACCESS_LOG": "off", "WEB_CONCURRENCY": str(WORKERS)}
    environment |= settings or {}
    command = [sys.executable, "-m", "gunicorn", "--bind", f"127.0.0.1:{port}", application]
    return _running(command, f"http://127.0.0.1:{port}", ready, environment)


@contextlib.contextmanager
def pushgateway() -> Iterator[Program | None]:
    """Prometheus' Pushgateway as Debian packs it, with its defaults; None where it is not installed."""
    binary = shutil.which("prometheus-pushgateway")
    if not binary:
        yield None
        return
    port = free_port()
    with _running(
        [binary, f"--web.listen-address=127.0.0.1:{port}"], f"http://127.0.0.1:{port}", "/-/ready"
    ) as program:
        yield program


@contextlib.contextmanager
def etcd() -> Iterator[Program | None]:
    """etcd as Debian packs it, one member with its defaults; None where it is not installed."""
    binary = shutil.which("etcd")
    if not binary:
        yield None
        return
    client, peer = (f"http://127.0.0.1:{free_port()}" for _ in range(2))
    with tempfile.TemporaryDirectory() as folder:
        command = [
            binary,
            f"--data-dir={folder}",
            f"--listen-client-urls={client}",
            f"--advertise-client-urls={client}",
        ]
        command += [f"--listen-peer-urls={peer}", f"--initial-advertise-peer-urls={peer}", "--log-level=error"]
        with _running([*command, f"--initial-cluster=default={peer}"], client, "/health") as program:
            yield program


@contextlib.contextmanager
def _running(
    command: list[str], url: str, ready: str, environment: Mapping[str, str] | None = None
) -> Iterator[Program]:
    settings = {"PATH": os.environ["PATH"], **(environment or {})}
    started = time.monotonic()
    process = subprocess.Popen(
        command, cwd=ROOT, env=settings, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        wait_until_it_answers(url + ready, process, START_SECONDS)
        yield Program(url, process, time.monotonic() - started)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
