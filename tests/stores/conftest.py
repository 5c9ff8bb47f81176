"""What tests of the store share: each store that there is."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from storage import Store
from tests.memory_store import MemoryStore
from tests.stores.clocks import Clock, Open
from tests.stores.records import keep_in_journal, opened


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
    place = request.getfixturevalue("database") if request.param == "postgres" else tmp_path / "status.json"
    with contextlib.ExitStack() as resources:

        def open_one() -> Store:
            store = opened(place, clock=clock)
            if request.param == "journal":
                keep_in_journal(store)
            return resources.enter_context(contextlib.closing(store))

        yield open_one
