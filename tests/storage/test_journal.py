"""The journal beside the file, and what becomes of what an operator does to either of them."""

import itertools
import os
import shutil
import stat
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from domain.errors import Unavailable
from storage import Decision, json_file, replica
from storage.files import read_signed, write_synced
from storage.history import HistoryFile
from tests.storage.records import (
    files,
    keep_in_journal,
    note,
    opened,
    put,
    server,
    told,
    until,
    write_the_file,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "status.json"


def _in_file(path: Path) -> Any:
    return orjson.loads(path.read_bytes())["servers"]


def _beside(path: Path, ending: str) -> Path:
    return path.with_name(f"{path.name}.{ending}")


def _agree(path: Path, *stores: Any) -> list[str]:
    """The keys that all of these stores, and one opened anew, hold alike, with the same history."""
    fresh = opened(path)
    for store in stores:
        assert store.snapshot().records == fresh.snapshot().records
        assert told(store) == told(fresh)
    revisions = [entry[0] for entry in told(fresh)]
    assert revisions == sorted(set(revisions))
    return list(fresh.snapshot().records)


def test_what_is_in_the_journal_only_is_read_by_all_and_the_file_stays(path: Path) -> None:
    store, other = opened(path), opened(path)
    put(store, server("a/x"))
    keep_in_journal(store)
    inode = path.stat().st_ino
    note(store, ("a/x", "failed"), ("b/x", "synced"))
    note(store, ("a/x", None))
    assert _agree(path, store, other) == ["b/x"]
    assert path.stat().st_ino == inode
    assert list(_in_file(path)) == ["a/x"]
    store.close()
    assert list(_in_file(path)) == ["b/x"]


def test_the_file_is_written_by_itself_when_its_time_has_come(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And not with each commit, if that would take more of the time than its share."""
    monkeypatch.setattr(json_file, "SAVED_SECONDS", 0.0)
    monkeypatch.setattr(json_file, "CHECKPOINT_SHARE", 0.01)
    store = opened(path)
    put(store, server("a/x"))
    written = 0
    for number in range(20):
        inode = path.stat().st_ino
        put(store, server(f"b/{number}"))
        written += path.stat().st_ino != inode
    assert written < 10
    until(lambda: len(_in_file(path)) == 21)


def test_a_commit_costs_what_it_changes_and_not_the_fleet(path: Path) -> None:
    store = opened(path)
    put(store, *(server(f"a/{number}") for number in range(500)))
    keep_in_journal(store)
    before = _beside(path, "journal").stat().st_size
    note(store, ("a/7", "failed"))
    assert 500 < _beside(path, "journal").stat().st_size - before < 2_000


def test_a_long_journal_is_started_anew_and_whoever_follows_it_misses_nothing(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(json_file, "JOURNAL_BYTES", 5_000)
    store, often, rarely = opened(path), opened(path), opened(path)
    sizes, loads = set[bool](), list[int]()
    for number in range(30):
        note(store if number % 3 else often, (f"a/{number:02}", "synced"))
        loads.append(often.snapshot().revision)
        sizes.add(_beside(path, "journal").stat().st_size > 2_000)
        if number % 11 == 0:
            assert rarely.snapshot().records == store.snapshot().records
    assert loads == list(range(1, 31))
    assert sizes == {False, True}
    assert _agree(path, store, often, rarely) == [f"a/{number:02}" for number in range(30)]
    assert _beside(path, "journal").stat().st_size < 20_000


def test_who_follows_the_journal_reads_the_file_once(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Checkpoints of ours are announced, also where the journal is started anew."""
    monkeypatch.setattr(json_file, "JOURNAL_BYTES", 3_000)
    store, other, reads = opened(path), opened(path), list[Path]()
    put(store, server("a/x"))
    other.snapshot()

    def counting(read: Path) -> Any:
        reads.append(read)
        return read_signed(read)

    monkeypatch.setattr(replica, "read_signed", counting)
    for number in range(20):
        put(store, server(f"b/{number}"))
        other.snapshot()
    assert reads == []


def test_a_reader_that_writers_overtake_reads_again(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, reader = opened(path), opened(path)
    note(store, ("a/x", "synced"))
    statuses = iter(["failed", "unknown"])

    def overtaken(read: Path) -> Any:
        content = read_signed(read)
        if status := next(statuses, None):
            note(store, ("a/x", status))
        return content

    monkeypatch.setattr(replica, "read_signed", overtaken)
    assert reader.snapshot() == store.snapshot()
    assert told(reader) == told(store)
    assert store.snapshot().revision == 3


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
    assert list(_in_file(path)) == ["a/x"]
    assert _agree(path, store) == ["a/x", "b/x", "c/x"]
    note(opened(path), ("d/x", "synced"))
    assert _agree(path, store) == ["a/x", "b/x", "c/x", "d/x"]


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
    content = _beside(path, "journal").read_bytes()
    keep(_beside(path, "journal"), old)
    write_the_file(store)
    note(store, ("a/x", "unknown"), ("b/x", None))
    _beside(path, "journal").unlink()
    note(store, ("c/x", "synced"))
    if keep is os.link:
        old.write_bytes(content)
    if not is_running:
        store.close()
    put_back(old, _beside(path, "journal"))
    readers = [store] if is_running else []
    assert _agree(path, *readers) == ["a/x", "c/x"]
    assert opened(path).snapshot().records["a/x"]["status"] == "unknown"
    note(store, ("d/x", "synced"))
    assert _agree(path, store) == ["a/x", "c/x", "d/x"]
    assert [entry[0] for entry in told(store)] == [1, 2, 3, 4, 5, 6, 7]


def test_an_older_journal_copied_over_is_noticed_where_a_line_of_it_ends_just_where_reading_ended(path: Path) -> None:
    store, journal = opened(path), _beside(path, "journal")
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
    assert _agree(path, store) == ["a/x", "c/x"]
    note(store, ("d/x", "synced"))
    assert _agree(path, store) == ["a/x", "c/x", "d/x"]


@pytest.mark.parametrize("content", [None, b"", b"\n", b"{}\n", b"[1]\n", b"torn"])
def test_a_journal_that_is_missing_or_empty_costs_only_what_was_in_it_alone(path: Path, content: bytes | None) -> None:
    store, other = opened(path), opened(path)
    note(store, ("a/x", "synced"))
    other.snapshot()
    _beside(path, "journal").unlink()
    if content is not None:
        _beside(path, "journal").write_bytes(content)
    assert _agree(path, store, other) == ["a/x"]
    note(store, ("b/x", "synced"))
    note(other, ("c/x", "synced"))
    assert _agree(path, store, other) == ["a/x", "b/x", "c/x"]
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
    assert _agree(path, store, other) == ["b/x", "c/x"]
    note(other, ("d/x", "synced"))
    assert _agree(path, store, other) == ["b/x", "c/x", "d/x"]
    assert _in_file(path)["b/x"]["branch"] == "by hand"
    assert store.snapshot().records["b/x"]["branch"] == "by hand"
    note(store, ("b/x", "failed"))
    assert _agree(path, store, other) == ["b/x", "c/x", "d/x"]


def test_an_edit_while_the_file_is_written_is_kept_also_when_a_reader_took_it_over(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = opened(path)
    note(store, ("a/x", "synced"))

    def edited_meanwhile(*arguments: Any, **options: Any) -> Any:
        signature = write_synced(*arguments, **options)
        monkeypatch.undo()
        keep_in_journal(store)
        path.write_bytes(path.read_bytes().replace(b'"branch":""', b'"branch":"by hand"'))
        assert store.snapshot().records["a/x"]["branch"] == "by hand"
        return signature

    monkeypatch.setattr(json_file, "write_synced", edited_meanwhile)
    note(store, ("b/x", "synced"))
    assert _agree(path, store) == ["a/x", "b/x"]
    assert _in_file(path)["a/x"]["branch"] == "by hand"
    note(store, ("c/x", "synced"))
    assert _in_file(path)["a/x"]["branch"] == "by hand"
    assert _agree(path, store) == ["a/x", "b/x", "c/x"]


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
        return Decision({"b/x": server("b/x", revision=first)})

    store.change(["b/x"], decide)
    note(store, ("c/x", "synced"))
    assert _agree(path, store) == ["b/x", "c/x"]
    assert store.snapshot().revision == 3


def test_a_backup_put_back_while_commits_wait_is_taken_over_with_what_came_after_the_last_checkpoint(
    path: Path,
) -> None:
    store, other = opened(path), opened(path)
    note(store, ("a/x", "synced"))
    shutil.copyfile(path, backup := path.with_name("backup"))
    note(store, ("a/x", "failed"), ("b/x", "synced"))
    keep_in_journal(store)
    keep_in_journal(other)
    note(store, ("c/x", "synced"))
    backup.replace(path)
    assert _agree(path, store, other) == ["a/x", "c/x"]
    assert store.snapshot().records["a/x"]["status"] == "synced"
    note(other, ("d/x", "synced"))
    note(store, ("d/x", "failed"))
    assert _agree(path, store, other) == ["a/x", "c/x", "d/x"]
    assert [entry[0] for entry in told(store)] == [1, 2, 3, 4, 5, 6]


ENDINGS = ("json", "journal", "history")


@pytest.mark.parametrize("waits", [False, True], ids=["in the file", "in the journal"])
@pytest.mark.parametrize("order", list(itertools.permutations(ENDINGS)), ids="-".join)
def test_a_copy_made_in_any_order_while_commits_go_on_opens_and_tells_each_entry_once(
    tmp_path: Path, order: tuple[str, ...], waits: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the journal before the file and the history, it holds all that was acknowledged before the copy began."""
    for journal_bytes in (-1, 1_000_000):
        monkeypatch.setattr(json_file, "JOURNAL_BYTES", journal_bytes)
        source = tmp_path / f"source {journal_bytes}" / "status.json"
        copy = tmp_path / f"copy {journal_bytes}" / "status.json"
        copy.parent.mkdir()
        store = opened(source)
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
        records = opened(copy).snapshot().records
        _agree(copy)
        if order[0] == "journal":
            assert {"a/0", "a/1"} <= records.keys()
            assert records["a/0"]["status"] == "failed"
            assert [entry[0] for entry in told(opened(copy))][:3] == [1, 2, 3]
        copied = opened(copy)
        note(copied, ("c/x", "synced"))
        note(copied, ("c/y", "synced"))
        assert _agree(copy, copied) == sorted({*records, "c/x", "c/y"})


def test_journal_and_history_have_the_permissions_of_the_file(path: Path) -> None:
    put(opened(path), server("a/x"))
    path.chmod(0o600)
    _beside(path, "journal").unlink()
    store = opened(path)
    note(store, ("b/x", "synced"))
    assert files(path) == ["history", "journal", "lock"]
    for name in ("history", "journal"):
        assert stat.S_IMODE(_beside(path, name).stat().st_mode) == 0o600


def test_a_reading_that_failed_in_the_middle_is_done_again(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, other = opened(path), opened(path)
    note(store, ("a/x", "synced"))
    other.snapshot()
    keep_in_journal(store)
    note(store, ("b/x", "synced"), ("c/x", "synced"))
    shutil.copyfile(_beside(path, "journal"), path.with_name("copy"))
    path.with_name("copy").replace(_beside(path, "journal"))
    with monkeypatch.context() as patched:

        def fail(*_arguments: object) -> int:
            raise OSError(24, "Too many open files")

        patched.setattr(HistoryFile, "last_revision", fail)
        with pytest.raises(Unavailable, match="Too many open files"):
            other.snapshot()
    assert _agree(path, other) == ["a/x", "b/x", "c/x"]


def test_a_file_that_was_just_emptied_is_being_written_and_one_that_stays_empty_holds_nothing(path: Path) -> None:
    """`cp` over the file empties it first: whoever commits then must not write over what comes."""
    store = opened(path)
    note(store, ("a/x", "synced"))
    content = path.read_bytes()
    path.write_bytes(b"")
    for use in (store.snapshot, opened(path).snapshot, lambda: note(store, ("b/x", "synced"))):
        with pytest.raises(Unavailable, match="is empty, as if somebody was just writing it"):
            use()
    path.write_bytes(content)
    assert _agree(path, store) == ["a/x"]
    path.write_bytes(b"")
    os.utime(path, (0, 0))
    assert _agree(path, store) == []


def test_whoever_closes_last_writes_what_a_dead_process_left_in_the_journal(path: Path) -> None:
    store, other = opened(path), opened(path)
    note(store, ("a/x", "synced"))
    other.snapshot()
    keep_in_journal(store)
    note(store, ("b/x", "synced"))
    assert list(_in_file(path)) == ["a/x"]
    other.close()
    assert list(_in_file(path)) == ["a/x", "b/x"]


def test_closing_a_store_that_nobody_used_touches_nothing(path: Path) -> None:
    opened(path).close()
    assert list(path.parent.iterdir()) == []


def test_a_late_checkpoint_that_cannot_get_the_lock_is_tried_again(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(json_file, "RETRY_SECONDS", 0.01)
    store, tries = opened(path), list[int]()
    note(store, ("a/x", "synced"))
    assert isinstance(store, json_file.JsonFileStore)
    store._next_write = time.monotonic() + 0.05
    locked = store._locked

    def lock_later() -> Any:
        if threading.current_thread() is not threading.main_thread():
            tries.append(1)
            if len(tries) < 3:
                raise Unavailable("The lock is another's.")
        return locked()

    monkeypatch.setattr(store, "_locked", lock_later)
    note(store, ("b/x", "synced"))
    until(lambda: list(_in_file(path)) == ["a/x", "b/x"])
    assert len(tries) == 3
    assert caplog.text.count("The lock is another's. What was reported is safe in its journal.") == 2


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
    assert _agree(path, *[store] * is_running) == ["a/x"]
    note(store, ("c/x", "synced"))
    assert _agree(path, store) == ["a/x", "c/x"]


def test_heartbeats_let_no_file_grow(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_file, "JOURNAL_BYTES", 3_000)
    store, sizes = opened(path), set[int]()
    note(store, ("a/x", "synced"))
    before = path.stat().st_size, _beside(path, "history").stat().st_size
    for _ in range(100):
        put(store, server("a/x", status="synced"))
        sizes.add(_beside(path, "journal").stat().st_size)
    assert max(sizes) < 6_000
    assert _beside(path, "history").stat().st_size == before[1]
    assert abs(path.stat().st_size - before[0]) < 10  # the revision has more digits
