"""However the service ends, every report that it acknowledged is in the file: stop, reload and kill -9 under load."""

import json
import signal
import socket
from pathlib import Path
from urllib.parse import urlsplit

import requests

from tests.process.fleet import Fleet, stored
from tests.process.service import Service, running, wait_until

THREADS = 8
REPORT = b'{"server_group": "held", "host": "h-01", "status": "synced"}'


def test_a_stop_under_load_loses_nothing_and_ends_well(tmp_path: Path) -> None:
    with running(tmp_path) as service, Fleet(service.url, "stop", THREADS).reporting() as fleet:
        wait_until(fleet.has(100), "100 reports are acknowledged")
        assert service.stop() == 0
    assert fleet.refused == []
    assert set(fleet.acknowledged) <= stored(service.store).keys()


def test_a_stop_lets_a_request_that_has_begun_end(tmp_path: Path) -> None:
    with running(tmp_path) as service, begun_request(service) as client:
        service.process.terminate()
        wait_until(lambda: len(service.workers()) == 1, "the idle worker is gone")
        client.sendall(REPORT)
        with client.makefile("rb") as answer:
            assert answer.readline() == b"HTTP/1.1 201 CREATED\r\n"
        assert service.process.wait(timeout=20) == 0
    assert "held/h-01" in stored(service.store)


def test_a_reload_under_load_loses_nothing_and_goes_on_with_new_workers(tmp_path: Path) -> None:
    with running(tmp_path) as service:
        before = set(service.workers())
        with Fleet(service.url, "reload", THREADS).reporting() as fleet:
            wait_until(fleet.has(50), "50 reports are acknowledged")
            service.signal(signal.SIGHUP)
            wait_until(lambda: not before & set(service.workers()), "the old workers are gone")
            wait_until(fleet.has(len(fleet.acknowledged) + 50), "the new workers acknowledge 50 more")
        rows = requests.get(service.url + "/status", timeout=10).json()
        assert service.stop() == 0
    assert fleet.refused == []
    assert set(fleet.acknowledged) <= {f"{row['server_group']}/{row['host']}" for row in rows}
    assert set(fleet.acknowledged) <= stored(service.store).keys()


def test_kill_9_under_load_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    acknowledged: set[str] = set()
    for number in range(4):
        with running(tmp_path) as service:
            rows = requests.get(service.url + "/status", timeout=10).json()
            assert acknowledged <= {f"{row['server_group']}/{row['host']}" for row in rows}
            with Fleet(service.url, f"round-{number}", THREADS).reporting() as fleet:
                wait_until(fleet.has(60), "60 reports are acknowledged")
                service.signal(signal.SIGKILL)
                service.process.wait()
        assert fleet.refused == []
        assert json.loads(service.store.read_bytes())["version"] == "2.0"
        acknowledged |= set(fleet.acknowledged)

    with running(tmp_path) as service:
        report = {"server_group": "after", "host": "a-01", "status": "synced"}
        requests.post(service.url + "/status/pipeline", json=report, timeout=10).raise_for_status()
        assert service.stop() == 0
    assert acknowledged < stored(service.store).keys()


def begun_request(service: Service) -> socket.socket:
    """A connection whose request a worker has begun to read: it has asked for the body."""
    address = urlsplit(service.url)
    client = socket.create_connection((address.hostname, address.port), timeout=20)
    head = (
        "POST /status/pipeline HTTP/1.1\r\nHost: status\r\nContent-Type: application/json\r\nExpect: 100-continue\r\n"
    )
    client.sendall(f"{head}Content-Length: {len(REPORT)}\r\n\r\n".encode())
    asked = b"HTTP/1.1 100 Continue\r\n\r\n"
    assert client.recv(len(asked), socket.MSG_WAITALL) == asked
    return client
