"""Several workers count as one, also when one dies; and they need no file for it."""

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.process.service import NOTES, Service, running, wait_until
from tests.series import Series, series
from tests.small_disk import small_disk

STORED = ("gitops_reports_total", "result=stored", "source=pipeline")
REPORTS = ("gitops_http_request_duration_seconds_count", "code=201", "method=POST", "route=/status/pipeline")
COMMITS = ("gitops_store_commit_duration_seconds_count",)
WITHIN = ("gitops_store_commit_duration_seconds_bucket", "le=+Inf")


def scrape(service: Service) -> Series:
    answer = requests.get(service.url + "/metrics", timeout=60)
    answer.raise_for_status()
    return series(answer.text)


def report(service: Service, *hosts: str) -> None:
    body = [{"server_group": "web", "host": host, "status": "synced"} for host in hosts]
    requests.post(service.url + "/status/pipeline", json=body, timeout=60).raise_for_status()


def seen_by(service: Service, worker: int) -> Series:
    with service.only(worker):
        return scrape(service)


def fill(disk: Path) -> None:
    """Take all the room that is left."""
    with (disk / "ballast").open("wb", buffering=0) as ballast, contextlib.suppress(OSError):
        while ballast.write(bytes(4_096)):
            pass


def successor(service: Service, victim: int) -> int:
    """Kill a worker, and give the one that takes its place."""
    before = set(service.workers())
    os.kill(victim, signal.SIGKILL)
    wait_until(lambda: len(set(service.workers()) - before) == 1, "another takes its place")
    (new,) = set(service.workers()) - before
    return new


@pytest.fixture(params=["gone", "full"])
def temporary(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """A temporary folder: the test takes it away once the service runs, or fills it, as it has a disk of its own."""
    folder = tmp_path / "tmp"
    if request.param == "gone":
        folder.mkdir()
        yield folder
        return
    with small_disk(folder, "size=1m"):
        yield folder


def assert_sums(seen: Series, stored: int, reports: int) -> None:
    """That so many were stored by so many requests, each of them a commit, as are the notes that the service lives."""
    assert (seen[STORED], seen[REPORTS]) == (stored, reports)
    assert seen[COMMITS] == seen[WITHIN]
    assert 0 <= seen[COMMITS] - reports < NOTES


def test_every_worker_shows_the_sums_over_all(tmp_path: Path) -> None:
    with running(tmp_path, workers=3) as service:
        for number, worker in enumerate(service.workers()):
            with service.only(worker):
                report(service, f"a-{number}", f"b-{number}")
        for worker in service.workers():
            seen = seen_by(service, worker)
            assert_sums(seen, stored=6, reports=3)
            assert len([key for key in seen if key[0] == "gitops_server_problem"]) == 6


def test_deaths_and_a_reload_lose_no_count_and_need_no_temporary_folder(tmp_path: Path, temporary: Path) -> None:
    with running(tmp_path, environment={"TMPDIR": str(temporary)}) as service:
        assert not list(temporary.iterdir()), "a killed group would leave it behind"
        if temporary.is_mount():
            fill(temporary)
        else:
            temporary.rmdir()
        for number, victim in enumerate(service.workers()):
            with service.only(victim):
                report(service, f"before-{number}")
            with service.only(successor(service, victim)):
                report(service, f"after-{number}")
        for worker in service.workers():
            seen = seen_by(service, worker)
            assert_sums(seen, stored=4, reports=4)
        old = set(service.workers())
        service.signal(signal.SIGHUP)
        wait_until(lambda: not old & set(service.workers()), "the old workers are gone")
        report(service, "reloaded")
        seen = scrape(service)
        assert_sums(seen, stored=5, reports=5)
        assert seen["gitops_counters_kept",] == 1
        assert "SIGBUS" not in service.log.read_text()
        assert service.stop() == 0


def test_a_start_counts_from_nothing(tmp_path: Path) -> None:
    for _ in range(2):
        with running(tmp_path) as service:
            report(service, "web-01", "web-02")
            assert scrape(service)[STORED] == 2
            assert service.stop() == 0
