"""What a test asks of a process of its own: `python -m tests.stores.child count|obey|die …`."""

import contextlib
import functools
import itertools
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any
from unittest.mock import patch

import legacy
import stores
from config import Settings
from domain import document
from storage import Store
from stores.json_file.patience import Aside
from tests.memory_store import MemoryStore
from tests.process.warm import Program
from tests.stores.records import (
    ROOT,
    count,
    keep_in_journal,
    note,
    opened,
    served,
    server,
    shown,
    write_the_file,
    yesterday,
)

DIED = 9
ANEW: Any = {"journal": -1}  # the journal is started anew at each checkpoint
V1 = {
    "repo": "rsyslog", "server": "rsyslog-lab", "sync_status": "OUT_OF_SYNC", "drift_count": 1, "deployed_files": ["/d"],
    "drifted_files": ["/etc/rsyslog.conf"], "last_check": "2026-04-26T00:00:00Z",
}  # fmt: skip
V1_BYTES = json.dumps(V1, indent=2).encode()  # unlike anything that the service would write
# Another program, which holds the lock of the store until it gets a line.
HOLDER = "import fcntl, sys; file = open(sys.argv[1], 'a'); fcntl.flock(file, fcntl.LOCK_EX); print('held', flush=True); input()"


def v1_store(path: Path, clock: Callable[[], float] = lambda: 1_777_199_400.0, **bounds: Any) -> Store:
    """A store that migrates a version 1 file as the service does, at half past ten on 2026-04-26."""
    return opened(path, legacy.upgrade(Settings(store=path), clock), **bounds)


@contextlib.contextmanager
def waiting_for_a_line(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A Python process that has said its first line and waits for one of ours; it is reaped at the end."""
    pipe, popen = subprocess.PIPE, Program if arguments[0] == "-m" else subprocess.Popen
    with popen([sys.executable, *arguments], cwd=ROOT, stdin=pipe, stdout=pipe, text=True) as process:
        try:
            assert process.stdout
            assert process.stdout.readline()
            yield process
        finally:
            process.kill()


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _count(place: str, times: int, *keys: str) -> None:
    """Count when told to, so that all children begin at the same moment."""
    store = served(place)
    _say("ready")
    sys.stdin.readline()
    for _ in range(times):
        count(store, *keys)


def _obey(path: Path) -> None:
    """Do what each line asks, as JSON, and answer each with what was found."""
    store = opened(path)
    for line in sys.stdin:
        do, argument = json.loads(line)
        if do == "open":
            store = opened(argument)
        elif do == "note":
            note(store, *argument)
        elif do == "keep in journal":
            keep_in_journal(store)
        elif do == "write the file":
            write_the_file(store)
        snapshot = store.snapshot()
        _say(json.dumps([snapshot.revision, shown(snapshot), list(store.events())]))


def step(store: Store, number: int) -> None:
    """The change of this number: one server changed, one created, and as much of each other kind. Done in order, they
    tell each change apart."""
    state = ("synced", "failed")[number % 2]
    others = ("parcel:a/x", state), (f"parcel:b/{number}", "here"), ("tick:a", state), (f"tick:{number}", "on")
    note(store, ("a/x", state), (f"b/{number}", "synced"), *others)


def after_steps(times: int) -> MemoryStore:
    """What a store holds after so many."""
    plain = MemoryStore()
    for number in range(times):
        step(plain, number)
    return plain


def assert_same(store: Store, times: int) -> None:
    """The store holds so many steps: their records, their revision, and each entry of their history once."""
    plain = after_steps(times)
    assert store.snapshot() == plain.snapshot()
    assert list(store.events()) == list(plain.events())


def assert_steps(store: Store, acknowledged: int) -> int:
    """How many steps it holds, whole: all that were acknowledged, and perhaps one more that was under way."""
    times = store.snapshot().revision // 6
    assert times in (acknowledged, acknowledged + 1)
    assert_same(store, times)
    return times


@dataclass(frozen=True)
class Work:
    """Steps: those of `prepared` before, and those of `done` while death, or a power cut, lies in wait."""

    prepared: Callable[[Path], object]
    done: Callable[[Path, Callable[[], object]], object]


def _in_file(path: Path) -> None:
    step(opened(path), 0)


def _in_journal(path: Path) -> None:
    store = opened(path)
    step(store, 0)
    keep_in_journal(store)
    step(store, 1)


def _torn(path: Path) -> None:
    _in_journal(path)
    with path.with_name("status.json.journal").open("ab") as journal:
        journal.write(b'{"revision":5,"serv')


def _edited(path: Path) -> None:
    _in_journal(path)
    path.write_text(path.read_text().replace(",", " ,", 1))


def _steps(*numbers: int, **bounds: Any) -> Callable[[Path, Callable[[], object]], object]:
    def work(path: Path, acknowledge: Callable[[], object]) -> None:
        store = opened(path, **bounds)
        for number in numbers:
            step(store, number)
            acknowledge()

    return work


def _waiting(path: Path, acknowledge: Callable[[], object]) -> None:
    store = opened(path)
    store.snapshot()
    for wanted, number in ((keep_in_journal, 1), (write_the_file, 2)):
        wanted(store)
        step(store, number)
        acknowledge()


def _closing(path: Path, acknowledge: Callable[[], object]) -> None:
    store = opened(path, **ANEW)
    keep_in_journal(store)
    step(store, 1)
    acknowledge()
    store.close()


def _migrating(path: Path, acknowledge: Callable[[], object]) -> None:
    v1_store(path).snapshot()
    acknowledge()


def _changed(path: Path) -> None:
    """A file in which somebody changed one server, removed one and added one, while commits wait in the journal."""
    _in_journal(path)
    value = json.loads(path.read_bytes())
    value["servers"]["a/x"]["commit_sha"] = "by hand"
    del value["servers"]["b/0"]
    value["servers"]["c/x"] = server("c/x")
    path.write_text(json.dumps(value))


def _reading(path: Path, acknowledge: Callable[[], object]) -> None:
    opened(path).snapshot()
    acknowledge()


def _reading_yesterday(path: Path, acknowledge: Callable[[], object]) -> None:
    yesterday(path).snapshot()
    acknowledge()


WORK = {
    "first use": Work(lambda _path: None, _steps(0)),
    "in the file": Work(_in_file, _steps(1, **ANEW)),
    "in the journal, then in the file": Work(_in_file, _waiting),
    "closing": Work(_in_file, _closing),
    "over a torn journal": Work(_torn, _steps(2, 3)),
    "over an edited file": Work(_edited, _steps(2, 3)),
    "a changed file": Work(_changed, _reading),
    "times ahead": Work(_in_journal, _reading_yesterday),
    "migrating": Work(lambda path: path.write_bytes(V1_BYTES), _migrating),
}
# The works whose every line is died at, and the steps that were done before they begin.
PREPARED = {
    "first use": 0, "in the file": 1, "in the journal, then in the file": 1, "closing": 1, "over a torn journal": 2,
    "over an edited file": 2,
}  # fmt: skip


def _die(folder: Path, work: str) -> None:
    """Do the work again and again, each time in a new folder, and die one line of the store later than the last time.

    os._exit at a line runs nothing more: no `finally`, no flush. Where a line leaves every file as the line before
    found it, dying there again would prove nothing, and is left out. Prints how often each try acknowledged before.
    """
    # Of one thread the lines have an order, which they need to be died at one after the other.
    patch.object(Aside, "do", lambda _self, commit, _ends: commit()).start()
    places, acknowledged = list[int](), list[int]()

    def note_change(line: int, path: Path, seen: list[object] = []) -> None:  # noqa: B006 - what it saw last
        state = (
            {entry.name: (entry.stat()[:2], entry.read_bytes()) for entry in path.parent.glob("*")},
            len(acknowledged),
        )
        if [state] != seen:
            seen[:] = [state]
            places.append(line)

    path = folder / "undisturbed" / "status.json"
    path.parent.mkdir()
    WORK[work].prepared(path)
    lines = _at_each_line(lambda line: note_change(line, path))
    WORK[work].done(path, lambda: acknowledged.append(1))
    sys.settrace(None)
    assert next(lines) > 200
    acknowledged.clear()
    for place in (*places, next(lines) + 1):
        path = folder / str(len(acknowledged)) / "status.json"
        path.parent.mkdir()
        WORK[work].prepared(path)
        reader, writer = os.pipe()
        child = os.fork()
        if not child:
            _at_each_line(lambda line, place=place: line < place or os._exit(DIED))  # type: ignore[misc]  # a default
            WORK[work].done(path, functools.partial(os.write, writer, b"!"))
            os._exit(DIED if place > next(lines) else 1)
        os.close(writer)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == DIED
        acknowledged.append(len(os.read(reader, 100)))
        os.close(reader)
    _say(json.dumps(acknowledged))


def _at_each_line(do: Callable[[int], object]) -> Iterator[int]:
    """Call with the number of each line of the store before it runs, counted as they run; yields how many did."""
    package, lines = str(Path(stores.__file__).parent), itertools.count()
    ran = 0

    def trace(frame: FrameType, event: str, _argument: Any) -> Any:
        nonlocal ran
        if not frame.f_code.co_filename.startswith((package, document.__file__)):
            return None
        if event == "line":
            ran = next(lines)
            do(ran)
        return trace

    sys.settrace(trace)
    return iter(lambda: ran, None)


if __name__ == "__main__":
    command, path, *arguments = sys.argv[1:]
    if command == "count":
        _count(path, int(arguments[0]), *arguments[1:])
    elif command == "obey":
        _obey(Path(path))
    else:
        _die(Path(path), arguments[0])
