"""A power cut: the order of the calls that make things last, and what a disk holds that lost all that was not synced."""

import itertools
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from domain.errors import Unavailable
from tests.stores.child import PREPARED, V1_BYTES, WORK, assert_steps, v1_store
from tests.stores.kinds import PARCEL, ref
from tests.stores.older import refuses_older
from tests.stores.records import at_once, files, keep_in_journal, note, of_servers, opened, put, server, servers, told
from tests.stores.watched_disk import Disk


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "disk").mkdir()
    return tmp_path / "disk" / "status.json"


COMMIT = ["sync journal"]
HISTORY = ["sync history"]
CHECKPOINT = ["sync temporary", "replace temporary file", "sync folder"]
NEW_JOURNAL = ["sync new journal", "replace new journal journal", "sync folder"]


@pytest.mark.parametrize(
    ("work", "calls"),
    [
        ("first use", [*[*CHECKPOINT, *NEW_JOURNAL] * 2, *COMMIT, *HISTORY, "sync folder", *CHECKPOINT, "answer"]),
        ("in the file", [*COMMIT, *HISTORY, *CHECKPOINT, *NEW_JOURNAL, "answer"]),
        ("in the journal, then in the file", [*COMMIT, "answer", *COMMIT, *HISTORY, *CHECKPOINT, "answer"]),
        ("closing", [*COMMIT, "answer", *HISTORY, *CHECKPOINT, *NEW_JOURNAL]),
        (
            "over a torn journal",
            [*HISTORY, *CHECKPOINT, *NEW_JOURNAL, *[*COMMIT, *HISTORY, *CHECKPOINT, "answer"] * 2],
        ),
        ("migrating", ["link file copy", "sync folder", *HISTORY, "sync folder", *CHECKPOINT, *NEW_JOURNAL, "answer"]),
    ],
)
def test_each_answer_comes_after_the_calls_that_make_it_last_in_their_order(
    path: Path, monkeypatch: pytest.MonkeyPatch, work: str, calls: list[str]
) -> None:
    WORK[work].prepared(path)
    disk = Disk(path, monkeypatch)
    WORK[work].done(path, disk.acknowledge)
    assert disk.calls == calls


def test_a_checkpoint_is_announced_before_it_is_made(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So no other process takes it for the work of somebody else."""
    store = opened(path)
    put(store, server("a/x"))
    disk = Disk(path, monkeypatch)
    put(store, server("b/x"))
    at = disk.calls.index("replace temporary file")
    names, contents = disk.moments[at].names, disk.moments[at].contents
    announced = contents[names["status.json.journal"]][0].splitlines()[-1]
    assert announced.startswith(b'{"checkpoint":2,"file":[%d,' % names["status.json.tmp"])


@pytest.mark.parametrize(("work", "prepared"), PREPARED.items())
def test_after_a_power_cut_at_any_call_all_that_was_acknowledged_is_there_once(
    path: Path, monkeypatch: pytest.MonkeyPatch, work: str, prepared: int
) -> None:
    WORK[work].prepared(path)
    with monkeypatch.context() as watched:
        disk = Disk(path, watched)
        WORK[work].done(path, disk.acknowledge)
    seen = 0
    for moment, left in disk.left():
        found = assert_steps(opened(left), prepared + moment.acknowledged)
        assert found >= prepared
        seen += 1
    assert seen > 10


def test_after_a_power_cut_a_version_1_file_or_what_became_of_it_is_there(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path.write_bytes(V1_BYTES)
    with monkeypatch.context() as watched:
        disk = Disk(path, watched)
        expected = v1_store(path).snapshot()
    for _moment, left in disk.left():
        assert v1_store(left).snapshot() == expected
        assert left.with_name("status.v1.json").read_bytes() == V1_BYTES


FAILING = ["open", "write", "fsync", "fdatasync", "replace", "fchmod"]


@pytest.mark.parametrize("is_lasting", [False, True], ids=["once", "from then on, for a while"])
@pytest.mark.parametrize("work", ["in the file", "in the journal"])
def test_whichever_call_fails_what_is_acknowledged_stays_and_the_rest_never_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, work: str, is_lasting: bool
) -> None:
    """A disk that answers one call with an error, or all of a time; other processes read all along."""
    bounds: Any = {"journal": -1 if work == "in the file" else 1_000_000, "retry": 100.0}
    failed = 0
    for number in itertools.count():
        path = tmp_path / str(number) / "status.json"
        store, other = opened(path, **bounds), opened(path, **bounds)
        note(store, ("a/0", "synced"))
        other.snapshot()
        if work == "in the journal":
            keep_in_journal(store)
        acknowledged, left = ["a/0"], [number]
        with monkeypatch.context() as patched:
            _fail(patched, left, is_lasting, other.snapshot)
            for key in ("a/1", "a/2"):
                try:
                    note(store, (key, "synced"), (f"parcel:{key}", "here"), ("tick:a", "on"))
                    acknowledged.append(key)
                except Unavailable:
                    failed += 1
        told_of = ["a/0", *[one for key in acknowledged[1:] for one in (key, f"parcel:{key}")]]
        for reader in (store, other, opened(path)):
            assert list(servers(reader)) == acknowledged
            assert list(reader.snapshot().table(PARCEL).records) == acknowledged[1:]
            assert [entry[1] for entry in told(reader)] == told_of
        assert refuses_older(path) or not acknowledged[1:]
        for writer, key in ((other, "b/1"), (store, "b/2"), (opened(path), "b/3")):
            note(writer, (key, "synced"))
            acknowledged.append(key)
        for reader in (store, other, opened(path)):
            assert list(servers(reader)) == acknowledged
            assert [entry[1] for entry in told(reader)] == [*told_of, "b/1", "b/2", "b/3"]
        assert {"history", "journal", "lock"} <= set(files(path)) <= {"history", "journal", "lock", "journal.tmp"}
        store.close()
        other.close()
        if left[0] >= 0:
            break
    assert number > 5
    assert failed


def test_a_line_that_can_neither_be_synced_nor_taken_back_is_there_for_all_alike(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where a disk turns read-only after an error. What was sent again, as it was not acknowledged, is there once."""
    store, other = opened(path), opened(path)
    note(store, ("a/0", "synced"))
    journal = path.with_name("status.json.journal")
    inode = journal.stat().st_ino

    def fail(*_arguments: object) -> None:
        other.snapshot()
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fdatasync", fail)
        patched.setattr(os, "ftruncate", fail)
        with pytest.raises(Unavailable, match="Input/output error"):
            note(store, ("a/1", "synced"))
    for reader in (store, other, opened(path)):
        assert list(servers(reader)) == ["a/0", "a/1"]
    note(store, ("a/1", "synced"))
    note(other, ("a/2", "synced"))
    assert journal.stat().st_ino != inode
    for reader in (store, other, opened(path)):
        assert list(servers(reader)) == ["a/0", "a/1", "a/2"]
        assert [entry["host"] for entry in reader.events()] == ["0", "1", "2"]
        assert reader.snapshot().revision == 4


def _fail(patched: pytest.MonkeyPatch, left: list[int], is_lasting: bool, meanwhile: Callable[[], object]) -> None:
    """Let the calls fail after so many; before an fdatasync fails, another process reads what was appended."""
    is_reading = False

    def wrap(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def failing(*arguments: Any, **options: Any) -> Any:
            nonlocal is_reading
            is_a_read = name == "open" and not arguments[1] & (os.O_WRONLY | os.O_RDWR)
            if is_reading or is_a_read:
                return call(*arguments, **options)
            left[0] -= 1
            if left[0] == -1 or (is_lasting and left[0] < 0):
                if name == "fdatasync":
                    is_reading = True
                    meanwhile()
                    is_reading = False
                raise OSError(5, "Input/output error")
            return call(*arguments, **options)

        return failing

    for name in FAILING:
        patched.setattr(os, name, wrap(name, getattr(os, name)))


def test_changes_that_wait_together_share_a_commit(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first is held until all others have come; those that wait need one more commit, and rarely a third."""
    store, come = opened(path), list[int]()
    put(store, server("a/before"))
    disk = Disk(path, monkeypatch)

    def first() -> None:
        def decide(_before: object, _revision: int) -> Any:
            while len(come) < 24:
                os.sched_yield()
            return of_servers({"a/first": server("a/first")})

        store.change([ref("a/first")], decide)

    def other(number: int) -> None:
        come.append(number)
        put(store, server(f"a/{number}"))

    at_once(first, *[lambda number=number: other(number) for number in range(24)])
    assert len(servers(store)) == 26
    assert disk.calls.count("sync journal") < 12
