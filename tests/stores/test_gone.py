"""A store that was there and is gone is a fault and no new start: nothing is shown, taken or overwritten until it is back."""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from domain.errors import Invalid, Unavailable
from storage import Store
from stores.json_file.site import begin_anew, file_site
from tests.stores.records import agree, beside, note, opened, put, server, servers, told


def assert_refused(store: Store, words: str) -> None:
    for use in (store.snapshot, store.check, lambda: put(store, server("b/x")), lambda: list(store.events())):
        with pytest.raises(Unavailable, match=words):
            use()


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir() if file.is_file()}


GONE: dict[str, tuple[Callable[[Path], object], str]] = {
    "no file": (Path.unlink, r"status\.json is gone, and there was one\. Mount its disk or put a backup back; `flask"),
    "no bytes": (lambda path: path.write_bytes(b""), r"status\.json is empty, and there was one"),
    "white space": (lambda path: path.write_bytes(b" \n"), r"status\.json is empty, and there was one"),
}


@pytest.mark.parametrize(("lose", "words"), GONE.values(), ids=GONE)
def test_a_file_that_is_gone_is_a_fault_until_it_is_back(
    path: Path, lose: Callable[[Path], object], words: str
) -> None:
    """For whoever knew it, and for whoever finds only what is left beside it."""
    store = opened(path)
    note(store, ("a/x", "synced"))
    content = path.read_bytes()
    lose(path)
    before = contents(path.parent)
    for one in (store, opened(path)):
        assert_refused(one, words)
        one.close()
    assert contents(path.parent) == before
    path.write_bytes(content)
    assert agree(path, store) == ["a/x"]
    note(store, ("b/x", "synced"))
    assert agree(path, store) == ["a/x", "b/x"]


@pytest.mark.parametrize("knows_it", [False, True], ids=["stopped", "running"])
def test_whoever_knew_it_needs_nothing_else_left_of_it(path: Path, knows_it: bool) -> None:
    store = opened(path)
    note(store, ("a/x", "synced"))
    for file in path.parent.iterdir():
        if knows_it or file != beside(path, "lock"):
            file.unlink()
    assert_refused(store if knows_it else opened(path), r"status\.json is gone")


def test_an_empty_lock_file_alone_is_left_by_a_start_that_came_to_nothing(path: Path) -> None:
    beside(path, "lock").touch()
    opened(path).begin()
    assert agree(path) == []


def test_an_empty_store_put_there_by_the_word_of_the_operator_is_one_and_its_history_stays(path: Path) -> None:
    store = opened(path)
    note(store, ("a/x", "synced"))
    with pytest.raises(Invalid, match="There is a store at "):
        begin_anew(path)
    path.unlink()
    assert file_site(path).is_made
    begin_anew(path)
    assert agree(path, store) == []
    note(store, ("b/x", "synced"))
    assert agree(path, store) == ["b/x"]
    assert [entry[1:3] for entry in told(store)] == [("a/x", "created"), ("a/x", "deleted"), ("b/x", "created")]


@pytest.fixture
def mounts() -> Iterator[Callable[..., None]]:
    """Mounts, where this machine lets us; those that are left are undone at the end."""
    with ExitStack() as undone:

        def mount(*arguments: str | Path) -> None:
            try:
                subprocess.run(["mount", *map(str, arguments)], check=True, capture_output=True, text=True)
            except (OSError, subprocess.CalledProcessError) as error:
                pytest.skip(f"needs a file system of its own, and mounting one is not permitted here: {error}")
            undone.callback(subprocess.run, ["umount", "--lazy", str(arguments[-1])], check=False, capture_output=True)

        yield mount


@pytest.mark.parametrize("is_below", [False, True], ids=["nothing below", "an old store below"])
def test_a_disk_that_goes_from_under_a_running_store_leaves_no_other_in_its_place(
    tmp_path: Path, mounts: Callable[..., None], is_below: bool
) -> None:
    disk, folder = tmp_path / "disk", tmp_path / "folder"
    disk.mkdir()
    folder.mkdir()
    path = folder / "status.json"
    if is_below:
        old = opened(path)
        note(old, ("old/x", "synced"))
        old.close()
    below = contents(folder)
    mounts("-t", "tmpfs", "-o", "size=1m,mode=0700", "tmpfs", disk)
    mounts("--bind", disk, folder)
    store = opened(path)
    note(store, ("a/x", "synced"))
    subprocess.run(["umount", "--lazy", str(folder)], check=True)
    assert_refused(store, "is on another file system than before" if is_below else "is gone, and there was one")
    assert {name: content for name, content in contents(folder).items() if content} == {
        name: content for name, content in below.items() if content
    }
    mounts("--bind", disk, folder)
    assert agree(path, store) == ["a/x"]
    note(store, ("b/x", "synced"))
    subprocess.run(["umount", "--lazy", str(folder)], check=True)
    if is_below:
        assert_refused(store, "another file system")
        path.write_bytes(b"")
    begin_anew(path)
    assert list(servers(store)) == []
