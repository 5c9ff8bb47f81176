"""What a start of the service does by itself: nobody reports, and nobody reads."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from tests.process.fleet import Fleet, board, lost, stored
from tests.process.service import ROOT, Service, running, wait_until

EMPTY = {"version": "2.0", "revision": 0, "servers": {}}


def wait_until_the_file_holds_all(service: Service, fleet: Fleet) -> None:
    wait_until(lambda: not lost(fleet.acknowledged, stored(service.store)), "the file holds all that was acknowledged")


def test_after_a_kill_9_of_all_the_next_start_brings_the_file_up_to_date(tmp_path: Path) -> None:
    def is_killed() -> bool:
        """Kill all if the file is behind the journal at a moment; nobody writes it between the look and the end."""
        with service.held(service.workers()):
            if is_behind := lost(fleet.acknowledged, stored(service.store)) != []:
                service.signal(signal.SIGKILL)
            return is_behind

    with running(tmp_path) as service, Fleet(service.url, "fleet", 8).reporting() as fleet:
        wait_until(fleet.has(500), "500 reports are acknowledged")
        wait_until(is_killed, "all are killed while the file is behind")
        service.process.wait()
    assert fleet.refused == []
    with running(tmp_path) as service:
        wait_until_the_file_holds_all(service, fleet)
        history = service.store.with_name("status.json.history").read_text().splitlines()
        told = {(entry["host"], int(entry["commit_sha"])) for entry in map(json.loads, history)}
        assert {(key.partition("/")[2], number) for key, number in fleet.acknowledged} <= told


@pytest.mark.parametrize("reads", [False, True], ids=["nobody reads", "somebody reads through the other"])
def test_after_a_kill_9_of_a_writer_the_others_bring_the_file_up_to_date(tmp_path: Path, reads: bool) -> None:
    with running(tmp_path) as service:
        with Fleet(service.url, "fleet", 8).reporting() as fleet:
            wait_until(fleet.has(500), "500 reports are acknowledged")
        writer, other = service.workers()
        os.kill(writer, signal.SIGKILL)
        if reads:
            wait_until(lambda: len({*service.workers()} - {writer}) == 2, "another takes its place")
            with service.only(other):
                board(service)
        wait_until_the_file_holds_all(service, fleet)


def test_a_first_start_makes_the_empty_store_and_a_command_makes_none(tmp_path: Path) -> None:
    store = tmp_path / "status.json"

    def told(*command: str) -> int:
        """The exit status of a command."""
        flask = [sys.executable, "-m", "flask", "--app", "app:app", *command]
        environment = {"PATH": os.environ["PATH"], "STATUS_STORE": str(store)}
        return subprocess.run(flask, cwd=ROOT, env=environment, capture_output=True, check=False).returncode

    for command in (["token", "list"], ["store", "export", "-"]):
        assert told(*command) == 1
        assert not list(tmp_path.iterdir())
    with running(tmp_path) as service:
        wait_until(store.exists, "the store is made")
        assert json.loads(store.read_bytes()) == EMPTY
        assert told("token", "create", "--label", "ci", "--scope", "pipeline") == 0
        body = {"server_group": "a", "host": "x", "status": "synced"}
        assert requests.post(service.url + "/status/pipeline", json=body, timeout=60).status_code == 201
        assert service.stop() == 0
    with running(tmp_path) as service:
        assert board(service).keys() == stored(store).keys() == {"a/x"}


@pytest.mark.parametrize("kind", ["a folder that is missing", "a folder that cannot be written", "a damaged file"])
def test_a_store_that_is_out_of_order_stops_no_start(tmp_path: Path, kind: str) -> None:
    folder = tmp_path / "data"
    store = folder / "status.json"
    if kind == "a damaged file":
        folder.mkdir()
        store.write_text('{"version":"2.0","servers":{')
    elif kind == "a folder that cannot be written":
        folder.write_text("no folder")
    else:
        store = folder / "deep" / "status.json"
    with running(tmp_path, environment={"STATUS_STORE": str(store)}) as service:
        assert requests.get(service.url + "/health", timeout=60).status_code == 200
        ready = requests.get(service.url + "/ready", timeout=60)
        assert ready.status_code == (200 if kind == "a folder that is missing" else 503)
        if ready.status_code == 503:
            wait_until(lambda: "The store status.json" in service.log.read_text(), "the log says why")
            if kind == "a damaged file":
                store.write_text(json.dumps(EMPTY))
                assert requests.get(service.url + "/ready", timeout=60).status_code == 200


def test_a_file_that_was_changed_while_the_service_was_down_is_told_by_its_start(tmp_path: Path) -> None:
    """Nobody has to ask for it."""
    store, history = tmp_path / "status.json", tmp_path / "status.json.history"
    with running(tmp_path) as service:
        body = {"server_group": "old", "host": "x", "status": "synced"}
        requests.post(service.url + "/status/pipeline", json=body, timeout=60).raise_for_status()
        assert service.stop() == 0
    store.write_bytes(store.read_bytes().replace(b'"old', b'"new'))
    with running(tmp_path) as service:
        wait_until(lambda: history.read_bytes().count(b"\n") == 3, "the history tells of both")
        rows = requests.get(service.url + "/history", timeout=60).json()
        assert [(row["server_group"], row["event"], row["source"]) for row in rows] == [
            ("old", "created", "pipeline"), ("old", "deleted", "file"), ("new", "created", "file"),
        ]  # fmt: skip
        (counts,) = requests.get(service.url + "/history/summary?from=0m", timeout=60).json()
        assert (counts["total"], counts["synced"]) == (1, 1)
