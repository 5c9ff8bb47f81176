"""What a test asks of a process of its own: `python -m tests.storage.child count|die …`."""

import functools
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import legacy
import storage
from config import Settings
from domain import document
from storage import Store, open_store
from tests.storage.records import count, opened, put, server

DIED = 9
V1 = {
    "repo": "rsyslog", "server": "rsyslog-lab", "sync_status": "OUT_OF_SYNC", "drift_count": 1, "deployed_files": ["/d"],
    "drifted_files": ["/etc/rsyslog.conf"], "last_check": "2026-04-26T00:00:00Z",
}  # fmt: skip
V1_BYTES = json.dumps(V1, indent=2).encode()  # unlike anything that the service would write


def v1_store(path: Path, clock: Callable[[], float] = lambda: 1_777_199_400.0) -> Store:
    """The store as the service opens it, at half past ten on 2026-04-26."""
    return open_store(path, legacy.upgrade(Settings(store=path), clock))


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _count(path: Path, times: int, *keys: str) -> None:
    """Count when told to, so that all children begin at the same moment."""
    store = opened(path)
    _say("ready")
    sys.stdin.readline()
    for _ in range(times):
        count(store, *keys)


def changing(path: Path, acknowledge: Callable[[], object]) -> None:
    """Two changes, each acknowledged when it returns."""
    store = opened(path)
    for number in (1, 2):
        put(store, server("a/x", commit_sha=str(number)), server(f"b/{number}"))
        acknowledge()


def migrating(path: Path, acknowledge: Callable[[], object]) -> None:
    """The first reading of a version 1 file."""
    v1_store(path).snapshot()
    acknowledge()


WORK = {"changing": changing, "migrating": migrating}


def prepare(path: Path, work: str) -> None:
    """What the file holds before the work begins."""
    if work == "changing":
        put(opened(path), server("a/x", commit_sha="0"))
    else:
        path.write_bytes(V1_BYTES)


def _die(folder: Path, work: str) -> None:
    """Do the work again and again, each time in a new folder, and die one line of the store later than the last time.

    os._exit at a line runs nothing more: no `finally`, no flush. Prints how often each try acknowledged before.
    """
    acknowledged = list[int]()
    is_dead = True
    while is_dead:
        path = folder / str(len(acknowledged)) / "status.json"
        path.parent.mkdir()
        prepare(path, work)
        reader, writer = os.pipe()
        child = os.fork()
        if not child:
            _die_after(len(acknowledged))
            WORK[work](path, functools.partial(os.write, writer, b"!"))
            os._exit(0)
        os.close(writer)
        is_dead = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == DIED
        acknowledged.append(len(os.read(reader, 100)))
        os.close(reader)
    _say(json.dumps(acknowledged))


def _die_after(lines: int) -> None:
    files = {storage.__file__, document.__file__}
    left = lines

    def trace(frame: FrameType, event: str, _argument: Any) -> Any:
        nonlocal left
        if frame.f_code.co_filename not in files:
            return None
        if event == "line":
            if not left:
                os._exit(DIED)
            left -= 1
        return trace

    sys.settrace(trace)


if __name__ == "__main__":
    command, path, *arguments = sys.argv[1:]
    if command == "count":
        _count(Path(path), int(arguments[0]), *arguments[1:])
    else:
        _die(Path(path), arguments[0])
