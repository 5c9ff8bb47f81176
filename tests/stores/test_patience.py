"""A disk that stands still, or a lock that nobody gives back: whoever asks is answered in time, with what is known."""

import fcntl
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from domain.errors import Unavailable
from domain.kinds import SERVER
from storage import Store
from stores.json_file import checkpoint, journal
from stores.json_file import store as json_file
from stores.json_file.patience import Aside
from stores.json_file.replica import Replica
from tests.process.service import wait_until
from tests.stores.child import HOLDER, waiting_for_a_line
from tests.stores.records import (
    agree,
    at_once,
    in_file,
    keep_in_journal,
    note,
    opened,
    pace_of,
    put,
    server,
    servers,
    told,
)

FOR_EVER = 100_000.0


@contextmanager
def standing_still(monkeypatch: pytest.MonkeyPatch, where: Any, name: str) -> Iterator[list[int]]:
    """A call that does not return until the block ends; gives how often it was made."""
    call, goes_on, calls = getattr(where, name), threading.Event(), list[int]()

    def stand(*arguments: Any, **options: Any) -> Any:
        calls.append(1)
        goes_on.wait()
        return call(*arguments, **options)

    with monkeypatch.context() as patched:
        patched.setattr(where, name, stand)
        try:
            yield calls
        finally:
            goes_on.set()


@pytest.fixture
def store(path: Path) -> Store:
    """A store of one server; nobody waits long from here on."""
    store = opened(path, look=0.1, lock=0.1)
    note(store, ("a/x", "synced"))
    pace_of(store).patience = 0.1
    return store


def assert_refused(words: str, *uses: Callable[[], object]) -> None:
    for use in uses:
        with pytest.raises(Unavailable, match=words):
            use()


def test_a_lock_that_is_not_given_back_is_waited_for_by_one_and_the_next_hears_of_it_at_once(
    path: Path, store: Store
) -> None:
    """Nothing that was refused is stored when the lock is free again."""
    words = r"The store status\.json is locked by another process for over "
    with waiting_for_a_line("-c", HOLDER, f"{path}.lock") as holder:
        assert_refused(words, *[lambda: note(store, ("b/x", "synced"))] * 2)  # the second is surely the later one
        pace_of(store).patience = FOR_EVER  # of these, if they waited
        refused = [
            lambda key=f"c/{number}": assert_refused(words, lambda: note(store, (key, "synced"))) for number in range(9)
        ]
        at_once(*refused)
        assert list(servers(store)) == ["a/x"]
        assert store.age() == 0, "readers take no lock"
        holder.kill()
    wait_until(lambda: stored(store, "d/x"), "reports are taken again")
    assert agree(path, store) == ["a/x", "d/x"]


def test_a_service_that_stops_waits_for_no_lock_for_ever(path: Path, store: Store) -> None:
    with waiting_for_a_line("-c", HOLDER, f"{path}.lock") as holder:
        assert_refused("is locked by another process", lambda: note(store, ("b/x", "synced")))
        keep_in_journal(store)
        store.close()
        for _ in range(2):
            assert_refused("is locked by another process", lambda: store.restore({}, [], 9))
        holder.kill()
    wait_until(lambda: stored(store, "d/x"), "reports are taken again")


def test_what_was_given_up_takes_with_it_nobody_who_comes_when_the_lock_is_free_again(
    path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """He would be stored twice, or refused and stored."""
    with waiting_for_a_line("-c", HOLDER, f"{path}.lock") as holder:
        assert_refused("is locked by another process", lambda: note(store, ("b/x", "synced")))
        pace_of(store).patience = FOR_EVER
        with standing_still(monkeypatch, Aside, "do") as calls:
            coming = threading.Thread(target=lambda: put(store, server("c/x")))
            coming.start()
            wait_until(lambda: calls != [], "it waits for its commit")
            holder.kill()
            for _ in range(5):
                wait_until(lambda: is_ready(opened(path)), "what was given up has let go")
        coming.join()
    assert (list(store.snapshot().table(SERVER).records), store.snapshot().revision) == (["a/x", "c/x"], 2)


@pytest.mark.parametrize("what", ["file", "folder"])
def test_who_has_an_end_to_wait_until_waits_no_longer_for_the_lock(path: Path, store: Store, what: str) -> None:
    held = os.open(path.parent if what == "folder" else f"{path}.lock", os.O_RDONLY)
    fcntl.flock(held, fcntl.LOCK_EX)
    try:
        assert_refused("is locked by another process", lambda: store.restore({}, [], 9))
        keep_in_journal(store)
        store.close()
    finally:
        os.close(held)
    store.restore({}, [], 9)


def test_what_holds_up_a_report_holds_up_no_check_once_more(path: Path) -> None:
    store = opened(path, lock=FOR_EVER)
    note(store, ("a/x", "synced"))
    pace_of(store).patience = 0.1
    with waiting_for_a_line("-c", HOLDER, f"{path}.lock") as holder:
        assert_refused("is locked by another process", lambda: note(store, ("b/x", "synced")))
        pace_of(store).patience = FOR_EVER
        assert_refused("is locked by another process", store.check)
        holder.kill()
    wait_until(lambda: is_ready(store), "it is ready again")


@pytest.mark.parametrize("call", ["write_all", "fdatasync"])
def test_a_disk_that_stands_still_is_said_in_time_and_readings_go_on_from_memory(
    path: Path, store: Store, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    words = r"The disk of the store status\.json stands still for over "
    where: Any = journal if call == "write_all" else journal.os  # type: ignore[attr-defined]  # as it imports it
    with standing_still(monkeypatch, where, call):
        assert_refused(words, *[lambda: note(store, ("b/x", "synced"))] * 2)
        pace_of(store).patience = FOR_EVER
        assert_refused(words, lambda: note(store, ("c/x", "synced")), lambda: put(store, server("c/y")))
        shown = ["a/x"] if call == "write_all" else ["a/x", "b/x"]  # it stands in the journal, where others read it
        for _ in range(2):
            assert list(servers(store)) == shown
            assert store.get(SERVER, "a/x")
            assert [entry[1] for entry in told(store)] == shown
        assert list(servers(opened(path))) == shown, "no reading goes back from process to process"
        assert (store.age() > 0) is (call == "write_all")
        if call == "write_all":
            assert_refused(words, store.check, lambda: store.check(writes=False))
    wait_until(lambda: stored(store, "d/x"), "reports are taken again")
    store.check()
    assert store.age() == 0
    assert agree(path, store) == ["a/x", "b/x", "d/x"], "what was under way came to its end, and nothing else"


def stored(store: Store, key: str) -> bool:
    with suppress(Unavailable):
        return bool(note(store, (key, "synced")))
    return False


def test_a_report_that_is_safe_in_the_journal_is_answered_though_its_file_is_still_written(
    path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    pace_of(store).patience = 2.0  # for the journal alone
    with standing_still(monkeypatch, checkpoint, "write_synced"):
        note(store, ("b/x", "synced"))
        assert list(in_file(path)) == ["a/x"]
        assert list(servers(opened(path))) == ["a/x", "b/x"]
    wait_until(lambda: list(in_file(path)) == ["a/x", "b/x"], "the file is written")


def test_many_checks_at_once_share_one(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    with standing_still(monkeypatch, json_file, "write_synced") as calls:
        at_once(*[lambda: assert_refused("stands still", store.check)] * 8)
        assert_refused("stands still", store.check)
        pace_of(store).patience = FOR_EVER
        assert_refused("stands still", store.check)
        assert len(calls) == 1
    wait_until(lambda: is_ready(store), "it is ready again")


def is_ready(store: Store) -> bool:
    with suppress(Unavailable):
        store.check()
        return True
    return False


def test_a_store_that_was_never_read_says_so(path: Path, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    other = opened(path, patience=0.1)
    with standing_still(monkeypatch, Replica, "catch_up"):
        reader = threading.Thread(target=lambda: other.get(SERVER, "a/x"))
        reader.start()
        assert_refused("stands still", lambda: [other.get(SERVER, "a/x") for _ in range(9)])
    reader.join()
    assert other.get(SERVER, "a/x") == store.get(SERVER, "a/x")
