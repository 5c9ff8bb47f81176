"""When the file is written: what a checkpoint costs is paid for, also where it failed."""

from pathlib import Path
from typing import Any

import pytest

from domain.errors import Unavailable
from stores.json_file import checkpoint
from stores.json_file.pace import AS_IT_IS, Credit, Pace
from tests.stores.records import beside, in_file, note, opened, servers, write_the_file

FULL = Unavailable("The store status.json cannot be written: No space left on device.")


def test_a_request_is_answered_within_five_seconds_as_it_looks_and_then_waits_for_its_work() -> None:
    assert AS_IT_IS.look + max(AS_IT_IS.patience, AS_IT_IS.lock) <= 5


def test_a_failure_is_tried_again_later_and_later_and_a_success_begins_anew() -> None:
    credit = Credit(Pace(clock=lambda: 1_000.0))
    waits = []
    for _ in range(8):
        credit.next = 0.0
        credit.failed(0.0, FULL)
        waits.append(credit.seconds_left(0.0))
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60]
    assert credit.failure is FULL
    assert credit.seconds_left(0.1) == pytest.approx(62)  # another process made one, and it is paid for too
    assert credit.failure is None
    credit.next = 0.0
    credit.failed(0.0, FULL)
    assert credit.seconds_left(0.1) == 1


def test_a_failure_costs_as_much_as_a_success() -> None:
    failed, made = (Credit(Pace(clock=lambda: 1_000.0)) for _ in range(2))
    failed.failed(1.0, FULL)
    assert failed.seconds_left(0.0) == made.seconds_left(1.0) == 18


def test_reports_do_not_try_what_failed_each_time_and_it_is_said(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, tried = opened(path, retry=100.0), list[int]()  # only what failed makes anybody wait
    note(store, ("a/x", "synced"))
    assert (store.notice(), store.behind_seconds()) == ("", 0)

    def refused(*_arguments: Any, **_options: Any) -> Any:
        tried.append(1)
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as full:
        full.setattr(checkpoint, "write_synced", refused)
        for number in range(50):
            note(store, (f"b/{number}", "synced"))
        assert len(tried) == 1
        store.check()  # 4 KiB have room
        assert store.behind_seconds() > 0
        assert store.notice().startswith("The store status.json cannot be written: No space left on device. It is ")
        assert store.notice().endswith(" seconds behind its journal. What was reported is safe in its journal.")
    store.close()
    assert len(in_file(path)) == 51
    assert (store.notice(), store.behind_seconds()) == ("", 0)


def test_a_journal_has_a_bound_at_which_reports_are_refused_until_the_file_can_be_written(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, acknowledged = opened(path, retry=100.0, most_journal=2**20), ["a/0"]
    note(store, ("a/0", "synced"))
    with monkeypatch.context() as full:
        full.setattr(checkpoint, "write_synced", no_room)
        while beside(path, "journal").stat().st_size <= 2**20:
            keys = [f"a/{len(acknowledged)}-{number}" for number in range(200)]
            note(store, *[(key, "synced") for key in keys])
            acknowledged += keys
        size = beside(path, "journal").stat().st_size
        for use in (store.check, lambda: note(store, ("b/x", "synced"))):
            with pytest.raises(Unavailable, match=r"has grown to its bound, 1 MiB, .* No space left on device\.$"):
                use()
        assert beside(path, "journal").stat().st_size == size
        assert len(servers(store)) == len(acknowledged)
    write_the_file(store)  # the time has come
    note(store, ("b/x", "synced"))
    assert set(in_file(path)) == {"b/x", *acknowledged}
    assert beside(path, "journal").stat().st_size < 2**20


def no_room(*_arguments: Any, **_options: Any) -> Any:
    raise OSError(28, "No space left on device")
