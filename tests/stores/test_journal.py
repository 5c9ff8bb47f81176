"""The journal beside the file: what waits in it, who reads it, and when it is started anew."""

import json
import shutil
import stat
from pathlib import Path
from typing import Any

import pytest

from domain.errors import Unavailable
from stores.files import read_signed
from stores.json_file import replica
from stores.json_file.history import HistoryFile
from stores.lock import StoreLock
from tests.process.service import wait_until
from tests.stores.records import (
    agree,
    beside,
    files,
    in_file,
    keep_in_journal,
    note,
    opened,
    put,
    server,
    servers,
    told,
)


def test_what_is_in_the_journal_only_is_read_by_all_and_the_file_stays(path: Path) -> None:
    store, other = opened(path), opened(path)
    put(store, server("a/x"))
    keep_in_journal(store)
    inode = path.stat().st_ino
    note(store, ("a/x", "failed"), ("b/x", "synced"))
    note(store, ("a/x", None))
    assert agree(path, store, other) == ["b/x"]
    assert path.stat().st_ino == inode
    assert list(in_file(path)) == ["a/x"]
    store.close()
    assert list(in_file(path)) == ["b/x"]


def test_the_file_is_written_by_itself_when_its_time_has_come(path: Path) -> None:
    """And not with each commit, if that would take more of the time than its share."""
    store = opened(path, saved=0.0, share=0.01)
    put(store, server("a/x"))
    written = 0
    for number in range(20):
        inode = path.stat().st_ino
        put(store, server(f"b/{number}"))
        written += path.stat().st_ino != inode
    assert written < 10
    wait_until(lambda: len(in_file(path)) == 21, "the file holds all")


def test_a_commit_costs_what_it_changes_and_not_the_fleet(path: Path) -> None:
    store = opened(path)
    put(store, *(server(f"a/{number}") for number in range(500)))
    keep_in_journal(store)
    before = beside(path, "journal").stat().st_size
    note(store, ("a/7", "failed"))
    assert 500 < beside(path, "journal").stat().st_size - before < 2_000


def test_a_long_journal_is_started_anew_and_whoever_follows_it_misses_nothing(path: Path) -> None:
    store, often, rarely = [opened(path, journal=5_000) for _ in range(3)]
    sizes, loads = set[bool](), list[int]()
    for number in range(30):
        note(store if number % 3 else often, (f"a/{number:02}", "synced"))
        loads.append(often.snapshot().revision)
        sizes.add(beside(path, "journal").stat().st_size > 2_000)
        if number % 11 == 0:
            assert servers(rarely) == servers(store)
    assert loads == list(range(1, 31))
    assert sizes == {False, True}
    assert agree(path, store, often, rarely) == [f"a/{number:02}" for number in range(30)]
    assert beside(path, "journal").stat().st_size < 20_000


def test_who_follows_the_journal_reads_the_file_once(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Checkpoints of ours are announced, also where the journal is started anew."""
    store, other, reads = opened(path, journal=3_000), opened(path, journal=3_000), list[Path]()
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


def test_journal_and_history_have_the_permissions_of_the_file(path: Path) -> None:
    put(opened(path), server("a/x"))
    path.chmod(0o600)
    beside(path, "journal").unlink()
    store = opened(path)
    note(store, ("b/x", "synced"))
    assert files(path) == ["history", "journal", "lock"]
    for name in ("history", "journal"):
        assert stat.S_IMODE(beside(path, name).stat().st_mode) == 0o600


def test_a_reading_that_failed_in_the_middle_is_done_again(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, other = opened(path), opened(path)
    note(store, ("a/x", "synced"))
    other.snapshot()
    keep_in_journal(store)
    note(store, ("b/x", "synced"), ("c/x", "synced"))
    shutil.copyfile(beside(path, "journal"), path.with_name("copy"))
    path.with_name("copy").replace(beside(path, "journal"))
    with monkeypatch.context() as patched:

        def fail(*_arguments: object) -> int:
            raise OSError(24, "Too many open files")

        patched.setattr(HistoryFile, "last_revision", fail)
        with pytest.raises(Unavailable, match="Too many open files"):
            other.snapshot()
    assert agree(path, other) == ["a/x", "b/x", "c/x"]


def test_whoever_closes_last_writes_what_a_dead_process_left_in_the_journal(path: Path) -> None:
    store, other = opened(path), opened(path)
    note(store, ("a/x", "synced"))
    other.snapshot()
    keep_in_journal(store)
    note(store, ("b/x", "synced"))
    assert list(in_file(path)) == ["a/x"]
    other.close()
    assert list(in_file(path)) == ["a/x", "b/x"]


def test_closing_a_store_that_nobody_used_touches_nothing(path: Path) -> None:
    opened(path).close()
    assert list(path.parent.iterdir()) == []


def test_a_late_checkpoint_that_cannot_get_the_lock_is_tried_again(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store, late = opened(path), opened(path, saved=0.0, retry=0.01, lock=0.0)
    keep_in_journal(store)
    note(store, ("a/x", "synced"))
    sentence = "is locked by another process for over 0 seconds. What was reported is safe in its journal."
    with StoreLock(path, beside(path, "lock")).held():
        late.snapshot()  # whoever reads owes the file a checkpoint
        wait_until(lambda: late.notice() != "", "it has failed")
        wait_until(lambda: sentence in caplog.text, "it is said")
    wait_until(lambda: list(in_file(path)) == ["a/x"], "the file is written")
    assert caplog.text.count(sentence) == 1


def test_heartbeats_let_no_file_grow(path: Path) -> None:
    store, sizes = opened(path, journal=3_000), set[int]()
    note(store, ("a/x", "synced"))
    before = path.stat().st_size, beside(path, "history").stat().st_size
    for _ in range(100):
        put(store, server("a/x", status="synced"))
        sizes.add(beside(path, "journal").stat().st_size)
    assert max(sizes) < 6_000
    assert beside(path, "history").stat().st_size == before[1]
    assert abs(path.stat().st_size - before[0]) < 10  # the revision has more digits


@pytest.mark.parametrize(
    ("where", "odd"),
    [
        (("servers", "b/x", "timestamp"), None),
        (("servers", "b/x", "last_cron_check"), [None]),
        (("servers", "b/x", "first_seen"), 2**63 - 1),
        (("history", 0, "time"), None),
        (("history", 0, "changed_files"), 3),
    ],
)
def test_a_start_refuses_a_line_with_a_member_that_cannot_be_and_leaves_it(
    path: Path, where: tuple[Any, ...], odd: object
) -> None:
    store = opened(path)
    note(store, ("a/x", "synced"))
    keep_in_journal(store)
    note(store, ("b/x", "synced"))
    journal = beside(path, "journal")
    *before, last = journal.read_bytes().splitlines(keepends=True)
    member = line = json.loads(last)
    for name in where[:-1]:
        member = member[name]
    member[where[-1]] = odd
    content = b"".join([*before, json.dumps(line).encode(), b"\n"])
    journal.write_bytes(content)
    kept = path.read_bytes()
    with pytest.raises(Unavailable, match="the line of revision 2 in its journal is damaged: "):
        opened(path).snapshot()
    assert (journal.read_bytes(), path.read_bytes()) == (content, kept)
