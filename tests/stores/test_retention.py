"""When history entries go, over a file and a database, by a clock that may be wrong and the time that really passes."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from domain.freshness import Moment
from domain.history import change_entry
from domain.kinds import SERVER
from domain.times import epoch, time_text
from storage import Changes, Decision, Store
from stores import open_store
from stores.postgres.store import PostgresStore
from stores.retention import MarkFile, Retention
from tests.stores.clocks import LATE
from tests.stores.kinds import NOW, ref
from tests.stores.records import beside, never_version_1, note, of_servers, opened, server, told

HOUR, DAY = 3_600, 86_400
KEPT_DAYS = 90


class World:
    """The time that really passes, and what the clock says of it."""

    def __init__(self) -> None:
        self.passed = 0.0
        self.ahead = 0.0

    def clock(self) -> float:
        return epoch(NOW) + self.passed + self.ahead

    def monotonic(self) -> Callable[[], float]:
        """The clock of a process that begins now."""
        began = self.passed
        return lambda: self.passed - began

    def oldest(self) -> str:
        return Moment(int(self.clock()), 0, KEPT_DAYS).oldest


@pytest.fixture
def world() -> World:
    return World()


Start = Callable[[], Store]


@pytest.fixture(params=["file", "postgres"])
def start(request: pytest.FixtureRequest, world: World, tmp_path: Path) -> Iterator[Start]:
    """Start one more process on the same store; its monotonic clock begins anywhere."""
    url = request.getfixturevalue("database") if request.param == "postgres" else ""
    with contextlib.ExitStack() as resources:

        def started() -> Store:
            one = database_store(url, world) if url else file_store(tmp_path / "status.json", world)
            return resources.enter_context(contextlib.closing(one))

        yield started


def database_store(url: str, world: World) -> Store:
    return PostgresStore(url, oldest=world.oldest, clock=world.clock, monotonic=world.monotonic())


def file_store(path: Path, world: World) -> Store:
    retention = Retention(world.oldest, MarkFile(path), world.monotonic())
    return opened(path, clock=world.clock, oldest=retention)


def report(store: Store, world: World, status: str) -> None:
    """A report about one server, an entry where its status changes; and the sweeper comes round."""

    def decide(before: Changes, revision: int) -> Decision:
        after = server("a/x", status=status, revision=revision, timestamp=time_text(int(world.clock())))
        entry = change_entry(before[SERVER.name]["a/x"], after, "cron")
        return of_servers({"a/x": after}, [entry] if entry else [])

    store.change([ref("a/x")], decide)
    store.sweep()


def days(store: Store) -> list[int]:
    """How many days after the beginning each entry is from."""
    return [(epoch(one["time"]) - epoch(NOW)) // DAY for one in store.events()]


def a_year(world: World, store: Store, upto: int = 365) -> None:
    """A report a day, each of which changes the status."""
    for _ in range(upto):
        report(store, world, "failed" if int(world.passed) // DAY % 2 else "synced")
        world.passed += DAY


def test_a_service_that_runs_takes_out_what_is_due_within_two_days(start: Start, world: World) -> None:
    store = start()
    a_year(world, store, 120)
    kept = days(store)
    assert kept == list(range(kept[0], 120))
    assert 120 - KEPT_DAYS - 3 <= kept[0] <= 120 - KEPT_DAYS


@pytest.mark.parametrize("reports", [1, 50])
@pytest.mark.parametrize("is_started_anew", [False, True], ids=["going on", "started anew"])
def test_a_clock_that_is_ahead_for_less_than_a_day_takes_nothing(
    start: Start, world: World, reports: int, is_started_anew: bool
) -> None:
    store = start()
    a_year(world, store, 60)
    before = list(store.events())
    world.ahead = 100 * DAY
    for number in range(reports):
        if is_started_anew and number % 4 == 0:  # it wrote down meanwhile how long it waited
            store = start()
        report(store, world, "unknown" if number % 2 else "failed")
        world.passed += DAY / reports - 1
    world.ahead = 0
    for _ in range(3):
        report(store, world, "synced")
        world.passed += DAY / 2
        assert list(store.events())[: len(before)] == before


def test_the_store_of_a_service_believes_no_one_look(path: Path) -> None:
    store = open_store(path, never_version_1, oldest=lambda: LATE)
    note(store, ("a/x", "synced"))
    note(store, ("a/x", "failed"))
    assert [entry[3] for entry in told(store)] == ["synced", "failed"]


def test_one_that_was_off_for_a_year_takes_out_what_is_due_by_itself_but_not_at_once(
    start: Start, world: World
) -> None:
    a_year(world, start(), 10)
    world.passed += 365 * DAY
    store = start()
    for hour in range(50):
        report(store, world, "failed")
        if hour < 23:
            assert days(store) == list(range(10)), hour
        world.passed += HOUR
    assert days(store) == [9]


def test_services_that_never_run_a_whole_day_take_it_out_too(start: Start, world: World) -> None:
    """Each of two that are started anew every five hours."""
    a_year(world, start(), 10)
    world.passed += 365 * DAY
    for _ in range(14):
        both = start(), start()
        for _ in range(5):
            for store in both:
                report(store, world, "failed")
            world.passed += HOUR
    assert days(both[0]) == [9]


def test_more_days_to_keep_hold_at_once(start: Start, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    store = start()
    a_year(world, store, 91)
    monkeypatch.setattr(f"{__name__}.KEPT_DAYS", 1_000)
    a_year(world, store, 9)
    assert days(store)[0] == 0


@pytest.mark.parametrize(
    "mark", ['{"oldest":"20', "[]", '{"oldest":5,"seconds":"x"}', '{"oldest":null,"seconds":null}']
)
def test_a_mark_that_is_none_of_ours_is_none(path: Path, mark: str) -> None:
    """As a crash may leave it, or somebody's hand."""
    world = World()
    store = file_store(path, world)
    a_year(world, store, 10)
    world.passed += 365 * DAY
    beside(path, "oldest").write_text(mark)
    store = file_store(path, world)
    report(store, world, "failed")
    assert days(store) == list(range(10))
