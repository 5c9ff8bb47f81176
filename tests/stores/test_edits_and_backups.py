"""What becomes of what an operator does to the file or to its journal: edits, copies, backups put back."""

import itertools
import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from domain.kinds import SERVER
from storage import Decision, Snapshot
from stores.files import read_signed, write_synced
from stores.json_file import checkpoint, replica
from tests.process.service import wait_until
from tests.stores.kinds import ref
from tests.stores.records import (
    agree,
    beside,
    in_file,
    keep_in_journal,
    note,
    of_servers,
    opened,
    server,
    servers,
    told,
    write_the_file,
)


def test_a_file_older_than_the_journal_is_completed_from_it(path: Path) -> None:
    """A checkpoint that was announced and never made, as after a crash; and one whose rename a power cut undid."""
    store = opened(path)
    note(store, ("a/x", "synced"))
    os.link(path, kept := path.with_name("kept"))
    keep_in_journal(store)
    note(store, ("b/x", "synced"))
    write_the_file(store)
    note(store, ("c/x", "synced"))
    kept.replace(path)
    assert list(in_file(path)) == ["a/x"]
    assert agree(path, store) == ["a/x", "b/x", "c/x"]
    note(opened(path), ("d/x", "synced"))
    assert agree(path, store) == ["a/x", "b/x", "c/x", "d/x"]


@pytest.mark.parametrize("is_running", [False, True], ids=["stopped", "running"])
@pytest.mark.parametrize("put_back", [shutil.copyfile, os.replace], ids=["copied over", "renamed over"])
@pytest.mark.parametrize("keep", [shutil.copyfile, os.link], ids=["copy", "same inode"])
def test_an_older_journal_put_back_undoes_nothing_that_the_file_holds(
    path: Path, is_running: bool, keep: Callable[..., None], put_back: Callable[..., None]
) -> None:
    """Also where it is the very one, with its inode, that was there before."""
    store, old = opened(path), path.with_name("old")
    note(store, ("a/x", "synced"))
    keep_in_journal(store)
    note(store, ("a/x", "failed"), ("b/x", "synced"))
    content = beside(path, "journal").read_bytes()
    keep(beside(path, "journal"), old)
    write_the_file(store)
    note(store, ("a/x", "unknown"), ("b/x", None))
    beside(path, "journal").unlink()
    note(store, ("c/x", "synced"))
    if keep is os.link:
        old.write_bytes(content)
    if not is_running:
        store.close()
    put_back(old, beside(path, "journal"))
    readers = [store] if is_running else []
    assert agree(path, *readers) == ["a/x", "c/x"]
    assert servers(opened(path))["a/x"]["status"] == "unknown"
    note(store, ("d/x", "synced"))
    assert agree(path, store) == ["a/x", "c/x", "d/x"]
    assert [entry[0] for entry in told(store)] == [1, 2, 3, 4, 5, 6, 7]


def test_an_older_journal_copied_over_is_noticed_where_a_line_of_it_ends_just_where_reading_ended(path: Path) -> None:
    store, journal = opened(path), beside(path, "journal")
    keep_in_journal(store)
    note(store, ("a/x", "synced"))
    note(store, ("a/x", "failed"), ("b/x", "synced"))
    first, *others = journal.read_bytes().splitlines(keepends=True)
    write_the_file(store)
    note(store, ("a/x", "unknown"), ("b/x", None))
    journal.unlink()
    note(store, ("c/x", "synced"))
    read, before_last = journal.stat().st_size, len(first) + sum(map(len, others[:-1]))
    journal.write_bytes(b"".join([first[:-1], b" " * (read - before_last), b"\n", *others]))
    assert agree(path, store) == ["a/x", "c/x"]
    note(store, ("d/x", "synced"))
    assert agree(path, store) == ["a/x", "c/x", "d/x"]


@pytest.mark.parametrize("content", [None, b"", b"\n", b"{}\n", b"[1]\n", b"torn"])
def test_a_journal_that_is_missing_or_empty_costs_only_what_was_in_it_alone(path: Path, content: bytes | None) -> None:
    store, other = opened(path), opened(path)
    note(store, ("a/x", "synced"))
    other.snapshot()
    beside(path, "journal").unlink()
    if content is not None:
        beside(path, "journal").write_bytes(content)
    assert agree(path, store, other) == ["a/x"]
    note(store, ("b/x", "synced"))
    note(other, ("c/x", "synced"))
    assert agree(path, store, other) == ["a/x", "b/x", "c/x"]
    assert [entry[0] for entry in told(store)] == [1, 2, 3]


def test_a_hand_edit_while_commits_wait_in_the_journal_is_taken_over_with_them(path: Path) -> None:
    """All that came after the last checkpoint is added to the edited file; the next commit writes both there."""
    store, other = opened(path), opened(path)
    note(store, ("a/x", "synced"), ("b/x", "synced"))
    keep_in_journal(store)
    keep_in_journal(other)
    note(store, ("c/x", "synced"))
    value = orjson.loads(path.read_bytes())
    del value["servers"]["a/x"]
    value["servers"]["b/x"]["branch"] = "by hand"
    path.write_bytes(orjson.dumps(value, option=orjson.OPT_INDENT_2))
    assert agree(path, store, other) == ["b/x", "c/x"]
    note(other, ("d/x", "synced"))
    assert agree(path, store, other) == ["b/x", "c/x", "d/x"]
    assert in_file(path)["b/x"]["branch"] == "by hand"
    assert servers(store)["b/x"]["branch"] == "by hand"
    note(store, ("b/x", "failed"))
    assert agree(path, store, other) == ["b/x", "c/x", "d/x"]


def test_an_edit_while_the_file_is_written_is_kept_also_when_a_reader_took_it_over(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = opened(path)
    note(store, ("a/x", "synced"))

    def counting(read: Path) -> Any:
        reads.append(read)
        return read_signed(read)

    def edited_meanwhile(*arguments: Any, **options: Any) -> Any:
        signature = write_synced(*arguments, **options)
        monkeypatch.undo()
        keep_in_journal(store)
        path.write_bytes(path.read_bytes().replace(b'"branch":""', b'"branch":"by hand"'))
        monkeypatch.setattr(replica, "read_signed", counting)
        reader.start()
        wait_until(lambda: bool(reads), "the reader has the file in its hands, and the memory")
        return signature

    reader = threading.Thread(target=lambda: shown.append(store.snapshot()), daemon=True)
    shown, reads = list[Snapshot](), list[Path]()

    monkeypatch.setattr(checkpoint, "write_synced", edited_meanwhile)
    note(store, ("b/x", "synced"))
    reader.join()
    assert shown[0].table(SERVER).records["a/x"]["branch"] == "by hand"
    assert agree(path, store) == ["a/x", "b/x"]
    assert in_file(path)["a/x"]["branch"] == "by hand"
    note(store, ("c/x", "synced"))
    assert in_file(path)["a/x"]["branch"] == "by hand"
    assert agree(path, store) == ["a/x", "b/x", "c/x"]


def test_a_file_put_there_while_a_change_is_decided_gets_the_change_too(path: Path) -> None:
    """Also where a reader finds it in that very moment."""
    store = opened(path)
    note(store, ("a/x", "synced"))
    keep_in_journal(store)

    def decide(_before: Any, first: int) -> Decision:
        if not (path.parent / "mine").exists():
            (path.parent / "mine").touch()
            path.write_bytes(orjson.dumps({"version": "2.0", "revision": 0, "servers": {}}))
            reader = threading.Thread(target=store.snapshot, daemon=True)
            reader.start()
            reader.join(0.2)  # it may wait for us
        return of_servers({"b/x": server("b/x", revision=first)})

    store.change([ref("b/x")], decide)
    note(store, ("c/x", "synced"))
    assert agree(path, store) == ["b/x", "c/x"]
    assert [(key, event) for _revision, key, event, _status in told(store)] == [
        ("a/x", "created"), ("a/x", "deleted"), ("c/x", "created"),  # b/x was decided anew, on what was put there
    ]  # fmt: skip
    assert store.snapshot().revision == 5


def test_a_backup_put_back_while_commits_wait_is_undone_by_none_of_them(path: Path) -> None:
    store, other = opened(path), opened(path)
    note(store, ("a/x", "synced"))
    shutil.copyfile(path, backup := path.with_name("backup"))
    note(store, ("a/x", "failed"), ("b/x", "synced"))
    keep_in_journal(store)
    keep_in_journal(other)
    note(store, ("c/x", "synced"))
    backup.replace(path)
    assert agree(path, store, other) == ["a/x"]
    assert servers(store)["a/x"]["status"] == "synced"
    note(other, ("d/x", "synced"))
    note(store, ("d/x", "failed"))
    assert agree(path, store, other) == ["a/x", "d/x"]
    assert told(store)[:3] == [
        (1, "a/x", "created", "synced"), (2, "a/x", "changed", "failed"), (3, "b/x", "created", "synced"),
    ]  # fmt: skip
    assert told(store)[3:] == [
        (4, "c/x", "created", "synced"), (5, "a/x", "changed", "synced"), (6, "b/x", "deleted", "synced"),
        (7, "c/x", "deleted", "synced"), (8, "d/x", "created", "synced"), (9, "d/x", "changed", "failed"),
    ]  # fmt: skip


ENDINGS = ("json", "journal", "history")


@pytest.mark.parametrize("waits", [False, True], ids=["in the file", "in the journal"])
@pytest.mark.parametrize("order", list(itertools.permutations(ENDINGS)), ids="-".join)
def test_a_copy_made_in_any_order_while_commits_go_on_opens_and_tells_each_entry_once(
    tmp_path: Path, order: tuple[str, ...], waits: bool
) -> None:
    """With the journal before the file and the history, it holds all that was acknowledged before the copy began."""
    for journal_bytes in (-1, 1_000_000):
        source = tmp_path / f"source {journal_bytes}" / "status.json"
        copy = tmp_path / f"copy {journal_bytes}" / "status.json"
        copy.parent.mkdir()
        store = opened(source, journal=journal_bytes)
        note(store, ("a/0", "synced"))
        if waits:
            keep_in_journal(store)
        note(store, ("a/1", "synced"), ("a/0", "failed"))
        for number, ending in enumerate(order):
            name = "status.json" if ending == "json" else f"status.json.{ending}"
            shutil.copy2(source.with_name(name), copy.with_name(name))
            if number == 1:
                write_the_file(store)
            note(store, (f"b/{number}", "synced"), ("a/1", ("failed", "synced")[number % 2]))
        records = servers(opened(copy))
        agree(copy)
        if order[0] == "journal":
            assert {"a/0", "a/1"} <= records.keys()
            assert records["a/0"]["status"] == "failed"
            assert [entry[0] for entry in told(opened(copy))][:3] == [1, 2, 3]
        copied = opened(copy)
        note(copied, ("c/x", "synced"))
        note(copied, ("c/y", "synced"))
        assert agree(copy, copied) == sorted({*records, "c/x", "c/y"})


@pytest.mark.parametrize("is_running", [True, False])
def test_a_backup_that_was_moved_aside_and_back_is_taken_over_although_the_journal_names_it(
    path: Path, is_running: bool
) -> None:
    """It keeps its inode and its time, and so is a checkpoint that the journal announced: but not the last."""
    store, backup = opened(path), path.with_name("aside")
    note(store, ("a/x", "synced"))
    os.link(path, backup)
    for number in range(3):
        note(store, (f"b/{number}", "synced"))
    if not is_running:
        store.close()
    backup.replace(path)
    assert agree(path, *[store] * is_running) == ["a/x"]
    note(store, ("c/x", "synced"))
    assert agree(path, store) == ["a/x", "c/x"]
