"""Whatever is done in whatever order, a store says what the plain one says: also to others, and to a new process."""

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from domain.server import STATUSES
from storage import Changes, Decision, Span, Store
from tests.memory_store import MemoryStore
from tests.postgres import fresh_schema
from tests.process.warm import Program
from tests.stores.kinds import ref
from tests.stores.records import ROOT, got, keep_in_journal, note, opened, pace_of, shown, write_the_file

KEYS = ("a/x", "a/y", "a-b/x", "b/x", "parcel:a/x", "parcel:b/1", "tick:a")
_changes = st.lists(st.tuples(st.sampled_from(KEYS), st.none() | st.sampled_from(STATUSES)), min_size=1, max_size=4)


class Refused(Exception):
    """What a decision raises."""


def _told(store: Store) -> list[Any]:
    """All that a store says, as the other process says it."""
    snapshot = store.snapshot()
    return [snapshot.revision, shown(snapshot), list(store.events())]


class Stores(RuleBasedStateMachine):
    """Two stores of one place, either of which may be opened anew, and another process, beside the plain store."""

    other: subprocess.Popen[str]

    def __init__(self) -> None:
        super().__init__()
        self.bounds = dict[str, Any]()
        self._resources = ExitStack()
        self._place = self._resources.enter_context(self._fresh_place())
        self._ask("open", str(self._place))
        self._plain = MemoryStore()
        self._stores = [self._opened(), self._opened()]
        note(self._plain, ("a/x", "synced"))
        note(self._stores[0], ("a/x", "synced"))

    def _fresh_place(self) -> AbstractContextManager[Path | str]:
        raise NotImplementedError

    def _opened(self) -> Store:
        """A store of the place; one that was left open is closed in the end."""
        store = opened(self._place, **self.bounds)
        self._resources.callback(store.close)
        return store

    def _ask(self, do: str, argument: object = None) -> Any:
        assert self.other.stdin
        assert self.other.stdout
        self.other.stdin.write(json.dumps([do, argument]) + "\n")
        self.other.stdin.flush()
        return json.loads(self.other.stdout.readline())

    @rule(which=st.integers(0, 1), changes=_changes)
    def change(self, which: int, changes: Sequence[tuple[str, str | None]]) -> None:
        """Create, update and delete, a key more than once too."""
        assert note(self._stores[which], *changes) == note(self._plain, *changes)

    @rule(changes=_changes)
    def change_elsewhere(self, changes: Sequence[tuple[str, str | None]]) -> None:
        """The other process does it."""
        note(self._plain, *changes)
        assert self._ask("note", changes) == _told(self._plain)

    @rule(which=st.integers(0, 1), keys=st.lists(st.sampled_from(KEYS), min_size=1))
    def refuse(self, which: int, keys: list[str]) -> None:
        """A decision that raises."""

        def decide(_before: Changes, _revision: int) -> Decision:
            raise Refused

        with pytest.raises(Refused):
            self._stores[which].change([*map(ref, keys)], decide)

    @rule(which=st.integers(0, 1), is_closed=st.booleans())
    def open_anew(self, which: int, is_closed: bool) -> None:
        """A process ends, or dies, and another begins."""
        if is_closed:
            self._stores[which].close()
        self._stores[which] = self._opened()

    @rule(which=st.integers(0, 1))
    def check(self, which: int) -> None:
        """A probe."""
        self._stores[which].check()

    @invariant()
    def all_say_the_same(self) -> None:
        """The records, their order and their revision, whole and one by one, and the history, from any revision on."""
        expected = _told(self._plain)
        for store in self._stores:
            assert _told(store) == expected
            assert [got(store, key) for key in KEYS] == [got(self._plain, key) for key in KEYS]
            after = max(0, expected[0] - 2)
            assert list(store.events(Span(after=after))) == list(self._plain.events(Span(after=after)))
        assert self._ask("tell") == expected

    def teardown(self) -> None:
        """Leave nothing behind."""
        self._resources.close()


class FileStores(Stores):
    """The place is a file, to which more can happen."""

    @contextmanager
    def _fresh_place(self) -> Iterator[Path]:
        with tempfile.TemporaryDirectory() as folder:
            self._path = Path(folder) / "status.json"
            yield self._path

    @rule(which=st.integers(0, 2), is_now=st.booleans())
    def write_the_file_with_each_commit_or_never(self, which: int, is_now: bool) -> None:
        """From now on."""
        if which == 2:
            self._ask("write the file" if is_now else "keep in journal")
        elif is_now:
            write_the_file(self._stores[which])
        else:
            keep_in_journal(self._stores[which])

    @rule(length=st.sampled_from([-1, 1_000, 1_000_000]))
    def start_the_journal_anew_sooner_or_later(self, length: int) -> None:
        """From now on, in this process."""
        self.bounds["journal"] = length
        for store in self._stores:
            pace_of(store).journal = length

    @rule(order=st.permutations(["", ".journal", ".history"]))
    def restore_from_a_copy(self, order: list[str]) -> None:
        """All files are put back from a copy, in any order; nobody works meanwhile."""
        for ending in order:
            name = self._path.with_name(f"{self._path.name}{ending}")
            if name.exists():
                shutil.copyfile(name, name.with_name("copy"))
                name.with_name("copy").replace(name)

    @rule()
    def touch(self) -> None:
        """An editor saves the file as it is."""
        self._path.write_bytes(self._path.read_bytes())


class DatabaseStores(Stores):
    """The place is a database."""

    server: str

    def _fresh_place(self) -> AbstractContextManager[str]:
        return fresh_schema(self.server)


@pytest.fixture
def other(tmp_path: Path) -> Iterator[None]:
    """Another process, which opens what it is told to."""
    pipe = subprocess.PIPE
    child = [sys.executable, "-m", "tests.stores.child", "obey", str(tmp_path / "status.json")]
    with Program(child, cwd=ROOT, stdin=pipe, stdout=pipe, text=True) as process:
        Stores.other = process
        try:
            yield
        finally:
            process.kill()


@pytest.mark.usefixtures("other")
def test_all_stores_of_a_file_say_what_the_plain_one_says() -> None:
    _run(FileStores, examples=40)


@pytest.mark.usefixtures("other")
def test_all_stores_of_a_database_say_what_the_plain_one_says(database_server: str) -> None:
    DatabaseStores.server = database_server
    _run(DatabaseStores, examples=15)


def _run(stores: type[Stores], examples: int) -> None:
    run_state_machine_as_test(
        stores,
        settings=settings(
            max_examples=examples, stateful_step_count=20, deadline=None, suppress_health_check=[HealthCheck.too_slow]
        ),
    )
