"""A store with something in each of its files, and all that can be wrong with it."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from domain.history import change_entry
from domain.kinds import SERVER
from storage import Commit, Decision, Store
from stores.json_file.store import JsonFileStore
from tests.process import warm
from tests.stores.child import V1_BYTES
from tests.stores.kinds import NOW
from tests.stores.records import ROOT, keep_in_journal, moved, never_version_1, of_servers, server

LATER = "2026-04-26T11:00:00Z"
Damage = Callable[[Path], object]


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """`python -m storage`, run to its end."""
    return warm.run([sys.executable, "-m", "storage", *map(str, arguments)], cwd=ROOT, text=True)


def report(store: Store, key: str, now: str = NOW) -> Commit:
    """Store a record with the history entry that a first report leaves."""
    record = server(key)

    def decide(_before: object, revision: int) -> Decision:
        entry = change_entry(None, {**record, "revision": revision, "timestamp": now}, "cron")
        assert entry
        return of_servers({key: record}, [entry])

    return store.change([SERVER.ref(key)], decide)


def filled(folder: Path) -> Path:
    """A store of two servers at revision 2, with two commits that wait in its journal."""
    path = folder / "status.json"
    store = JsonFileStore(path, never_version_1, pace=moved())
    report(store, "a/x")
    report(store, "a/y")
    store.compact()
    keep_in_journal(store)
    report(store, "a/z", LATER)
    report(store, "b/x", LATER)
    return path


def journal(path: Path) -> Path:
    """Its place beside the file."""
    return path.with_name("status.json.journal")


def history(path: Path) -> Path:
    """Its place beside the file."""
    return path.with_name("status.json.history")


def state(folder: Path) -> dict[str, tuple[bytes, int, int]]:
    """Every byte, inode and time in a folder."""
    files = {one.name: (one.read_bytes(), one.stat().st_ino, one.stat().st_mtime_ns) for one in folder.iterdir()}
    return {**files, ".": (b"", folder.stat().st_ino, folder.stat().st_mtime_ns)}


def replaced(path: Path, change: Callable[[list[bytes]], list[bytes]]) -> None:
    """Change the lines of a file in place."""
    path.write_bytes(b"".join(change(path.read_bytes().splitlines(keepends=True))))


def in_order(*order: int) -> Callable[[list[bytes]], list[bytes]]:
    """These lines, in this order."""
    return lambda lines: [lines[number] for number in order]


def _in_journal(path: Path, good: bytes, bad: bytes) -> None:
    content = journal(path).read_bytes()
    assert good in content
    journal(path).write_bytes(content.replace(good, bad))


def copied(path: Path) -> None:
    """A folder copied file by file: no file has the inode that it had, and none becomes free for another."""
    for one in (path, journal(path)):
        kept = one.rename(one.with_name(f"kept.{one.name}"))
        one.write_bytes(kept.read_bytes())


def _mixed(path: Path) -> None:
    """A backup of two moments: the file older than the beginning of the journal."""
    copied(path)
    path.write_bytes(path.read_bytes().replace(b'"revision":2', b'"revision":1', 1))


def _append_torn(path: Path, end: int | None) -> None:
    """A checkpoint that died when it moved the first entry from the journal to the history."""
    entry = json.loads(journal(path).read_bytes().splitlines()[1])["history"][0]
    history(path).write_bytes(history(path).read_bytes() + json.dumps(entry).encode()[:end])


def _put_back(path: Path) -> None:
    replaced(journal(path), in_order(0))
    path.write_bytes(path.read_bytes().replace(b'"revision":2', b'"revision":1', 1))


# What is done to the store; then kind, place and words of the only finding that is not plainly what is there.
FOUND: dict[str, tuple[Damage, str, str, str]] = {
    "a file cut": (lambda p: p.write_bytes(p.read_bytes()[:-30]), "wrong", "status.json", "The store status.json is left as it is, because it cannot be understood: "),
    "a file with a slip": (lambda p: p.write_bytes(p.read_bytes().replace(b'"a/y":', b'"a/y"')), "wrong", "status.json", "line 4 column"),
    "another version": (lambda p: p.write_bytes(b'{"version":"3.0","servers":{}}'), "wrong", "status.json", "its version is '3.0', and this service reads '2.0'"),
    "neither version": (lambda p: p.write_bytes(b'{"foo":1}'), "wrong", "status.json", "neither of version 2.0 nor of version 1"),
    "version 1": (lambda p: p.write_bytes(V1_BYTES), "harmless", "status.json", "the service migrates it when it starts"),
    "no file": (Path.unlink, "wrong", "status.json", "it does not exist, but its journal goes on from revision 2"),
    "an empty file": (lambda p: p.write_bytes(b""), "wrong", "status.json", "it is empty, but its journal goes on from revision 2"),
    "a file edited": (lambda p: p.write_bytes(p.read_bytes().replace(b"unknown", b"unclear", 1)), "harmless", "status.json", "it was edited since the service last wrote it, at revision 2"),
    "a file put back": (_put_back, "harmless", "status.json", "an older copy was put back since the service last wrote it, at revision 2"),
    "a mixed backup": (_mixed, "wrong", "status.json.journal line 1", "it begins at revision 2, but status.json ends at revision 1: what was committed between is in neither"),
    "a journal torn": (lambda p: journal(p).write_bytes(journal(p).read_bytes()[:-9]), "harmless", "status.json.journal", "its last line is not whole: a crash cut it before it was acknowledged"),
    "a journal torn but for its line end": (lambda p: journal(p).write_bytes(journal(p).read_bytes()[:-9] + b"\n"), "harmless", "status.json.journal", "its last line is not whole"),
    "a journal of one torn line": (lambda p: journal(p).write_bytes(b'{"check'), "harmless", "status.json.journal", "its last line is not whole"),
    "a journal's line unreadable": (lambda p: replaced(journal(p), lambda lines: [lines[0], b"\0" * 99 + b"\n", lines[2]]), "wrong", "status.json.journal line 2", "it cannot be read, and the service refuses the store"),
    "a journal without its beginning": (lambda p: replaced(journal(p), in_order(1, 2)), "wrong", "status.json.journal line 1", "the beginning of the journal is missing"),
    "a journal out of order": (lambda p: replaced(journal(p), in_order(0, 2, 1)), "wrong", "status.json.journal line 3", "its revision 3 comes after revision 4"),
    "a journal's line twice": (lambda p: replaced(journal(p), in_order(0, 1, 2, 2)), "wrong", "status.json.journal line 4", "its revision 4 comes after revision 4"),
    "a journal's record wrong": (lambda p: _in_journal(p, b'"host":"z","status":"unknown"', b'"host":"z","status":"unknowm"'), "wrong", "status.json.journal line 2", "the record 'a/z' is wrong at status"),
    "a journal's record of another": (lambda p: _in_journal(p, b'{"a/z":', b'{"a/w":'), "wrong", "status.json.journal line 2", "the record 'a/w' holds the names of another server"),
    "a journal's entry wrong": (lambda p: _in_journal(p, b'"history":[{"revision":4', b'"history":[{"revision":"4"'), "wrong", "status.json.journal line 3", "a revision in its journal is no whole number from 0 to 9007199254740991"),
    "a journal's entry of something else": (lambda p: _in_journal(p, b'"history":[{"revision":4,"time":', b'"history":[{"revision":4,"tome":'), "wrong", "status.json.journal line 3", "it holds a history entry that is none"),
    "a journal's revision too large": (lambda p: _in_journal(p, b'{"revision":4,"servers"', b'{"revision":9007199254740992,"servers"'), "wrong", "status.json.journal line 3", "a revision in its journal is no whole number from 0 to 9007199254740991"),
    "a history torn": (lambda p: _append_torn(p, -9), "harmless", "status.json.history", "its last line is not whole"),
    "a history without its last line end": (lambda p: _append_torn(p, None), "harmless", "status.json.history", "its last line is not whole"),
    "a history's line unreadable": (lambda p: replaced(history(p), lambda lines: [b"\0\n", lines[1]]), "wrong", "status.json.history line 1", "it cannot be read"),
    "a history's line of something else": (lambda p: replaced(history(p), lambda lines: [b'{"revision":"1"}\n', lines[1]]), "wrong", "status.json.history line 1", "it cannot be read"),
    "a history's revision too large": (lambda p: replaced(history(p), lambda lines: [lines[0], lines[1].replace(b'"revision":2', b'"revision":9007199254740992', 1)]), "wrong", "status.json.history line 2", "its revision is no whole number from 0 to 9007199254740991"),
    "a history out of order": (lambda p: replaced(history(p), in_order(1, 0)), "wrong", "status.json.history line 2", "the entry of revision 1 comes after that of 2"),
    "an entry twice": (lambda p: replaced(history(p), in_order(0, 1, 0)), "wrong", "status.json.history line 3", "the entry of revision 1 is there twice"),
    "a write left over": (lambda p: p.with_name("status.json.tmp").write_bytes(b"{"), "harmless", "status.json.tmp", "left over"),
    "a journal left over": (lambda p: p.with_name("status.json.journal.tmp").write_bytes(b"{"), "harmless", "status.json.journal.tmp", "left over"),
}  # fmt: skip
WRONG = [name for name, (_damage, kind, *_found) in FOUND.items() if kind == "wrong"]
