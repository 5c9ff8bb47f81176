"""Whatever is done in whatever order, the file store says what the plain one says: also to a process that starts anew."""

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from domain.server import STATUSES, Server
from tests.memory_store import MemoryStore
from tests.storage.records import opened, server

KEYS = ("a/x", "a/y", "a-b/x", "b/x")


class Refused(Exception):
    """What a decision raises."""


class Stores(RuleBasedStateMachine):
    """Two stores of one file, either of which may be opened anew at any time, beside the plain store."""

    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory()
        self._path = Path(self._folder.name) / "status.json"
        self._plain = MemoryStore()
        self._stores = [opened(self._path), opened(self._path)]

    @rule(
        which=st.integers(0, 1),
        changes=st.lists(
            st.tuples(st.sampled_from(KEYS), st.none() | st.sampled_from(STATUSES)), min_size=1, max_size=4
        ),
        is_refused=st.booleans(),
    )
    def change(self, which: int, changes: Sequence[tuple[str, str | None]], is_refused: bool) -> None:
        """Create, update and delete, a key more than once too; now and then the decision is to refuse."""

        def decide(_before: Mapping[str, Server | None], revision: int) -> Mapping[str, Server | None]:
            if is_refused and revision % 3 == 0:
                raise Refused
            return {key: server(key, status=status, revision=revision) if status else None for key, status in changes}

        keys, answers = [key for key, _ in changes], list[object]()
        for store in (self._plain, self._stores[which]):
            try:
                answers.append(store.change(keys, decide))
            except Refused:
                answers.append("refused")
        assert answers[0] == answers[1]

    @rule(which=st.integers(0, 1))
    def open_anew(self, which: int) -> None:
        """A process ends, and another begins."""
        self._stores[which].close()
        self._stores[which] = opened(self._path)

    @rule(which=st.integers(0, 1))
    def check(self, which: int) -> None:
        """A probe."""
        self._stores[which].check()

    @invariant()
    def all_say_the_same(self) -> None:
        """The records, their order and their revision, whole and one by one."""
        expected = self._plain.snapshot()
        for store in self._stores:
            assert store.snapshot() == expected
            assert list(store.snapshot().records) == list(expected.records)
            assert [store.get(key) for key in KEYS] == [expected.records.get(key) for key in KEYS]

    def teardown(self) -> None:
        """Leave no folder behind."""
        self._folder.cleanup()


TestStores = Stores.TestCase
TestStores.settings = settings(max_examples=40, stateful_step_count=20, deadline=None)
