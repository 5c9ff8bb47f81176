"""The history's file: its index, and how old entries go."""

import os
import tracemalloc
from pathlib import Path
from typing import Any

import orjson
import pytest

from domain.errors import Unavailable
from domain.history import Entry
from domain.kinds import SERVER
from storage import Span, Store
from stores import files
from stores.json_file.history import HistoryFile
from stores.json_file.verify import verify
from stores.retention import DAY, Mark, MarkFile, Retention
from tests.stores.records import entry, keep_in_journal, note, opened, put, server, servers, told

OLDEST = "2026-04-10T00:00:00Z"


@pytest.fixture(autouse=True)
def _a_store_is_there(path: Path) -> None:
    opened(path).begin()


def history(path: Path) -> Path:
    return path.with_name(f"{path.name}.history")


def write(path: Path, *entries: Entry) -> None:
    with history(path).open("ab") as file:
        file.writelines(orjson.dumps(one, option=orjson.OPT_APPEND_NEWLINE) for one in entries)


def revisions(store: Store, *span: Any, newest_first: bool = False) -> list[int]:
    return [one["revision"] for one in store.events(Span(*span), newest_first=newest_first)]


def pruning(path: Path) -> Store:
    """A store whose next sweep takes out what is old: an earlier service called it old for a day."""
    MarkFile(path).write(Mark(OLDEST, DAY))
    return opened(path, oldest=Retention(lambda: OLDEST, MarkFile(path)))


def test_the_index_follows_a_file_that_grows_is_replaced_or_shrinks(path: Path) -> None:
    store = opened(path)
    write(path, entry(1, "a/a", "2026-04-01"), entry(2, "b/b", "2026-04-02"))
    assert revisions(store) == [1, 2]
    write(path, entry(3, "a/a", "2026-04-03"))
    assert revisions(store) == [1, 2, 3]
    os.truncate(history(path), history(path).read_bytes().index(b"\n") + 1)
    assert revisions(store) == [1]
    before = history(path).with_suffix(".before")
    history(path).rename(before)
    assert revisions(store) == []
    write(path, entry(8, "a/a", "2026-04-03"), entry(9, "a/a", "2026-04-04"))
    assert revisions(store) == [8, 9]
    content = before.read_bytes().replace(b"1", b"7", 1) * 9
    history(path).write_bytes(content)  # the same inode, and longer
    assert revisions(store, newest_first=True) == [7] * 9


def test_lines_that_somebody_wrote_otherwise_are_read_too(path: Path) -> None:
    write(path, entry(1, "a/a", "2026-04-01"))
    with history(path).open("ab") as file:
        file.write(orjson.dumps(dict(reversed(entry(2, "a/a", "2026-04-02").items()))) + b"\n")
    write(path, entry(3, "a/b", "2026-04-03"))
    store = opened(path)
    assert revisions(store, "", "~", lambda key: key == "a/a") == [1, 2]
    assert revisions(store, "2026-04-02T00:00:00Z", "2026-04-02T23:00:00Z") == [2]


def test_a_line_that_grows_while_it_is_read_is_waited_for(path: Path) -> None:
    store, lines = opened(path), b""
    for number in range(1, 30):
        lines += orjson.dumps(entry(number, "a/a", "2026-04-01")) + b"\n"
        for end in (len(lines) - 9, len(lines) - 1, len(lines)):
            history(path).write_bytes(lines[:end])
            assert revisions(store) == list(range(1, number + (end == len(lines))))


def test_times_that_run_backwards_between_servers_are_found_all_the_same(path: Path) -> None:
    days = ["05", "02", "07", "03", "06"]
    write(path, *[entry(number, f"a/{number}", f"2026-04-{day}") for number, day in enumerate(days, 1)])
    store = opened(path)
    assert revisions(store, "2026-04-03T00:00:00Z", "2026-04-06T23:59:59Z") == [1, 4, 5]
    assert revisions(store, "2026-04-03T00:00:00Z", "2026-04-06T23:59:59Z", newest_first=True) == [5, 4, 1]


def test_a_torn_last_line_is_no_entry_and_a_damaged_one_before_others_is_named(path: Path) -> None:
    write(path, entry(1, "a/a", "2026-04-01"), entry(2, "a/a", "2026-04-02"))
    whole = history(path).read_bytes()
    store = opened(path)
    for torn in (whole[:-1], whole[:-20], whole[:-9] + b"\n"):
        history(path).write_bytes(torn)
        assert revisions(store) == revisions(store, newest_first=True) == [1]
    history(path).write_bytes(whole[:-9] + b"\n" + whole)
    for newest_first in (False, True):
        with pytest.raises(Unavailable, match="line 2 of its history cannot be read"):
            revisions(store, newest_first=newest_first)
    history(path).write_bytes(whole)
    assert revisions(store) == [1, 2]


def test_only_what_is_asked_for_is_parsed(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(path, *[entry(number, f"a/{number % 9}", "2026-04-01") for number in range(1, 5_000)])
    store, parsed, loads = opened(path), list[bytes](), orjson.loads
    assert next(store.events(newest_first=True))["revision"] == 4_999

    def load(line: bytes) -> object:
        parsed.append(line)
        return loads(line)

    monkeypatch.setattr(orjson, "loads", load)
    assert next(store.events(newest_first=True))["revision"] == 4_999
    assert len(list(store.events(Span(about="a/3".__eq__)))) == 556
    assert len(list(store.in_force(SERVER, "2026-04-02T00:00:00Z"))) == 9
    assert len(parsed) < 600


def old_and_new(path: Path) -> None:
    """A server that exists, one that is gone, and one without a new entry."""
    write(
        path,
        entry(1, "a/a", "2026-04-01", "created"), entry(2, "gone/x", "2026-04-01", "created"),
        entry(3, "a/a", "2026-04-02"), entry(4, "b/b", "2026-04-02", "created"), entry(5, "b/b", "2026-04-03"),
        entry(6, "gone/x", "2026-04-03", "deleted"), entry(7, "a/a", "2026-04-20"),
        entry(8, "b/n", "2026-04-20", "created"), entry(9, "b/n", "2026-04-21"),
    )  # fmt: skip


def fleet(path: Path) -> Store:
    """A store whose next sweep takes out what is old."""
    store = opened(path)
    keep_in_journal(store)
    put(store, server("a/a"), server("b/b"), server("b/n"))
    store.close()
    old_and_new(path)
    return pruning(path)


def test_old_entries_go_but_the_last_one_of_each_server_that_exists(path: Path) -> None:
    store, other = fleet(path), opened(path)
    assert revisions(other) == [1, 2, 3, 4, 5, 6, 7, 8, 9]
    note(store, ("c/c", "synced"))
    assert revisions(other) == [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]  # no report waits for it
    store.sweep()
    for reader in (store, other, opened(path)):
        assert revisions(reader) == [3, 5, 7, 8, 9, 10]
        assert [one["revision"] for one in reader.in_force(SERVER, "2026-04-15T00:00:00Z")] == [3, 5]
    assert [finding.text for finding in verify(path) if finding.kind == "wrong"] == []


def test_the_newest_entry_never_goes(path: Path) -> None:
    """It tells up to where the journal's entries came here."""
    store = opened(path)
    put(store, server("c/c"))
    write(path, entry(2, "gone/x", "2026-04-01", "created"), entry(3, "gone/x", "2026-04-02", "deleted"))
    store.close()
    store = pruning(path)
    store.sweep()
    assert revisions(store) == [3]


def test_a_damaged_history_is_left_as_it_is_and_reports_go_on(path: Path) -> None:
    store = fleet(path)
    content = history(path).read_bytes().replace(b'{"revision":3', b'{"re', 1)
    history(path).write_bytes(content)
    with pytest.raises(Unavailable, match="line 3 of its history cannot be read"):
        store.sweep()
    put(store, server("c/c"))
    assert history(path).read_bytes() == content
    assert opened(path).get(SERVER, "c/c")


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_crash_leaves_either_file_whole(path: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    class Crash(BaseException):
        """Nothing after it is done."""

    store, content = fleet(path), history(path).read_bytes()

    def crash(*_arguments: object, **_options: object) -> None:
        raise Crash

    done = files.rename_synced
    monkeypatch.setattr(
        "stores.json_file.history.rename_synced" if call == "replace" else "stores.json_file.history.write_synced",
        crash,
    )
    with pytest.raises(Crash):
        store.sweep()
    assert history(path).read_bytes() == content
    monkeypatch.undo()

    def rename_and_crash(source: Path, target: Path) -> None:
        done(source, target)
        raise Crash

    monkeypatch.setattr("stores.json_file.history.rename_synced", rename_and_crash)
    again = pruning(path)
    with pytest.raises(Crash):
        again.sweep()
    assert revisions(opened(path)) == [3, 5, 7, 8, 9]
    monkeypatch.undo()
    last = pruning(path)
    last.sweep()
    put(last, server("d/d"))
    assert revisions(last) == [3, 5, 7, 8, 9]
    assert servers(last).keys() == {"a/a", "b/b", "b/n", "d/d"}
    assert told(last) == told(opened(path))


def test_many_entries_move_here_in_little_memory(path: Path) -> None:
    """Each line that waits keeps eight kilobytes: a thousand may, and not all of them."""
    entries = [entry(number, "a/x", "2026-04-26") for number in range(1, 10_001)]
    tracemalloc.start()
    HistoryFile(history(path), like=path).append(entries)
    _now, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert history(path).stat().st_size > 2_000_000
    assert most < 30_000_000
