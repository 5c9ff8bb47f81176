"""What a file changes that somebody put there: it is told in the history, as of `file`, once and at once."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from domain.errors import Unavailable
from domain.kinds import SERVER
from domain.times import epoch, time_text
from storage import Store
from stores.json_file.verify import verify
from tests.stores.kinds import NOW
from tests.stores.records import (
    agree,
    at_once,
    beside,
    in_file,
    keep_in_journal,
    note,
    opened,
    server,
    servers,
    told,
)

LATER = time_text(epoch(NOW) + 600)


def of_file(store: Store) -> list[tuple[str, str, str | None, str]]:
    """What the history tells as of a file: key, event, and the status before and after."""
    return [
        (f"{one['server_group']}/{one['host']}", one["event"], one["from_status"], one["status"])
        for one in store.events()
        if one["source"] == "file"
    ]


def in_force(store: Store) -> dict[str, str]:
    """The states that the history tells of now."""
    last = store.in_force(SERVER, "9999-12-31T23:59:59Z")
    return {f"{one['server_group']}/{one['host']}": one["status"] for one in last}


def assert_file_and_history_agree(path: Path, *stores: Store) -> None:
    """For all processes alike, and what is told is told once."""
    agree(path, *stores)
    for store in (*stores, opened(path)):
        assert in_force(store) == {key: one["status"] for key, one in servers(store).items()}
    assert [finding for finding in verify(path) if finding.kind in ("wrong", "unread")] == []


def edit(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change the servers in the file by hand."""
    value = orjson.loads(path.read_bytes())
    change(value["servers"])
    path.write_bytes(orjson.dumps(value, option=orjson.OPT_INDENT_2))


@pytest.fixture(params=["running", "stopped", "in the journal"])
def store(request: pytest.FixtureRequest, path: Path) -> Store:
    """A store of three servers, that will read what becomes of its file: at once, or by a later start."""
    store = opened(path)
    note(store, ("old/a", "synced"), ("old/b", "failed"))
    if request.param == "in the journal":
        keep_in_journal(store)
    note(store, ("old/b", "synced"))
    if request.param == "stopped":
        store.close()
        return opened(path)
    return store


def test_a_backup_that_is_put_back_is_told_server_by_server(path: Path) -> None:
    """As docs/OPERATING.md says: copied, and moved over the file."""
    store, other = opened(path), opened(path)
    note(store, ("a/a", "synced"), ("a/gone", "synced"), ("a/same", "failed"))
    shutil.copyfile(path, backup := path.with_name("backup"))
    note(store, ("a/a", "failed"), ("a/new", "out_of_sync"), ("a/gone", None), ("a/same", "failed"))
    other.snapshot()
    backup.replace(path)
    assert of_file(store) == [
        ("a/a", "changed", "failed", "synced"), ("a/new", "deleted", "out_of_sync", "out_of_sync"),
        ("a/gone", "created", None, "synced"),
    ]  # fmt: skip
    assert_file_and_history_agree(path, store, other)
    before = told(store)
    note(other, ("a/a", "synced"), ("a/gone", "synced"))  # what they are already
    assert told(store) == before


@pytest.mark.parametrize(
    ("field", "value"),
    [("status", "failed"), ("validation_status", "failed"), ("commit_sha", "abc"), ("changed_files", ["/etc/a"])],
)
def test_each_field_that_a_report_is_told_for_is_told_for_a_file_too(
    store: Store, path: Path, field: str, value: Any
) -> None:
    """The entry says what the record says, and names no token."""
    edit(path, lambda servers: servers["old/a"].update({field: value, "updated_by": "by hand"}))
    (entry,) = [one for one in store.events() if one["source"] == "file"]
    fields: dict[str, Any] = {**entry}
    assert fields[field] == value
    assert (entry["event"], entry["from_status"], entry["updated_by"], entry["actor"]) == (
        "changed", "synced", "file", "",
    )  # fmt: skip
    assert_file_and_history_agree(path, store)


@pytest.mark.parametrize(
    "change",
    [
        lambda _servers: None,  # the layout alone
        lambda servers: servers["old/a"].update(branch="next", validation_message="x"),
        lambda servers: servers["old/a"].update(changed_files=["/b", "/a"]),
    ],
    ids=["white space", "a field that is not told", "the order of files"],
)
def test_what_would_be_no_change_in_a_report_is_none_in_a_file(
    path: Path, change: Callable[[dict[str, Any]], object]
) -> None:
    store = opened(path)
    note(store, ("old/a", "synced"))
    edit(path, lambda servers: servers["old/a"].update(changed_files=["/a", "/b"]))
    before = told(store), store.snapshot().revision
    edit(path, change)
    for one in (store, opened(path)):
        assert (told(one), one.snapshot().revision) == before


def test_a_group_that_is_renamed_leaves_no_ghost(store: Store, path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b"old", b"new"))
    waiting = [key for key in servers(store) if key.startswith("old/")]  # what waited in the journal
    assert in_force(store).keys() == {"new/a", "new/b", *waiting}
    assert ("old/a", "deleted", "synced", "synced") in of_file(store)
    assert ("new/a", "created", None, "synced") in of_file(store)
    assert_file_and_history_agree(path, store)


def test_a_first_start_with_a_file_and_no_history_tells_of_each_server(path: Path) -> None:
    servers = {key: server(key, status="failed") for key in ("a/x", "b/y")}
    path.write_bytes(orjson.dumps({"version": "2.0", "servers": servers}))
    stores = [opened(path, clock=lambda: epoch(LATER)) for _ in range(3)]
    at_once(*[lambda store=store: store.begin() for store in stores])
    assert of_file(stores[0]) == [("a/x", "created", None, "failed"), ("b/y", "created", None, "failed")]
    assert {one["time"] for one in stores[0].events()} == {LATER}
    assert in_file(path) == servers
    assert_file_and_history_agree(path, *stores)


def test_a_reading_has_it_on_disk_before_it_is_answered(store: Store, path: Path) -> None:
    edit(path, lambda servers: servers["old/a"].update(status="failed"))
    store.get(SERVER, "old/a")
    assert path.read_bytes().count(b"\n") == 5  # a record a line
    last = orjson.loads(beside(path, "history").read_bytes().splitlines()[-1])
    assert (last["host"], last["source"], last["event"], last["status"]) == ("a", "file", "changed", "failed")


def test_a_server_that_comes_again_by_a_file_comes_after_it_went(path: Path) -> None:
    """Also where the clock stands a little behind."""
    store = opened(path, clock=lambda: epoch(NOW) - 50)
    note(store, ("a/x", "synced"), ("a/y", "synced"))
    shutil.copyfile(path, backup := path.with_name("backup"))
    note(store, ("a/x", None), ("a/y", "failed"))
    backup.replace(path)
    assert [(one["source"], one["event"], one["time"]) for one in store.events()][3:] == [
        ("pipeline", "changed", NOW), ("file", "changed", NOW), ("file", "created", NOW),
    ]  # fmt: skip


def test_many_processes_that_find_it_at_once_tell_it_once(path: Path) -> None:
    stores = [opened(path) for _ in range(4)]
    note(stores[0], ("a/x", "synced"), ("b/x", "synced"))
    for number in range(10):
        edit(path, lambda servers, number=number: servers["a/x"].update(commit_sha=str(number)))  # type: ignore[misc]  # a default
        at_once(*[store.snapshot for store in stores * 2], lambda: note(stores[1], ("b/x", "synced")))
        assert len(of_file(stores[2])) == number + 1
    assert_file_and_history_agree(path, *stores)


def test_a_file_that_came_and_cannot_be_written_is_shown_said_once_and_told_later(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = opened(path, costly=0)
    note(store, ("a/x", "synced"))
    edit(path, lambda servers: servers["a/x"].update(status="failed"))
    content = path.read_bytes()
    beside(path, "lock").unlink()
    beside(path, "lock").mkdir()  # nobody can take it
    for _ in range(3):
        assert servers(store)["a/x"]["status"] == "failed"
        assert told(store) == [(1, "a/x", "created", "synced")]
    with pytest.raises(Unavailable, match="cannot be locked"):
        note(store, ("b/x", "synced"))
    assert path.read_bytes() == content
    assert caplog.text.count("cannot be locked") == len(caplog.records) == 1
    beside(path, "lock").rmdir()
    note(store, ("b/x", "synced"))
    assert told(store)[1:] == [(2, "a/x", "changed", "failed"), (3, "b/x", "created", "synced")]


def test_an_empty_store_that_is_put_there_is_told_with_it_and_gives_no_revision_twice(path: Path) -> None:
    """As `flask store new` does."""
    store = opened(path)
    note(store, ("a/x", "synced"), ("b/x", "failed"))
    path.write_bytes(b"{}")
    assert list(servers(store)) == []
    note(store, ("b/x", "failed"))
    assert of_file(store) == [("a/x", "deleted", "synced", "synced"), ("b/x", "deleted", "failed", "failed")]
    assert told(store)[4:] == [(5, "b/x", "created", "failed")]
    assert_file_and_history_agree(path, store)


@pytest.mark.parametrize("part", [b'{"revision":2,', b'"commit_sha":"",'], ids=["no JSON", "no entry"])
def test_a_history_that_cannot_be_read_stops_no_report_and_says_what_is_not_told(
    path: Path, caplog: pytest.LogCaptureFixture, part: bytes
) -> None:
    store, history = opened(path), beside(path, "history")
    for key in ("a/x", "b/x", "c/x"):
        note(store, (key, "synced"))
    first, good, last = history.read_bytes().splitlines(keepends=True)
    history.write_bytes(first + good.replace(part, b"") + last)
    edit(path, lambda servers: servers["a/x"].update(status="failed"))
    note(store, ("d/x", "synced"))
    assert servers(store)["a/x"]["status"] == "failed"
    sentence = "line 2 of its history cannot be read. What was changed in the file is not told there."
    assert caplog.text.count(sentence) == 1
    history.write_bytes(history.read_bytes().replace(good.replace(part, b""), good))
    wrong = [finding for finding in verify(path) if finding.kind == "wrong"]
    assert ["1 server: a/x." in finding.text for finding in wrong] == [True]
    shutil.copyfile(path, path.with_name("new"))  # as verify says
    path.with_name("new").replace(path)
    assert of_file(store) == [("a/x", "changed", "synced", "failed")]
    assert_file_and_history_agree(path, store)
