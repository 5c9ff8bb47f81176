"""After a stop and after a reload under load, the file alone has every report that was acknowledged."""

import signal
import socket
from pathlib import Path
from urllib.parse import urlsplit

from tests.process.fleet import Fleet, board, lost, stored, trouble_in_history
from tests.process.service import Service, running, wait_until

THREADS = 8
BEHIND = 1_000  # after so many reports under load the file is behind the journal nearly all the time
REPORT = b'{"server_group": "held", "host": "h-01", "status": "synced"}'


def test_a_stop_under_load_loses_nothing_and_ends_well(tmp_path: Path) -> None:
    with running(tmp_path) as service, Fleet(service.url, "stop", THREADS).reporting() as fleet:
        wait_until(fleet.has(BEHIND), f"{BEHIND} reports are acknowledged")
        assert service.stop() == 0
    assert fleet.refused == []
    assert lost(fleet.acknowledged, stored(service.store)) == []
    assert trouble_in_history(service.store, fleet.acknowledged, fleet.sent) == []


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
            wait_until(fleet.has(BEHIND), f"{BEHIND} reports are acknowledged")
            service.signal(signal.SIGHUP)
            wait_until(lambda: not before & set(service.workers()), "the old workers are gone")
            wait_until(fleet.more(50), "the new workers acknowledge 50 more")
        assert lost(fleet.acknowledged, board(service)) == []
        wait_until(lambda: not lost(fleet.acknowledged, stored(service.store)), "the file alone shows every report")
        assert service.stop() == 0
    assert fleet.refused == []
    assert lost(fleet.acknowledged, stored(service.store)) == []
    assert trouble_in_history(service.store, fleet.acknowledged, fleet.sent) == []


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
