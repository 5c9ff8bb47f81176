"""Memory that fails once, at any call within the store: nothing acknowledged is lost, and all processes agree."""

import inspect
import itertools
import json
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

import stores as package
from domain.kinds import SERVER
from storage import Store
from stores.json_file.patience import Aside
from stores.json_file.verify import verify
from tests.stores.records import keep_in_journal, note, opened

PACKAGE = str(Path(package.__file__).parent)


@contextmanager
def failing_at(number: int) -> Iterator[list[str]]:
    """No memory for the call of this number, of those within the store; gives its name, if it came to that.

    Not for what a block does at its end, nor for the handing over of a queue: both need none worth the name.
    """
    calls, failed = itertools.count(), list[str]()

    def trace(frame: FrameType, event: str, _argument: Any) -> None:
        code = frame.f_code
        is_ours = code.co_filename.startswith(PACKAGE) and not code.co_flags & inspect.CO_GENERATOR
        if event == "call" and is_ours and code.co_name != "_lead" and next(calls) == number:
            failed.append(code.co_name)
            raise MemoryError

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        with suppress(MemoryError):
            yield failed
    finally:
        sys.settrace(before)


def test_wherever_memory_fails_what_was_acknowledged_stays_and_all_agree(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a report takes over what another process committed, is decided, and is stored."""
    monkeypatch.setattr(Aside, "do", lambda _self, commit, _ends: commit())  # in the thread whose calls are counted
    for number in itertools.count():
        path = tmp_path / str(number) / "status.json"
        path.parent.mkdir()
        with closing(opened(path)) as store, closing(opened(path)) as other:
            note(store, ("a/0", "synced"))
            other.snapshot()
            keep_in_journal(store)
            keep_in_journal(other)
            note(other, ("a/1", "synced"))
            with failing_at(number) as failed:
                note(store, ("a/2", "synced"))
            shown = assert_all_agree(path, ["a/0", "a/1"], store, other)
            note(store, ("b/1", "synced"))
            note(other, ("b/2", "synced"))
            assert_all_agree(path, [*shown, "b/1", "b/2"], store, other)
        assert list(json.loads(path.read_bytes())["servers"]) == [*shown, "b/1", "b/2"]
        assert [finding for finding in verify(path) if finding.kind == "wrong"] == []
        if not failed:
            break
    assert number > 20


def assert_all_agree(path: Path, acknowledged: list[str], *running: Store) -> list[str]:
    """The keys that each process shows, with an entry each: the acknowledged ones, and perhaps that of the report that
    was under way."""
    stores = (*running, opened(path))
    shown, *others = [list(store.snapshot().table(SERVER).records) for store in stores]
    told = [[f"{one['server_group']}/{one['host']}" for one in store.events()] for store in stores]
    assert others == [shown] * len(others)
    assert [sorted(one) for one in told] == [shown] * len(told)
    assert shown in (acknowledged, sorted([*acknowledged, "a/2"]))
    return shown
