"""A running service whose store goes, and the operator who begins an empty one."""

import os
import signal
import sys
from pathlib import Path

import requests

from tests.process.service import ROOT, Service, running, wait_until
from tests.process.warm import run

REPORT = {"server_group": "web", "host": "h1", "status": "failed"}


def flask_store_new(service: Service) -> str:
    """What the command says to people."""
    environment = {"PATH": os.environ["PATH"], "STATUS_STORE": str(service.store)}
    words = [sys.executable, "-m", "flask", "store", "new"]
    return str(run(words, cwd=ROOT, env=environment, text=True).stderr)


def test_a_store_that_goes_is_said_by_every_worker_until_the_operator_begins_another(tmp_path: Path) -> None:
    with running(tmp_path) as service:
        assert requests.post(service.url + "/status/pipeline", json=REPORT, timeout=60).status_code == 201
        assert "Nothing was changed" in flask_store_new(service)
        service.store.unlink()
        for worker in service.workers():
            with service.only(worker):
                for answer in (
                    requests.get(service.url + "/summary", timeout=60),
                    requests.get(service.url + "/ready", timeout=60),
                    requests.post(service.url + "/status/pipeline", json=REPORT, timeout=60),
                ):
                    assert answer.status_code == 503
                    assert answer.json()["error"].startswith("The store status.json is gone, and there was one.")
                assert requests.get(service.url + "/health", timeout=60).status_code == 200
        assert not service.store.exists()
        assert flask_store_new(service) == (f"{service.store} is an empty store now. Its history tells what is gone.\n")
        assert requests.get(service.url + "/ready", timeout=60).status_code == 200
        assert requests.get(service.url + "/status", timeout=60).json() == []
        assert requests.post(service.url + "/status/pipeline", json=REPORT, timeout=60).status_code == 201
        told = [row["event"] for row in requests.get(service.url + "/history", timeout=60).json()]
        assert told == ["created", "deleted", "created"]


def test_a_store_of_which_nothing_is_left_is_no_new_one_to_workers_that_start_later(tmp_path: Path) -> None:
    with running(tmp_path) as service:
        assert requests.post(service.url + "/status/pipeline", json=REPORT, timeout=60).status_code == 201
        for file in tmp_path.glob("status.json*"):
            file.unlink()
        for number in (signal.SIGKILL, signal.SIGHUP):
            oldest, *_ = service.workers()
            os.kill(oldest if number == signal.SIGKILL else service.process.pid, number)
            wait_until(lambda oldest=oldest: oldest not in service.workers(), "it is gone")  # type: ignore[misc]  # a default
            wait_until(lambda: len(service.workers()) == 2, "another takes its place")
            for worker in service.workers():
                with service.only(worker):
                    for answer in (
                        requests.get(service.url + "/status", timeout=60),
                        requests.post(service.url + "/status/pipeline", json=REPORT, timeout=60),
                    ):
                        assert answer.status_code == 503
                        assert answer.json()["error"].startswith("The store status.json is gone, and there was one.")
        assert not service.store.exists()
        assert "start the service once" in flask_store_new(service)  # which cannot see that there was one
        service.store.write_text("{}")
        assert requests.post(service.url + "/status/pipeline", json=REPORT, timeout=60).status_code == 201
