"""What a store does when a service begins to serve: it makes the empty one, and brings an old file up to date."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from domain.errors import Unavailable
from stores.json_file.journal import Journal
from tests.process.service import wait_until
from tests.stores.records import agree, at_once, beside, files, in_file, keep_in_journal, note, opened, servers, told


def test_where_there_is_nothing_at_all_it_makes_the_empty_store(path: Path) -> None:
    stores = [opened(path) for _ in range(4)]
    at_once(*[store.begin for store in stores])
    assert path.read_bytes() == b'{"version":"2.0","revision":0,\n"servers":{\n}}\n'
    assert files(path) == ["journal", "lock"]
    note(stores[0], ("a/x", "synced"))
    for store in (*stores, opened(path)):
        store.begin()
        assert told(store) == [(1, "a/x", "created", "synced")]


def test_a_folder_that_is_missing_is_made(tmp_path: Path) -> None:
    path = tmp_path / "data" / "status.json"
    opened(path).begin()
    assert json.loads(path.read_bytes()) == {"version": "2.0", "revision": 0, "servers": {}}


@pytest.mark.parametrize("left", ["file", "journal", "history", "lock"])
def test_where_anything_is_left_of_a_store_it_makes_none(path: Path, left: str) -> None:
    store = opened(path)
    note(store, ("a/x", "synced"))
    store.close()
    kept = path if left == "file" else beside(path, left)
    for name in (path, beside(path, "journal"), beside(path, "history"), beside(path, "lock")):
        if name != kept:
            name.unlink()
    if left == "file":
        path.write_bytes(b"")
    for one in [store] if left == "file" else [opened(path), store]:
        with pytest.raises(Unavailable, match=r"status\.json is (gone|empty), and there was one"):
            one.begin()
    assert not path.exists() or path.read_bytes() == b""


def test_what_cannot_be_made_is_said(path: Path) -> None:
    path.parent.joinpath("file").touch()
    with pytest.raises(Unavailable, match="cannot be"):
        opened(path.parent / "file" / "status.json").begin()


def test_a_file_that_a_dead_process_left_behind_is_brought_up_to_date_by_whoever_reads(
    path: Path,
) -> None:
    """The one that died is one that never does it; nobody reports any more."""
    dead, other = opened(path), opened(path, saved=0.01)
    note(dead, ("a/x", "synced"))
    other.begin()
    keep_in_journal(dead)
    for number, reader in enumerate((other, opened(path, saved=0.01), opened(path, saved=0.01))):
        note(dead, (f"b/{number}", "synced"))
        assert f"b/{number}" not in in_file(path)
        if number < 2:
            reader.begin()
        else:
            list(reader.events())
        wait_until(lambda key=f"b/{number}": key in in_file(path), "it stands in the file")  # type: ignore[misc]  # a default
    assert beside(path, "history").read_bytes().count(b"\n") == 4


@pytest.mark.parametrize("knows_it", [False, True], ids=["while all is down", "beside a worker that lives"])
def test_a_backup_that_is_put_back_right_after_a_crash_is_not_undone(path: Path, knows_it: bool) -> None:
    """What was acknowledged and waits in the journal was committed before the backup was put there."""
    dead, other = opened(path), opened(path)
    note(dead, ("a/x", "synced"))
    shutil.copyfile(path, backup := path.with_name("backup"))
    note(dead, ("a/x", "failed"), ("b/x", "synced"))
    keep_in_journal(dead)
    note(dead, ("c/x", "synced"))
    if knows_it:
        assert list(servers(other)) == ["a/x", "b/x", "c/x"]
    backup.replace(path)
    started = other if knows_it else opened(path)
    started.begin()
    assert agree(path, started) == list(in_file(path)) == ["a/x"]
    note(started, ("d/x", "synced"))
    assert agree(path, started) == list(in_file(path)) == ["a/x", "d/x"]
    events = [entry[1:3] for entry in told(started)]
    assert events[3:] == [
        ("c/x", "created"), ("a/x", "changed"), ("b/x", "deleted"), ("c/x", "deleted"), ("d/x", "created"),
    ]  # fmt: skip


@pytest.mark.parametrize("step", ["decided", "synced"])
def test_a_report_that_is_acknowledged_after_a_backup_came_is_added_to_it(
    path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """The backup comes when the report has already looked at what is there."""
    store = opened(path)
    note(store, ("a/x", "synced"))
    shutil.copyfile(path, backup := path.with_name("backup"))
    note(store, ("a/x", "failed"))
    sync, append = Journal.sync, Journal.append

    def put_back(original: Callable[..., Any]) -> Callable[..., Any]:
        def putting_back(*arguments: Any) -> Any:
            if backup.exists():
                backup.replace(path)
            return original(*arguments)

        return putting_back

    monkeypatch.setattr(Journal, *(("append", put_back(append)) if step == "decided" else ("sync", put_back(sync))))
    note(store, ("b/x", "synced"))
    assert agree(path, store) == list(in_file(path)) == ["a/x", "b/x"]
    assert servers(store)["a/x"]["status"] == "synced"


def test_a_backup_that_is_put_back_after_a_crash_and_a_start_is_not_undone(path: Path) -> None:
    store = opened(path)
    note(store, ("a/x", "synced"))
    shutil.copyfile(path, backup := path.with_name("backup"))
    keep_in_journal(store)
    note(store, ("b/x", "synced"))
    started = opened(path, saved=0.01)
    started.begin()
    wait_until(lambda: "b/x" in in_file(path), "it stands in the file")
    backup.replace(path)
    assert list(servers(started)) == list(servers(opened(path))) == ["a/x"]
