"""kill -9 of the whole service and of single workers under load: what was acknowledged stays, each change once.

A kill -9 leaves to the system what was written, synced or not: that the sync comes before the answer is proven by
tests/stores/, not here.
"""

import contextlib
import os
import signal
from pathlib import Path

from tests.process.fleet import (
    Fleet,
    OutsideReader,
    Report,
    board,
    lost,
    stored,
    trouble_in_history,
)
from tests.process.service import Service, running, wait_until

THREADS = 8
# How many reports each round acknowledges before it is killed: some while nearly every report is written to the file
# at once, some while the journal alone has the newest.
ROUNDS = (1, 5, 10, 20, 40, 80, 200, 400)
WORKERS_KILLED = 6


def test_kill_9_of_all_under_load_loses_nothing_and_the_file_is_whole_at_every_moment(tmp_path: Path) -> None:
    store, writing = tmp_path / "status.json", tmp_path / "status.json.tmp"
    store.write_text('{"version": "2.0", "revision": 0, "servers": {}}')
    acknowledged, sent = list[Report](), list[Report]()
    with OutsideReader(store).reading() as reader:
        for number, count in enumerate(ROUNDS):
            with running(tmp_path) as service:
                assert lost(acknowledged, board(service)) == []
                with Fleet(service.url, "fleet", THREADS, first=number * 10_000).reporting() as fleet:
                    wait_until(fleet.has(count), f"{count} reports are acknowledged")
                    if number % 2:
                        wait_until(writing.exists, "the file is being written", pause=0)
                    service.signal(signal.SIGKILL)
                    service.process.wait()
            assert fleet.refused == []
            acknowledged += fleet.acknowledged
            sent += fleet.sent
        with running(tmp_path) as service:
            assert lost(acknowledged, board(service)) == []
            with Fleet(service.url, "after", 1).reporting() as fleet:
                wait_until(fleet.has(1), "it goes on")
            assert service.stop() == 0
        acknowledged += fleet.acknowledged
        sent += fleet.sent
    assert reader.trouble == []
    assert reader.readings >= len(ROUNDS)
    assert lost(acknowledged, stored(store)) == []
    assert trouble_in_history(store, acknowledged, sent) == []


def test_kill_9_of_a_worker_under_load_harms_nothing_else(tmp_path: Path) -> None:
    with running(tmp_path) as service:
        with Fleet(service.url, "fleet", THREADS).reporting() as fleet:
            wait_until(fleet.has(1), "the file is there")
            with OutsideReader(service.store).reading() as reader:
                for number in range(WORKERS_KILLED):
                    workers = service.workers()
                    victim = a_writer(service) if number % 2 else workers[0]
                    os.kill(victim, signal.SIGKILL)
                    (other,) = set(workers) - {victim}
                    wait_until(fleet.more(20), "the other worker acknowledges 20 more")
                    wait_until(lambda gone=victim: _is_replaced(service, gone), "another takes its place")  # type: ignore[misc]  # a default in a lambda
                    assert other in service.workers()
        with service.only(service.workers()[-1]), Fleet(service.url, "successor", 2).reporting() as later:
            wait_until(later.has(20), "the last successor acknowledges 20 by itself")
        assert reader.trouble == []
        assert fleet.refused + later.refused == []
        acknowledged, sent = fleet.acknowledged + later.acknowledged, fleet.sent + later.sent
        assert lost(acknowledged, board(service)) == []
        assert service.stop() == 0
    assert lost(acknowledged, stored(service.store)) == []
    assert trouble_in_history(service.store, acknowledged, sent) == []


def a_writer(service: Service) -> int:
    """A worker in the middle of a checkpoint: its history is in the history's file, the new file has not its name yet."""
    temporary = str(service.store.with_name("status.json.tmp"))
    found = list[int]()

    def writes(worker: int) -> bool:
        with contextlib.suppress(FileNotFoundError):  # a file that is closed while we look
            return temporary in map(os.readlink, Path(f"/proc/{worker}/fd").iterdir())
        return False

    def is_found() -> bool:
        found[:] = filter(writes, service.workers())
        return bool(found)

    wait_until(is_found, "a worker writes the file", pause=0)
    return found[0]


def _is_replaced(service: Service, worker: int) -> bool:
    """Whether the worker is gone and another runs in its place."""
    workers = service.workers()
    return worker not in workers and len(workers) == 2
