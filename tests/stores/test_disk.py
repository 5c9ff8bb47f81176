"""A disk that is full, and one that cannot be written: told as they are, nothing harmed, over when they are over."""

import contextlib
import errno
import json
import logging
import os
import resource
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from domain.errors import Unavailable
from domain.kinds import SERVER
from storage import Store
from stores.batch import Batch
from stores.json_file import checkpoint
from stores.json_file.history import HistoryFile
from stores.json_file.journal import Journal
from tests.memory_store import snapshot_of
from tests.process.service import wait_until
from tests.small_disk import small_disk
from tests.stores.child import V1_BYTES, v1_store
from tests.stores.kinds import PARCEL
from tests.stores.records import files, keep_in_journal, note, opened, put, server, servers, told, write_the_file

LONG = "x" * 4_096


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small file system of its own, where this machine lets us mount one."""
    with small_disk(tmp_path / "disk", "size=64k,mode=0700") as folder:
        yield folder


def _fill(disk: Path) -> None:
    with (disk / "ballast").open("wb", buffering=0) as ballast, contextlib.suppress(OSError):
        while ballast.write(bytes(4_096)):
            pass


def _assert_nothing_can_be_stored(store: Store, path: Path, cause: str) -> None:
    """Every change says so, and readers do not notice."""
    before, content, status = store.snapshot(), path.read_bytes(), path.stat()
    change: Callable[[], object] = lambda: put(store, server("a/x", validation_message=LONG), server("c/x"))  # noqa: E731
    for use in (change, store.check, change):
        with pytest.raises(Unavailable) as caught:
            use()
        assert str(caught.value).endswith(f" {cause}.")
        assert str(caught.value).startswith("The store status.json cannot be ")
        assert store.snapshot() == before
        assert store.get(SERVER, "c/x") is None
        assert (path.read_bytes(), path.stat()[:2]) == (content, status[:2])
        assert [name for name in files(path) if name != "ballast"] == ["journal", "lock"]


def _assert_all_is_well_again(store: Store, path: Path) -> None:
    put(store, server("c/x"))
    store.check()
    expected = snapshot_of(3, {key: server(key) for key in ("a/x", "b/x", "c/x")})
    assert store.snapshot() == expected
    assert opened(path).snapshot() == expected
    assert list(json.loads(path.read_bytes())["servers"]) == ["a/x", "b/x", "c/x"]


def test_a_full_disk_is_named_and_when_there_is_room_again_the_store_goes_on(disk: Path) -> None:
    path = disk / "status.json"
    store = opened(path)
    put(store, server("a/x"), server("b/x"))
    _fill(disk)
    _assert_nothing_can_be_stored(store, path, "No space left on device")
    (disk / "ballast").unlink()
    _assert_all_is_well_again(store, path)


def test_a_limit_of_the_file_size_is_named_and_when_it_is_gone_the_store_goes_on(tmp_path: Path) -> None:
    """What a full disk is, where no disk of its own can be mounted: the write begins, and ends in the middle."""
    path = tmp_path / "status.json"
    store = opened(path)
    put(store, server("a/x"), server("b/x"))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2_048, hard))
    try:
        _assert_nothing_can_be_stored(store, path, "File too large")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    _assert_all_is_well_again(store, path)


def test_a_read_only_disk_is_named_is_still_read_and_when_it_is_writable_again_the_store_goes_on(disk: Path) -> None:
    path = disk / "status.json"
    store = opened(path)
    put(store, server("a/x"), server("b/x"))
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    _assert_nothing_can_be_stored(store, path, "Read-only file system")
    assert opened(path).snapshot() == store.snapshot()
    subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True)
    _assert_all_is_well_again(store, path)


def test_a_version_1_file_on_a_full_disk_is_read_stays_and_is_migrated_when_there_is_room(
    disk: Path,
) -> None:
    path = disk / "status.json"
    path.write_bytes(V1_BYTES)
    path.with_name("status.json.lock").touch()
    _fill(disk)
    store = v1_store(path, costly=0)
    assert list(servers(store)) == ["rsyslog-lab/rsyslog-lab"]
    with pytest.raises(Unavailable, match="No space left on device"):
        put(store, server("a/x"))
    assert path.read_bytes() == V1_BYTES
    (disk / "ballast").unlink()
    assert list(servers(store)) == ["rsyslog-lab/rsyslog-lab"]
    assert path.with_name("status.v1.json").read_bytes() == V1_BYTES


@pytest.mark.parametrize("step", ["history", "temporary", "announcement", "rename"])
def test_a_file_that_cannot_be_written_holds_up_no_report_and_is_written_by_itself_when_it_can(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, step: str
) -> None:
    """The journal has room still: the report is safe in it, acknowledged, and the log says what is the matter."""
    path = tmp_path / "status.json"
    store = opened(path, retry=0.02)
    note(store, ("a/x", "synced"))
    content, is_full = path.read_bytes(), threading.Event()
    is_full.set()
    _refuse(monkeypatch, step, is_full)
    with caplog.at_level(logging.WARNING):
        note(store, ("b/x", "failed"))
    assert "The store status.json cannot be written: No space left on device. What was reported is safe" in caplog.text
    assert path.read_bytes() == content
    for reader in (store, opened(path)):
        assert list(servers(reader)) == ["a/x", "b/x"]
        assert told(reader) == [(1, "a/x", "created", "synced"), (2, "b/x", "created", "failed")]
    # What could not be put in place takes no room.
    wait_until(lambda: files(path) == ["history", "journal", "lock"], "nothing temporary is left")
    is_full.clear()
    wait_until(lambda: "b/x" in json.loads(path.read_bytes())["servers"], "the file is written")
    store.close()
    assert files(path) == ["history", "journal", "lock"]
    assert told(opened(path)) == [(1, "a/x", "created", "synced"), (2, "b/x", "created", "failed")]


def _refuse(monkeypatch: pytest.MonkeyPatch, step: str, is_full: threading.Event) -> None:
    """Let one step of a checkpoint find no room."""
    where: Any
    where, name = {
        "history": (HistoryFile, "append"),
        "temporary": (checkpoint, "write_synced"),
        "announcement": (Journal, "append"),
        "rename": (checkpoint, "rename_synced"),
    }[step]
    original = getattr(where, name)

    def refused(*arguments: Any, **options: Any) -> Any:
        is_commit = step == "announcement" and isinstance(arguments[1], Batch)
        if is_full.is_set() and not is_commit:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return original(*arguments, **options)

    monkeypatch.setattr(where, name, refused)


@pytest.mark.parametrize("waits", [False, True], ids=["in the file", "in the journal"])
def test_a_disk_that_fills_up_report_by_report_keeps_each_that_it_acknowledged(disk: Path, waits: bool) -> None:
    """Where it is full, in the journal, the history or the file, is left to chance; checks come in between."""
    path = disk / "status.json"
    store, acknowledged, refused = opened(path, retry=0.001), list[str](), 0
    while refused < 3:
        if waits:
            keep_in_journal(store)
        key = f"a/{len(acknowledged):03}"
        try:
            changes = [("b/x", ("synced", "failed")[turn % 2]) for turn in range(4)]
            note(store, (key, "synced"), (f"parcel:{key}", "here"), *changes)
            acknowledged.append(key)
        except Unavailable as error:
            assert str(error).endswith("No space left on device.")  # noqa: PT017 - it is not sure to come
            refused += 1
        with contextlib.suppress(Unavailable):
            store.check()
    assert acknowledged
    for reader in (store, opened(path)):
        assert list(servers(reader)) == [*acknowledged, "b/x"]
        assert list(reader.snapshot().table(PARCEL).records) == acknowledged
        revisions = [entry["revision"] for entry in reader.events()]
        assert len(set(revisions)) == len(revisions) >= 4 * len(acknowledged)
    subprocess.run(["mount", "-o", "remount,size=1m", str(disk)], check=True)
    write_the_file(store)
    note(store, ("z/x", "synced"))
    store.close()
    assert list(json.loads(path.read_bytes())["servers"]) == [*acknowledged, "b/x", "z/x"]
    assert files(path) == ["history", "journal", "lock"]
