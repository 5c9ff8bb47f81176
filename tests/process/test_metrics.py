"""Several workers count as one, also when one dies; and nothing stays behind."""

import os
import signal
from pathlib import Path

import requests

from tests.process.service import Service, running, wait_until
from tests.series import Series, series

STORED = ("gitops_reports_total", "result=stored", "source=pipeline")
REPORTS = ("gitops_http_request_duration_seconds_count", "code=201", "method=POST", "route=/status/pipeline")
COMMITS = ("gitops_store_commit_duration_seconds_count",)
WITHIN = ("gitops_store_commit_duration_seconds_bucket", "le=+Inf")


def scrape(service: Service) -> Series:
    answer = requests.get(service.url + "/metrics", timeout=20)
    answer.raise_for_status()
    return series(answer.text)


def report(service: Service, *hosts: str) -> None:
    body = [{"server_group": "web", "host": host, "status": "synced"} for host in hosts]
    requests.post(service.url + "/status/pipeline", json=body, timeout=20).raise_for_status()


def seen_by(service: Service, worker: int) -> Series:
    with service.only(worker):
        return scrape(service)


def successor(service: Service, victim: int) -> int:
    """Kill a worker, and give the one that takes its place."""
    before = set(service.workers())
    os.kill(victim, signal.SIGKILL)
    wait_until(lambda: len(set(service.workers()) - before) == 1, "another takes its place")
    (new,) = set(service.workers()) - before
    return new


def test_every_worker_shows_the_sums_over_all(tmp_path: Path) -> None:
    with running(tmp_path, workers=3) as service:
        for number, worker in enumerate(service.workers()):
            with service.only(worker):
                report(service, f"a-{number}", f"b-{number}")
        for worker in service.workers():
            seen = seen_by(service, worker)
            assert [seen[key] for key in (STORED, REPORTS, COMMITS, WITHIN)] == [6, 3, 3, 3]
            assert len([key for key in seen if key[0] == "gitops_server_problem"]) == 6


def test_what_a_killed_worker_counted_stays_and_its_successor_goes_on(tmp_path: Path) -> None:
    with running(tmp_path) as service:
        for number, victim in enumerate(service.workers()):
            with service.only(victim):
                report(service, f"before-{number}")
            with service.only(successor(service, victim)):
                report(service, f"after-{number}")
        for worker in service.workers():
            seen = seen_by(service, worker)
            assert [seen[key] for key in (STORED, REPORTS, COMMITS, WITHIN)] == [4, 4, 4, 4]


def test_after_a_reload_the_counts_go_on(tmp_path: Path) -> None:
    with running(tmp_path) as service:
        report(service, "before")
        old = set(service.workers())
        service.signal(signal.SIGHUP)
        wait_until(lambda: not old & set(service.workers()), "the old workers are gone")
        report(service, "after")
        assert scrape(service)[STORED] == 2


def test_a_start_counts_from_nothing_and_a_stop_leaves_nothing_behind(tmp_path: Path) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    for _ in range(2):
        with running(tmp_path, environment={"TMPDIR": str(temporary)}) as service:
            report(service, "web-01", "web-02")
            assert scrape(service)[STORED] == 2
            (folder,) = temporary.glob("gitops-status-*")
            assert len(list(folder.glob("*.db"))) == 4
            assert service.stop() == 0
        assert list(temporary.iterdir()) == []


def test_a_folder_that_somebody_else_uses_is_left_alone(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    with running(tmp_path, environment={"PROMETHEUS_MULTIPROC_DIR": str(other)}) as service:
        report(service, "web-01")
        assert scrape(service)[STORED] == 1
        assert service.stop() == 0
    assert list(other.iterdir()) == []
