"""What runs by the clock, in a real service: it is there by default, one process does it, and it ends with the service."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import requests

from domain.freshness import Moment
from domain.kinds import HEARTBEAT
from domain.report import read_reports
from operations.heartbeat import KEY, Life
from operations.servers import take_reports
from stores import open_store
from tests.process.service import ROOT, Service, has_ended, running, wait_until

ADMIN = "an-admin-token-of-the-tests"


def at_once(folder: Path, **settings: str) -> dict[str, str]:
    """The environment of a service that does not wait before it starts what works beside it."""
    file = folder / "at_once.py"
    file.write_text("from workers import beside\nbeside.PAUSE_SECONDS = 0.1\nexec(open('gunicorn.conf.py').read())\n")
    return {"STATUS_ADMIN_TOKEN": ADMIN, "GUNICORN_CMD_ARGS": f"--config {file}", **settings}


def sweeper(service: Service) -> Any:
    """The row of the sweeper."""
    answer = requests.get(f"{service.url}/workers", headers={"Authorization": f"Bearer {ADMIN}"}, timeout=60)
    (row,) = answer.json()
    return row


def leader(service: Service) -> int:
    """The process that leads, by its id; 0 where none does."""
    return int(sweeper(service)["leader"].split()[-1]) if sweeper(service)["running"] else 0


def test_the_service_runs_it_beside_itself_starts_it_anew_and_ends_it(tmp_path: Path) -> None:
    with running(tmp_path, environment=at_once(tmp_path)) as service:
        wait_until(lambda: [leader(service)] == service.beside(), "it leads")
        first = leader(service)
        assert (sweeper(service)["failures"], sweeper(service)["message"]) == (0, "")
        os.kill(first, signal.SIGKILL)
        wait_until(lambda: leader(service) not in (0, first), "another leads")
        second = leader(service)
        assert service.beside() == [second]
        assert sweeper(service)["runs"] == 2
        service.signal(signal.SIGHUP)
        wait_until(lambda: leader(service) != second, "one of the newer configuration leads")
        third = leader(service)
        assert service.stop() == 0
        assert has_ended(third)
        assert "Traceback" not in service.log.read_text()


def test_it_ends_with_a_master_that_is_killed(tmp_path: Path) -> None:
    with running(tmp_path, environment=at_once(tmp_path)) as service:
        wait_until(lambda: leader(service) != 0, "it leads")
        one = leader(service)
        os.kill(service.process.pid, signal.SIGKILL)
        wait_until(lambda: has_ended(one), "it has ended")


@pytest.fixture(params=["file", "postgres"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return str(tmp_path / "status.json") if request.param == "file" else str(request.getfixturevalue("database"))


def test_of_two_services_one_works_and_the_other_takes_over(place: str, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    environment = at_once(tmp_path, STATUS_STORE=place)
    with running(tmp_path, workers=1, environment=environment) as one:
        wait_until(lambda: leader(one) != 0, "the first leads")
        with running(tmp_path / "other", workers=1, environment=environment) as other:
            wait_until(lambda: other.beside() != [], "the other has one too")
            assert leader(other) == one.beside()[0]
            one.signal(signal.SIGKILL)
            wait_until(lambda: leader(other) == other.beside()[0], "the other leads")


def test_switched_off_it_is_left_to_the_command(tmp_path: Path) -> None:
    environment = at_once(tmp_path, STATUS_WORKERS="off")
    with running(tmp_path, workers=1, environment=environment) as service:
        settings = {"PATH": os.environ["PATH"], "STATUS_STORE": str(service.store), "STATUS_LOG_FORMAT": "json"}
        command = [sys.executable, "-m", "workers"]
        with subprocess.Popen(command, cwd=ROOT, env=settings, stderr=subprocess.PIPE) as process:
            wait_until(lambda: leader(service) == process.pid, "the command leads")
            assert service.beside() == []
            process.send_signal(signal.SIGTERM)
            assert process.wait() == 0
            assert process.stderr
            assert process.stderr.read() == b""


def test_after_an_hour_away_nobody_is_stale_at_once(tmp_path: Path) -> None:
    """The hour is played by a process whose clock is an hour behind: what it took and noted is all that there is."""
    store = open_store(tmp_path / "status.json", lambda _stored: None, clock=an_hour_ago)
    body = b'{"server_group": "web", "host": "n1", "check_interval": 300, "changed_files": []}'
    then = int(an_hour_ago())
    take_reports(store, Moment(then, 7_200), read_reports("cron", body, then).reports)
    Life(store, an_hour_ago).note()
    store.close()
    with running(tmp_path) as service:
        for worker in service.workers():
            with service.only(worker):
                assert requests.get(f"{service.url}/status/web/n1", timeout=60).json()["stale"] is False
    heartbeat = open_store(tmp_path / "status.json", lambda _stored: None).get(HEARTBEAT, KEY)
    assert heartbeat
    assert len(heartbeat["outages"]) == 1


def an_hour_ago() -> float:
    return time.time() - 3_600
