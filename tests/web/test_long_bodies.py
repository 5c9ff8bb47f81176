"""Long bodies take turns, so that the memory they need is bounded however many come."""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from app import create_app
from config import Settings
from domain.errors import Unavailable
from domain.kinds import Ref
from storage import Commit, Decide
from tests.memory_store import MemoryStore
from tests.process.service import wait_until
from web.base import bodies
from web.base.bodies import LONG, LONG_AT_ONCE, turn

SECONDS = 60


class StandingStore(MemoryStore):
    """A store in which each change stands until it is let go on."""

    def __init__(self) -> None:
        super().__init__()
        self.entered = threading.Semaphore(0)
        self.standing = threading.Event()

    def change(self, refs: Sequence[Ref], decide: Decide) -> Commit:
        self.entered.release()
        assert self.standing.wait(SECONDS)
        return super().change(refs, decide)


def waiting_for_a_turn() -> int:
    """How many long bodies stand at the door."""
    return len(bodies._turns._cond._waiters)  # type: ignore[attr-defined]  # what threading keeps for itself


def test_two_long_bodies_are_worked_on_at_once_and_short_ones_do_not_wait(tmp_path: Path) -> None:
    store = StandingStore()
    app = create_app(Settings(store=tmp_path / "status.json"), store=store)

    def report(host: str, size: int) -> int:
        body = {"server_group": "web", "host": host, "status": "synced", "validation_message": "x" * size}
        return app.test_client().post("/status/pipeline", json=body).status_code

    with ThreadPoolExecutor() as pool:
        long = [pool.submit(report, f"long-{number}", LONG) for number in range(LONG_AT_ONCE + 2)]
        for _ in range(LONG_AT_ONCE):
            assert store.entered.acquire(timeout=SECONDS)
        short = pool.submit(report, "short", 10)
        assert store.entered.acquire(timeout=SECONDS)
        wait_until(lambda: waiting_for_a_turn() == 2, "the other long ones wait for their turn")
        assert not store.entered.acquire(blocking=False), "a third long one came in"
        store.standing.set()
        assert [done.result(SECONDS) for done in [short, *long]] == [201] * (LONG_AT_ONCE + 3)


def test_whose_turn_never_comes_is_told_and_a_body_that_failed_gives_its_turn_back() -> None:
    body = b"x" * (LONG + 1)
    for _ in range(2 * LONG_AT_ONCE):
        with pytest.raises(KeyError), turn(body):
            raise KeyError
    with turn(body), turn(body):
        with pytest.raises(Unavailable, match="shorter arrays"), turn(body, seconds=0):
            raise AssertionError
        with turn(body[1:], seconds=0):
            pass


@pytest.mark.parametrize("path", ["/status/pipeline", "/status/cron", "/api/status"])
def test_whichever_way_a_long_body_comes_it_waits_for_its_turn(tmp_path: Path, path: str) -> None:
    store, taken = StandingStore(), b"x" * (LONG + 1)
    store.standing.set()
    app = create_app(Settings(store=tmp_path / "status.json"), store=store)
    body = {"server_group": "web", "host": "h", "status": "synced", "server": "h", "branch": "", "x": "x" * LONG}
    with ThreadPoolExecutor() as pool:
        with turn(taken), turn(taken):
            coming = pool.submit(lambda: app.test_client().post(path, json=body).status_code)
            assert not store.entered.acquire(timeout=0.1), "it came in"
        assert coming.result(SECONDS) in (200, 201)
