"""What is promised of a power cut: the order of the calls, because no kill shows a missing fsync, and dying anywhere."""

import json
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from storage import Snapshot
from tests.storage.child import V1_BYTES, v1_store
from tests.storage.records import ROOT, at_once, opened, put, server


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "status.json"


class Calls:
    """The calls that make a content last, as they really happen, with what each of them found on the disk."""

    def __init__(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.made = list[str]()
        self._names = {
            "status.json": "file",
            "status.json.tmp": "temporary",
            "status.v1.json": "copy",
            path.parent.name: "folder",
        }
        self._path = path
        fsync, self._replace, self._link = os.fsync, os.replace, os.link
        self._fsync = fsync
        for name in ("fsync", "replace", "link"):
            monkeypatch.setattr(os, name, getattr(self, name))

    def fsync(self, descriptor: int) -> None:
        """Which entry is synced, and whether what it should keep is there by now."""
        status = os.fstat(descriptor)
        entries = [self._path.parent, *self._path.parent.iterdir()]
        name = next(self._names[entry.name] for entry in entries if entry.stat().st_ino == status.st_ino)
        whole = self._path if stat.S_ISDIR(status.st_mode) else self._path.with_name("status.json.tmp")
        self.made.append(f"sync {name} with {'/'.join(json.loads(whole.read_bytes())['servers'])}")
        self._fsync(descriptor)

    def replace(self, source: Any, target: Any) -> None:
        """A rename."""
        self.made.append(f"rename {self._names[Path(source).name]} to {self._names[Path(target).name]}")
        self._replace(source, target)

    def link(self, source: Any, target: Any, **options: Any) -> None:
        """A second name."""
        self.made.append(f"link {self._names[Path(source).name]} as {self._names[Path(target).name]}")
        self._link(source, target, **options)


def test_a_change_is_answered_after_the_file_is_synced_renamed_and_the_folder_synced(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = opened(path)
    calls = Calls(path, monkeypatch)
    for key in ("a", "b"):
        put(store, server(f"{key}/x"))
        calls.made.append("answer")
    assert calls.made == [
        "sync temporary with a/x", "rename temporary to file", "sync folder with a/x", "answer",
        "sync temporary with a/x/b/x", "rename temporary to file", "sync folder with a/x/b/x", "answer",
    ]  # fmt: skip


def test_a_version_1_file_has_its_second_name_before_the_first_gets_a_new_content(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path.write_bytes(V1_BYTES)
    store = v1_store(path)
    calls = Calls(path, monkeypatch)
    store.snapshot()
    assert calls.made == [
        "link file as copy", "sync temporary with rsyslog-lab/rsyslog-lab", "rename temporary to file",
        "sync folder with rsyslog-lab/rsyslog-lab",
    ]  # fmt: skip


def test_changes_that_wait_together_share_a_commit(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first is held until all others have come; those that wait need one more commit, and rarely a third."""
    store, come = opened(path), list[int]()
    calls = Calls(path, monkeypatch)

    def first() -> None:
        def decide(_before: object, _revision: int) -> Any:
            while len(come) < 24:
                os.sched_yield()
            return {"a/first": server("a/first")}

        store.change(["a/first"], decide)

    def other(number: int) -> None:
        come.append(number)
        put(store, server(f"a/{number}"))

    at_once(first, *[lambda number=number: other(number) for number in range(24)])
    assert len(store.snapshot().records) == 25
    assert calls.made.count("rename temporary to file") < 12


def test_a_reader_that_a_writer_overtakes_sees_the_old_records_with_the_old_revision(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It opened the file before the rename, and reads it after the writer is done."""
    store = opened(path)
    put(store, server("a/x", commit_sha="1"))
    replace, fstat, seen = os.replace, os.fstat, list[Snapshot]()
    has_opened, is_written = threading.Event(), threading.Event()
    reader = threading.Thread(target=lambda: seen.append(store.snapshot()))

    def replace_under_a_reader(source: Any, target: Any) -> None:
        reader.start()
        has_opened.wait()
        replace(source, target)

    def fstat_slowly(descriptor: int) -> os.stat_result:
        status = fstat(descriptor)
        if threading.current_thread() is reader:
            has_opened.set()
            is_written.wait()
        return status

    monkeypatch.setattr(os, "replace", replace_under_a_reader)
    monkeypatch.setattr(os, "fstat", fstat_slowly)
    put(store, server("a/x", commit_sha="2"))
    is_written.set()
    reader.join()
    assert seen == [Snapshot(1, {"a/x": server("a/x", commit_sha="1")})]
    assert store.snapshot() == Snapshot(2, {"a/x": server("a/x", commit_sha="2")})


def _tries(folder: Path, work: str) -> list[tuple[Path, int]]:
    """For each line of the store: the file of a process that died there, and how often it had acknowledged."""
    child = [sys.executable, "-m", "tests.storage.child", "die", str(folder), work]
    done = subprocess.run(child, cwd=ROOT, capture_output=True, text=True, check=True)
    tries = [(folder / str(number) / "status.json", times) for number, times in enumerate(json.loads(done.stdout))]
    assert len(tries) > 50
    return tries


def test_a_process_that_dies_at_any_line_leaves_a_whole_file_with_all_that_it_acknowledged(tmp_path: Path) -> None:
    """A content may be there that was not yet acknowledged; never half of one, and never an older one."""
    contents = {
        number: {
            "a/x": server("a/x", commit_sha=str(number)),
            **{f"b/{n}": server(f"b/{n}") for n in range(1, number + 1)},
        }
        for number in range(3)
    }
    reached = set[tuple[int, int]]()
    for path, acknowledged in _tries(tmp_path, "changing"):
        store = opened(path)
        found = [number for number, records in contents.items() if store.snapshot().records == records]
        assert found in ([acknowledged], [acknowledged + 1])
        assert json.loads(path.read_bytes())["servers"] == contents[found[0]]
        assert store.snapshot().revision == 1 + 2 * found[0]
        put(store, server("c/x"))
        assert opened(path).snapshot().records == {**contents[found[0]], "c/x": server("c/x")}
        assert sorted(entry.name for entry in path.parent.iterdir()) == ["status.json", "status.json.lock"]
        reached.add((acknowledged, found[0]))
    assert reached == {(0, 0), (0, 1), (1, 1), (1, 2), (2, 2)}


def test_a_migration_that_dies_at_any_line_is_done_by_the_next_start_and_loses_nothing(tmp_path: Path) -> None:
    (tmp_path / "never").mkdir()
    undisturbed = tmp_path / "never" / "status.json"
    undisturbed.write_bytes(V1_BYTES)
    expected = v1_store(undisturbed).snapshot()
    reached = set[tuple[bool, bool]]()
    for path, _ in _tries(tmp_path, "migrating"):
        copy = path.with_name("status.v1.json")
        is_migrated = path.read_bytes() != V1_BYTES
        reached.add((copy.exists(), is_migrated))
        assert v1_store(path).snapshot() == expected
        assert copy.read_bytes() == V1_BYTES
        assert path.read_bytes() == undisturbed.read_bytes()
        assert sorted(entry.name for entry in path.parent.iterdir()) == [
            "status.json",
            "status.json.lock",
            "status.v1.json",
        ]
    assert reached == {(False, False), (True, False), (True, True)}
