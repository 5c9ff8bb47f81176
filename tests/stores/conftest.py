"""What tests of the store share: each store that there is, and a file that is written with each commit, however slow the
disk: so it stands still where a test does not want it otherwise."""

import contextlib
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from storage import Store
from stores import open_store
from stores.json_file import pace
from tests.memory_store import MemoryStore
from tests.stores.clocks import Clock, Open
from tests.stores.records import keep_in_journal, never_version_1, opened


@pytest.fixture(autouse=True)
def _the_file_is_written_with_each_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "CHECKPOINT_SHARE", math.inf)
    monkeypatch.setattr(pace, "SAVED_SECONDS", 100_000)  # nor does who only reads write it a moment later


@pytest.fixture(params=["memory", "file", "journal", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """The plain store; the file, brought up to date with each commit; the file that never is, but by its journal; and
    the database."""
    if request.param == "memory":
        yield MemoryStore()
        return
    store = opened(request.getfixturevalue("database") if request.param == "postgres" else tmp_path / "status.json")
    if request.param == "journal":
        keep_in_journal(store)
    yield store
    store.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the test's store is to be."""
    return tmp_path / "status.json"


@pytest.fixture
def stores(database: str) -> Iterator[list[Store]]:
    """Three replicas of one database."""
    with contextlib.ExitStack() as resources:
        yield [resources.enter_context(contextlib.closing(opened(database))) for _ in range(3)]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["file", "journal", "postgres"])
def open_it(request: pytest.FixtureRequest, clock: Clock, tmp_path: Path) -> Iterator[Open]:
    """One more process on the same store: its file is written with each commit, or never, or it is a database."""
    place: Any = tmp_path / "status.json"
    if request.param == "postgres":
        place = SecretStr(request.getfixturevalue("database"))
    with contextlib.ExitStack() as resources:

        def open_one() -> Store:
            store = open_store(place, never_version_1, clock=clock)
            if request.param == "journal":
                keep_in_journal(store)
            return resources.enter_context(contextlib.closing(store))

        yield open_one
