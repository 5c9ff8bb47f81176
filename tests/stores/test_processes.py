"""Several processes on one file, and the lock that keeps them apart."""

import subprocess
import threading
from contextlib import closing, suppress
from pathlib import Path

import pytest

from domain.errors import Unavailable
from domain.kinds import SERVER
from storage import Changes, Decision, Store
from tests.process.service import wait_until
from tests.stores.child import HOLDER, waiting_for_a_line
from tests.stores.kinds import ref
from tests.stores.records import (
    at_once,
    count,
    counted,
    keep_in_journal,
    of_servers,
    opened,
    pace_of,
    put,
    server,
    servers,
)


def _go(process: subprocess.Popen[str]) -> None:
    process.communicate("go\n")
    assert process.returncode == 0


@pytest.mark.parametrize("journal_bytes", [-1, 1_000_000], ids=["a journal anew each time", "one journal"])
@pytest.mark.parametrize("waits", [False, True], ids=["in the file", "in the journal"])
def test_processes_that_change_at_once_lose_no_update_and_each_others_records_neither(
    path: Path, journal_bytes: int, waits: bool
) -> None:
    """Two others count, and two threads of ours."""
    child, store = ("-m", "tests.stores.child", "count", str(path), "100"), opened(path, journal=journal_bytes)
    if waits:
        keep_in_journal(store)
    with waiting_for_a_line(*child, "a/shared", "a/1") as one, waiting_for_a_line(*child, "a/shared", "a/2") as two:
        at_once(
            lambda: _go(one),
            lambda: _go(two),
            lambda: [count(store, "a/shared", "a/3") for _ in range(100)],
            lambda: [count(store, "a/shared", "a/3") for _ in range(100)],
        )
    expected = {"a/1": 100, "a/2": 100, "a/3": 200, "a/shared": 400}
    for reader in (store, opened(path)):
        assert {key: counted(record) for key, record in servers(reader).items()} == expected
        assert reader.snapshot().revision == 800


def test_a_lock_that_another_process_holds_is_waited_for_and_then_named(path: Path) -> None:
    store = opened(path)
    put(store, server("a/x"))
    pace_of(store).patience = 0.1
    content = path.read_bytes()
    with waiting_for_a_line("-c", HOLDER, f"{path}.lock") as holder:
        for use in (lambda: put(store, server("b/x")), store.check):
            with pytest.raises(Unavailable) as caught:
                use()
            assert str(caught.value) == "The store status.json is locked by another process for over 0.1 seconds."
        assert store.get(SERVER, "a/x") == server("a/x")  # readers take no lock
        assert store.get(SERVER, "b/x") is None
        assert path.read_bytes() == content
        _go(holder)
    wait_until(lambda: _is_put(store), "whoever waited has seen that it is free")
    assert store.snapshot().revision == 2


def _is_put(store: Store) -> bool:
    with suppress(Unavailable):
        put(store, server("b/x"))
    return store.get(SERVER, "b/x") is not None


def test_a_lock_file_that_is_deleted_while_a_change_is_decided_lets_nobody_else_in(path: Path) -> None:
    """A cleaner of old files does that: the name is free, and what is locked has none."""
    store, other = opened(path), opened(path)
    late = threading.Thread(target=lambda: count(other, "a/x"), daemon=True)

    def decide(before: Changes, first: int) -> Decision:
        path.with_name("status.json.lock").unlink()
        late.start()
        late.join(0.2)  # it has to wait for us
        known = counted(before[SERVER.name]["a/x"])
        return of_servers({"a/x": server("a/x", check_interval=known + 1, revision=first)})

    store.change([ref("a/x")], decide)
    late.join()
    assert [counted(reader.get(SERVER, "a/x")) for reader in (store, other, opened(path))] == [2, 2, 2]


def test_processes_count_right_while_somebody_deletes_their_lock_file_again_and_again(path: Path) -> None:
    child, store, counting = ("-m", "tests.stores.child", "count", str(path), "150"), opened(path), threading.Event()

    def clean() -> None:
        while not counting.wait(0.002):
            path.with_name("status.json.lock").unlink(missing_ok=True)

    def go_on() -> None:
        with closing(store):
            for _ in range(150):
                count(store, "a/shared")

    cleaner = threading.Thread(target=clean)
    cleaner.start()
    try:
        with waiting_for_a_line(*child, "a/shared") as one, waiting_for_a_line(*child, "a/shared") as two:
            at_once(lambda: _go(one), lambda: _go(two), go_on)
    finally:
        counting.set()
        cleaner.join()
    assert counted(opened(path).get(SERVER, "a/shared")) == 450


def test_a_process_that_dies_with_the_lock_lets_go_of_it(path: Path) -> None:
    store = opened(path)
    put(store, server("a/x"))
    with waiting_for_a_line("-c", HOLDER, f"{path}.lock") as holder:
        holder.kill()
        holder.wait()
    put(store, server("b/x"))
    assert store.snapshot().revision == 2


def test_the_lock_file_is_never_deleted_nor_replaced(path: Path) -> None:
    """Two processes that lock two files of one name would both believe to be alone."""
    lock, store = path.with_name("status.json.lock"), opened(path)
    put(store, server("a/x"))
    inode = lock.stat().st_ino
    with lock.open("rb"):  # keeps the inode from being given to a new file
        put(store, server("a/x"))
        store.check()
        store.close()
        path.write_text("damaged")
        with pytest.raises(Unavailable):
            put(store, server("a/x"))
        path.write_text("{}")
        put(opened(path), server("a/x"))
        assert lock.stat().st_ino == inode
