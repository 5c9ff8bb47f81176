"""Few files may be open: connections wait, and no worker ends."""

import contextlib
import resource
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.process.service import Service, running, wait_until
from tests.process.wire import connect

IDLE = 80
REPORT = {"server_group": "web", "host": "web-01", "status": "synced"}


class Limited(subprocess.Popen[Any]):
    """A program that may open 64 files, and has asked for fewer."""

    most = 64

    def __init__(self, *given: Any, **options: Any) -> None:
        def limit() -> None:
            resource.setrlimit(resource.RLIMIT_NOFILE, (40, self.most))

        super().__init__(*given, **{"preexec_fn": limit, **options})


class TooLimited(Limited):
    """The same with one file fewer."""

    most = 63


def open_files(worker: int) -> list[Path]:
    return list(Path(f"/proc/{worker}/fd").iterdir())


def assert_it_outlives_many_connections(service: Service, is_full: Callable[[], bool]) -> None:
    (worker,) = service.workers()
    with ThreadPoolExecutor() as pool:
        with contextlib.ExitStack() as stack:
            for _ in range(IDLE):
                stack.enter_context(connect(service))
            wait_until(is_full, "no more connection is let in")
            waiting = pool.submit(requests.post, f"{service.url}/status/pipeline", json=REPORT, timeout=60)
        assert waiting.result().ok
    assert requests.get(f"{service.url}/ready", timeout=60).status_code == 200
    assert service.workers() == [worker]


def test_a_service_that_may_open_few_files_takes_few_connections_and_says_so(tmp_path: Path) -> None:
    with running(tmp_path, workers=1, program=Limited) as service:
        assert "A worker takes up to 16 connections: 64 files may be open." in service.log.read_text()
        (worker,) = service.workers()
        assert resource.prlimit(worker, resource.RLIMIT_NOFILE) == (64, 64)
        before = len(open_files(worker))
        assert_it_outlives_many_connections(service, lambda: len(open_files(worker)) > before + 10)
        assert "Too many open files" not in service.log.read_text()


def test_where_too_few_may_be_open_the_start_says_so(tmp_path: Path) -> None:
    refused = pytest.raises(
        RuntimeError, match=r"Only 63 files may be open \(ulimit -n\): the service needs at least 64"
    )
    with refused, running(tmp_path, program=TooLimited):
        pass


def test_where_files_run_out_after_the_start_connections_wait(tmp_path: Path) -> None:
    with running(tmp_path, workers=1) as service:
        (worker,) = service.workers()
        limit = len(open_files(worker)) + 20
        resource.prlimit(worker, resource.RLIMIT_NOFILE, (limit, limit))
        assert_it_outlives_many_connections(service, lambda: "From here on a worker takes" in service.log.read_text())
