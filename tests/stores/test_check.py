"""A check that only looks: it costs the disk and the database nothing, and still finds out what a write would meet."""

import contextlib
import os
import pwd
import resource
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import filelock
import pytest

from domain.errors import Unavailable
from storage import Store
from tests.process.service import wait_until
from tests.small_disk import small_disk
from tests.stores.databases import connected
from tests.stores.records import beside, opened, pace_of, put, server
from tests.stores.watched_disk import Disk


def look(store: Store) -> str:
    """What a check that only looks says, nothing where all is well."""
    try:
        store.check(writes=False)
    except Unavailable as error:
        return str(error)
    return ""


def state(folder: Path) -> dict[str, tuple[int, int, int]]:
    """Of a folder and all in it, what a write would change; of a folder, also a file that came and went."""
    found = {path.name: path.stat() for path in (folder, *folder.iterdir())}
    return {name: (status.st_ino, status.st_size, status.st_mtime_ns) for name, status in found.items()}


def test_it_writes_nothing_and_waits_for_no_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "disk" / "status.json"
    path.parent.mkdir()
    store = opened(path)
    put(store, server("a/x"))
    disk, before = Disk(path, monkeypatch), state(path.parent)
    with filelock.FileLock(beside(path, "lock")):
        assert look(store) == ""
    assert disk.calls == []
    assert state(path.parent) == before
    store.check()
    assert disk.calls == ["sync temporary"]
    assert state(path.parent) != before


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small file system of its own, where this machine lets us mount one."""
    with small_disk(tmp_path / "disk", "size=64k,nr_inodes=20,mode=0700") as folder:
        yield folder


def fill_with_bytes(disk: Path) -> None:
    with (disk / "ballast").open("wb", buffering=0) as ballast, contextlib.suppress(OSError):
        while ballast.write(bytes(4_096)):
            pass


def fill_with_files(disk: Path) -> None:
    (disk / "ballast").mkdir()
    with contextlib.suppress(OSError):
        for number in range(100):
            (disk / "ballast" / str(number)).touch()


@pytest.mark.parametrize("fill", [fill_with_bytes, fill_with_files])
def test_a_full_disk_is_seen_though_nobody_has_written_since(disk: Path, fill: Callable[[Path], None]) -> None:
    store = opened(disk / "status.json")
    put(store, server("a/x"))
    assert look(store) == ""
    fill(disk)
    assert look(store) == "The store status.json cannot be written: No space left on device."
    subprocess.run(["rm", "-r", str(disk / "ballast")], check=True)
    assert look(store) == ""


def test_a_read_only_disk_is_seen_though_nobody_has_written_since(disk: Path) -> None:
    store = opened(disk / "status.json")
    put(store, server("a/x"))
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    assert look(store) == "The store status.json cannot be written: Read-only file system."
    subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True)
    assert look(store) == ""


def test_a_folder_that_we_may_not_write_to_is_seen() -> None:
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as later:
        store = opened(Path(name) / "status.json")
        put(store, server("a/x"))
        Path(name).chmod(0o555)
        later.callback(Path(name).chmod, 0o755)
        if os.geteuid() == 0:  # who may do everything has to be somebody else
            later.callback(os.seteuid, 0)
            os.seteuid(pwd.getpwnam("nobody").pw_uid)
        assert look(store) == "The store status.json cannot be written: Permission denied."


def test_what_cannot_be_seen_is_known_from_the_write_that_failed_and_it_is_tried_whether_it_is_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "disk" / "status.json"
    path.parent.mkdir()
    store = opened(path)
    put(store, server("a/x"))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_024, hard))
    try:
        assert look(store) == ""
        with pytest.raises(Unavailable, match="File too large"):
            put(store, server("b/x", validation_message="x" * 4_096))
        assert look(store) == look(store) == "The store status.json cannot be written: File too large."
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    disk = Disk(path, monkeypatch)
    assert look(store) == look(store) == ""
    assert disk.calls == ["sync temporary"], "the first tried, and the second had no reason to"


def test_a_lock_that_nobody_gives_back_is_known_from_the_write_that_failed(path: Path) -> None:
    store = opened(path)
    put(store, server("a/x"))
    pace_of(store).patience = 0.05
    with filelock.FileLock(beside(path, "lock")):
        with pytest.raises(Unavailable, match="locked by another process"):
            put(store, server("b/x"))
        assert "locked by another process" in look(store)
    wait_until(lambda: look(store) == "", "it is over")


def test_it_leaves_no_trace_in_a_database(database: str) -> None:
    """A row that is rolled back is one all the same, and takes a transaction's number."""
    with contextlib.closing(opened(database)) as store, connected(database) as somebody:
        put(store, server("a/x"))

        def rows_and_transactions() -> list[tuple[object, ...]]:
            sizes = "SELECT pg_relation_size('records'), pg_snapshot_xmax(pg_current_snapshot())::text"
            return somebody.execute(sizes).fetchall()

        before = rows_and_transactions()
        for _ in range(5):
            assert look(store) == ""
        assert rows_and_transactions() == before
        store.check()
        assert rows_and_transactions() != before


def test_a_database_that_can_only_be_read_is_seen(database: str) -> None:
    with contextlib.closing(opened(database)) as store:
        put(store, server("a/x"))
    with contextlib.closing(opened(f"{database}{quote(' -cdefault_transaction_read_only=on')}")) as store:
        assert look(store) == "The database can only be read at this moment: it is a standby, or set to read-only."


def test_a_database_that_refused_a_write_is_asked_whether_it_still_does(database: str) -> None:
    with contextlib.closing(opened(database)) as store, connected(database) as somebody:
        put(store, server("a/x"))
        somebody.execute("ALTER TABLE records ADD CONSTRAINT never CHECK (false) NOT VALID")
        assert look(store) == ""
        with pytest.raises(Unavailable, match="check violation"):
            put(store, server("b/x"))
        assert "check violation" in look(store)
        somebody.execute("ALTER TABLE records DROP CONSTRAINT never")
        assert look(store) == ""
