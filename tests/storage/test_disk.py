"""A disk that is full, and one that cannot be written: told as they are, nothing harmed, over when they are over."""

import contextlib
import resource
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from domain.errors import Unavailable
from storage import Snapshot, Store
from tests.storage.child import V1_BYTES, v1_store
from tests.storage.records import opened, put, server

LONG = "x" * 4_096


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small file system of its own, where this machine lets us mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    try:
        mount = ["mount", "-t", "tmpfs", "-o", "size=64k,mode=0700", "tmpfs", str(folder)]
        subprocess.run(mount, check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"needs a file system of its own, and mounting one is not permitted here: {error}")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


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
        assert store.get("c/x") is None
        assert (path.read_bytes(), path.stat()[:2]) == (content, status[:2])
        assert sorted(entry.name for entry in path.parent.iterdir() if entry.name != "ballast") == [
            "status.json", "status.json.lock",
        ]  # fmt: skip


def _assert_all_is_well_again(store: Store, path: Path) -> None:
    put(store, server("c/x"))
    store.check()
    expected = Snapshot(3, {key: server(key) for key in ("a/x", "b/x", "c/x")})
    assert store.snapshot() == expected
    assert opened(path).snapshot() == expected


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


def test_a_version_1_file_on_a_full_disk_stays_and_is_migrated_when_there_is_room(disk: Path) -> None:
    path = disk / "status.json"
    path.write_bytes(V1_BYTES)
    path.with_name("status.json.lock").touch()
    _fill(disk)
    store = v1_store(path)
    with pytest.raises(Unavailable, match="No space left on device"):
        store.snapshot()
    assert path.read_bytes() == V1_BYTES
    (disk / "ballast").unlink()
    assert list(store.snapshot().records) == ["rsyslog-lab/rsyslog-lab"]
    assert path.with_name("status.v1.json").read_bytes() == V1_BYTES
