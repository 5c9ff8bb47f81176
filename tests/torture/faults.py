"""What is done to a service while it works: each fault begins, lasts for seconds, and is over when its block ends."""

import contextlib
import fcntl
import os
import random
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.process.service import Service

DAY = 86_400


@dataclass(frozen=True)
class Machine:
    """Where the service runs, and what its machine is told to be like (settings.py)."""

    service: Service
    folder: Path
    dice: random.Random
    pace: float = 1.0  # of what lasts

    def last(self, most: float = 3.0) -> None:
        """Let a fault last, at most for so many seconds."""
        time.sleep(self.dice.random() * most * self.pace)


Fault = Callable[[Machine], contextlib.AbstractContextManager[None]]


@contextlib.contextmanager
def worker_killed(machine: Machine) -> Iterator[None]:
    """kill -9 of one worker, whatever it does."""
    with contextlib.suppress(ProcessLookupError, IndexError):
        os.kill(machine.dice.choice(machine.service.workers()), signal.SIGKILL)
    yield


@contextlib.contextmanager
def worker_stopped(machine: Machine) -> Iterator[None]:
    """One worker stands still, perhaps with the lock."""
    with contextlib.suppress(RuntimeError, ProcessLookupError, FileNotFoundError), _held(machine):
        machine.last()
    yield


@contextlib.contextmanager
def settings_read_anew(machine: Machine) -> Iterator[None]:
    """SIGHUP: every worker is replaced."""
    machine.service.signal(signal.SIGHUP)
    machine.last(1)
    yield


@contextlib.contextmanager
def lock_held(machine: Machine) -> Iterator[None]:
    """Another process holds the store's lock."""
    with contextlib.suppress(FileNotFoundError), _beside(machine, "lock").open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        machine.last(8)
    yield


@contextlib.contextmanager
def lock_deleted(machine: Machine) -> Iterator[None]:
    """A cleaner deletes the lock's file, again and again."""
    for _ in range(machine.dice.randrange(1, 200)):
        _beside(machine, "lock").unlink(missing_ok=True)
        time.sleep(0.005)
    yield


@contextlib.contextmanager
def temporary_folder_cleaned(machine: Machine) -> Iterator[None]:
    """A cleaner of temporary folders takes what the service may have there."""
    for found in (machine.folder / "tmp").iterdir():
        shutil.rmtree(found, ignore_errors=True)
        found.unlink(missing_ok=True) if found.is_file() else None
    yield


@contextlib.contextmanager
def store_gone(machine: Machine) -> Iterator[None]:
    """The file is moved away, and comes back."""
    store, away = machine.service.store, machine.folder / "away"
    with contextlib.suppress(FileNotFoundError):
        store.rename(away)
        try:
            machine.last()
        finally:
            with contextlib.suppress(FileExistsError):  # a checkpoint that had begun has made a newer one
                os.link(away, store)
            away.unlink()
    yield


@contextlib.contextmanager
def clock_wrong(machine: Machine) -> Iterator[None]:
    """The clock is ahead or behind for a while."""
    by = machine.dice.choice([5, -5, 300, -300, 3_600, -3_600, 30 * DAY, 400 * DAY, -20_000 * DAY])
    with _told(machine, "clock", str(by)):
        machine.last()
        yield


@contextlib.contextmanager
def disk_slow(machine: Machine) -> Iterator[None]:
    """One call in ten or a hundred takes up to a third of a second."""
    with _told(machine, "disk", f"0 {machine.dice.choice([10, 100])}"):
        machine.last(6)
        yield


@contextlib.contextmanager
def disk_fails(machine: Machine) -> Iterator[None]:
    """One call in five, or each, fails: full, over a quota, or broken."""
    with _told(machine, "disk", f"{machine.dice.choice([20, 200, 1_000])} 10"):
        machine.last()
        yield


def _held(machine: Machine) -> contextlib.AbstractContextManager[None]:
    return machine.service.held([machine.dice.choice(machine.service.workers())])


def _beside(machine: Machine, ending: str) -> Path:
    return machine.service.store.with_name(f"{machine.service.store.name}.{ending}")


@contextlib.contextmanager
def _told(machine: Machine, name: str, text: str) -> Iterator[None]:
    told = machine.folder / name
    told.write_text(text)
    try:
        yield
    finally:
        told.unlink()


FAULTS: tuple[Fault, ...] = (
    worker_killed, worker_stopped, settings_read_anew, lock_held, lock_deleted, temporary_folder_cleaned, store_gone,
    clock_wrong, disk_slow, disk_fails,
)  # fmt: skip
WITH_A_DATABASE: tuple[Fault, ...] = (
    worker_killed,
    worker_stopped,
    settings_read_anew,
    temporary_folder_cleaned,
    clock_wrong,
)
