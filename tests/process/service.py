"""A real service for tests: gunicorn with its own settings file, on a free port, over a folder of the test's."""

import contextlib
import fcntl
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from urllib.parse import urlsplit

from tests.process.warm import Program

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 60
NOTES = 100  # more commits than a service makes in a test besides those of reports: that it lives, and who works


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

    def workers(self) -> list[int]:
        """The process ids of gunicorn's workers, the oldest first."""
        return sorted(set(self._children()) - set(self.beside()))

    def beside(self) -> list[int]:
        """The process id of what works by the clock, if it runs by now."""
        return [child for child in self._children() if b"\0--parent\0" in _words(child)]

    def _children(self) -> list[int]:
        master = self.process.pid
        return [int(pid) for pid in Path(f"/proc/{master}/task/{master}/children").read_text().split()]

    @contextlib.contextmanager
    def only(self, worker: int) -> Iterator[None]:
        """Hold every other worker still, so that this one answers whatever is asked meanwhile."""
        with contextlib.ExitStack() as held:
            with self._locked():
                held.enter_context(self.held([other for other in self.workers() if other != worker]))
            yield

    @contextlib.contextmanager
    def held(self, workers: list[int]) -> Iterator[None]:
        """Hold these workers still."""
        try:
            for worker in workers:
                os.kill(worker, signal.SIGSTOP)
            wait_until(lambda: all(_state(worker) == "T" for worker in workers), "the workers stand still")
            yield
        finally:
            for worker in workers:
                with contextlib.suppress(ProcessLookupError):  # killed meanwhile
                    os.kill(worker, signal.SIGCONT)

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """Hold the store's lock, if it has one by now: who is held still here does not hold it."""
        try:
            lock = self.store.with_name(f"{self.store.name}.lock").open("rb")
        except (FileNotFoundError, NotADirectoryError):
            yield
            return
        with lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def free_port() -> int:
    """A port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def running(
    folder: Path,
    *,
    workers: int = 2,
    port: int | None = None,
    environment: dict[str, str] | None = None,
    program: type[subprocess.Popen[bytes]] = Program,
) -> Iterator[Service]:
    """Start the service with its store at `folder/status.json`, wait until every worker answers, reap it at the end.

    Every worker, because a SIGTERM in the moment that one takes to start is lost on it: gunicorn's stop then takes
    the whole graceful_timeout.
    """
    port = port or free_port()
    store, log = folder / "status.json", folder / "service.log"
    settings = {
        "PATH": os.environ["PATH"],
        "STATUS_STORE": str(store),
        "WEB_CONCURRENCY": str(workers),
        **(environment or {}),
    }
    with log.open("ab") as output:
        process = program(
            [sys.executable, "-m", "gunicorn", "--bind", f"127.0.0.1:{port}"],
            cwd=ROOT, env=settings, stdout=output, stderr=output, start_new_session=True,
        )  # fmt: skip
    service = Service(f"http://127.0.0.1:{port}", Path(settings["STATUS_STORE"]), log, process)
    try:
        try:
            wait_until_it_answers(f"{service.url}/health", process)
            if Path("/proc/self").exists():  # the tests need Linux; the day does not
                wait_until(lambda: len(service.workers()) == workers, "all workers run")
                for worker in service.workers():
                    with service.only(worker):
                        wait_until_it_answers(f"{service.url}/health", process)
        except RuntimeError as error:
            raise RuntimeError(f"{error}\n{log.read_text()}") from None
        yield service
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def with_times(folder: Path, **seconds: float) -> dict[str, str]:
    """The environment of a service that has other numbers of web/gunicorn_worker.py: the same code, and more in its settings."""
    settings = folder / "times.py"
    lines = [
        "from web import gunicorn_worker",
        *(f"gunicorn_worker.{name} = {value}" for name, value in seconds.items()),
    ]
    settings.write_text("\n".join([*lines, "exec(open('gunicorn.conf.py').read())\n"]))
    return {"GUNICORN_CMD_ARGS": f"--config {settings}"}


def patient(folder: Path) -> dict[str, str]:
    """The environment of a service that cuts nobody off within an hour: who waits for a slow client is never answered."""
    return with_times(folder, SECONDS_TO_COME=3_600, SECONDS_TO_ANSWER=3_600, SECONDS_TO_CLOSE=3_600)


@contextlib.contextmanager
def service_on(url: str, folder: Path) -> Iterator[Service]:
    """A service with two workers."""
    folder.mkdir(exist_ok=True)
    with running(folder, environment={"STATUS_STORE": url}) as service:
        yield service


def wait_until_it_answers(url: str, process: subprocess.Popen[bytes], seconds: float = START_SECONDS) -> None:
    """Return once the URL is answered by whatever status. Raises RuntimeError if the process ends first."""
    address = urlsplit(url)

    def answers() -> bool:
        if process.poll() is not None:
            raise RuntimeError("The service did not start.")
        with contextlib.closing(HTTPConnection(address.netloc, timeout=seconds)) as connection:
            try:
                connection.request("GET", address.path)
                connection.getresponse()
            except (OSError, HTTPException):
                return False
            return True

    wait_until(answers, "the service answers", seconds=seconds)


def wait_until(condition: Callable[[], bool], what: str, pause: float = 0.02, seconds: float = START_SECONDS) -> None:
    """Return once the condition holds. Raises RuntimeError, with what was waited for, if it never does."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise RuntimeError(f"Waited in vain until {what}.")
        time.sleep(pause)


def has_ended(pid: int) -> bool:
    """Whether a process is gone, or dead and its parent has not asked how it ended."""
    try:
        return _state(pid) == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def _words(pid: int) -> bytes:
    """The words that a process was started with; none of one that is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""


def _state(pid: int) -> str:
    """What the kernel says of a process: R runs, S sleeps, T stands still, … (proc(5))."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
