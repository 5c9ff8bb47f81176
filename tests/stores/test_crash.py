"""Dying anywhere: at every line of the store, and at every byte of a last line."""

import json
import os
import sys
from pathlib import Path

import orjson
import pytest

from storage import Span
from stores.json_file.history import HistoryFile
from stores.json_file.verify import verify
from tests.process import warm
from tests.stores.child import PREPARED, V1_BYTES, after_steps, assert_same, assert_steps, step, v1_store
from tests.stores.kinds import NOW
from tests.stores.older import refuses_older
from tests.stores.records import (
    ROOT,
    beside,
    files,
    keep_in_journal,
    opened,
    put,
    server,
    servers,
    told,
    yesterday,
)

YESTERDAY = "2026-04-25T10:30:00Z"


def _tries(folder: Path, work: str) -> list[tuple[Path, int]]:
    """The files of processes that died, each with how often that process had acknowledged."""
    child = [sys.executable, "-m", "tests.stores.child", "die", str(folder), work]
    done = warm.run(child, cwd=ROOT, text=True)
    done.check_returncode()
    tries = [(folder / str(number) / "status.json", times) for number, times in enumerate(json.loads(done.stdout))]
    assert len(tries) > 6
    return tries


@pytest.mark.parametrize(("work", "prepared"), PREPARED.items())
def test_a_process_that_dies_at_any_line_leaves_all_that_it_acknowledged_once(
    tmp_path: Path, work: str, prepared: int
) -> None:
    """A change may be there that was not yet acknowledged; never half of one, and each entry is there with its change."""
    reached = set[tuple[int, int]]()
    for path, acknowledged in _tries(tmp_path, work):
        refuses_older(path)  # or nothing is there that it would lose
        found = assert_steps(opened(path), prepared + acknowledged)
        step(opened(path), found)
        assert_steps(opened(path), found + 1)
        assert json.loads(path.read_bytes())["servers"] == servers(after_steps(found + 1))
        assert {"history", "journal", "lock"} <= set(files(path)) <= {"history", "journal", "journal.tmp", "lock"}
        reached.add((acknowledged, found - prepared))
    last = max(acknowledged for acknowledged, _ in reached)
    assert reached == {(last, last)} | {(times, times + by) for times in range(last) for by in (0, 1)}


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
        put(opened(path), server("a/x"))
        assert files(path) == ["history", "journal", "lock", "status.v1.json"]
        assert [entry["event"] for entry in opened(path).events()] == ["created"]
    assert reached == {(False, False), (True, False), (True, True)}


def test_telling_what_a_file_changed_leaves_each_entry_once_at_whichever_line_it_dies(tmp_path: Path) -> None:
    """The second step, which waits in the journal, comes after the last checkpoint: it is added to the file."""
    found = set[int]()
    for path, acknowledged in _tries(tmp_path, "a changed file"):
        found.add(len(list(HistoryFile(beside(path, "history"), like=path).events((), Span(), newest_first=False))))
        store = opened(path)
        assert list(servers(store)) == ["a/x", "b/1", "c/x"]
        assert told(store)[:8] == told(after_steps(2))
        assert sorted(entry[1:] for entry in told(store)[8:]) == [
            ("b/0", "deleted", "synced"), ("c/x", "created", "unknown"),
        ]  # fmt: skip
        assert told(opened(path)) == told(store)
        assert [finding.text for finding in verify(path) if finding.kind != "there"] == []
        assert acknowledged in (0, 1)
    assert found >= {4, 10}


def test_bringing_times_back_is_whole_after_the_next_reading_at_whichever_line_it_dies(tmp_path: Path) -> None:
    left = set[int]()
    for path, _acknowledged in _tries(tmp_path, "times ahead"):
        left.add(beside(path, "history").read_bytes().count(NOW.encode()))
        store = yesterday(path)
        assert {record["timestamp"] for record in servers(store).values()} == {YESTERDAY}
        assert {one["time"] for one in store.events()} == {YESTERDAY}
        assert told(store) == told(after_steps(2))
        store.close()
        assert NOW.encode() not in path.read_bytes() + beside(path, "history").read_bytes()
        step(opened(path), 2)
        assert [entry[1:] for entry in told(opened(path))] == [entry[1:] for entry in told(after_steps(3))]
    assert left == {0, 4}


def test_a_last_line_of_the_journal_that_is_cut_anywhere_is_dropped_and_nothing_else(tmp_path: Path) -> None:
    """It was cut before anybody was told that it is stored."""
    path = _in_journal(tmp_path)
    journal = path.with_name("status.json.journal")
    content = journal.read_bytes()
    *_before, last = content.splitlines()
    for length in {*range(len(content) - len(last) - 1, len(content), 5), len(content) - 2, len(content) - 1}:
        journal.write_bytes(content[:length])
        assert_same(opened(path), 1)
    assert len(last) > 500
    journal.write_bytes(content)
    assert_same(opened(path), 2)


@pytest.mark.parametrize("kept", [0, 1, 300, -1])
def test_after_a_cut_line_all_goes_on_also_for_a_process_that_had_read_it(tmp_path: Path, kept: int) -> None:
    path = _in_journal(tmp_path)
    other, journal = opened(path), path.with_name("status.json.journal")
    assert_same(other, 2)
    content = journal.read_bytes()
    *_before, last = content.splitlines(keepends=True)
    os.truncate(journal, len(content) - len(last) + kept % len(last))
    assert servers(other) == servers(after_steps(1))
    assert list(other.events()) == list(after_steps(1).events())
    step(opened(path), 1)
    step(opened(path), 2)
    assert_same(other, 3)
    step(other, 3)
    assert_same(opened(path), 4)


def test_a_history_that_is_cut_anywhere_in_what_a_checkpoint_adds_is_written_again_from_the_journal(
    tmp_path: Path,
) -> None:
    path = _in_journal(tmp_path)
    file = HistoryFile(path.with_name("status.json.history"), like=path)
    before, entries = file.path.read_bytes(), list(opened(path).events())
    added = b"".join(orjson.dumps(entry) + b"\n" for entry in entries[4:])
    assert len(added) > 500
    for length in {*range(0, len(added), 5), len(added) - 1, len(added)}:
        file.path.write_bytes(before + added[:length])
        assert list(opened(path).events()) == entries
        file.append(entries)
        assert file.path.read_bytes() == before + added
    step(opened(path), 2)
    assert_same(opened(path), 3)


def _in_journal(folder: Path) -> Path:
    """A store whose second step is in the journal only."""
    path = folder / "status.json"
    store = opened(path)
    step(store, 0)
    keep_in_journal(store)
    step(store, 1)
    return path
