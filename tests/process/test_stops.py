"""After a stop and after a reload under load, the file alone has every report that was acknowledged."""

import contextlib
import re
import signal
import socket
from pathlib import Path
from urllib.parse import urlsplit

from tests.process.fleet import Fleet, board, lost, stored, trouble_in_history
from tests.process.service import Service, running, wait_until

THREADS = 8
REPORTS = 200  # so many are acknowledged before, of which the file lacks some
HEAD = "POST /status/pipeline HTTP/1.1\r\nHost: status\r\nContent-Type: application/json\r\n"
REPORT = b'{"server_group": "held", "host": "h-01", "status": "synced"}'


def test_a_stop_under_load_loses_nothing_and_ends_well(tmp_path: Path) -> None:
    with running(tmp_path) as service, Fleet(service.url, "stop", THREADS).reporting() as fleet:
        wait_until(fleet.has(REPORTS), f"{REPORTS} reports are acknowledged")
        wait_until(lambda: is_told_while_behind(service, fleet, signal.SIGTERM), "it is told while the file is behind")
        assert service.process.wait(timeout=60) == 0
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
        assert service.process.wait(timeout=60) == 0
    assert "held/h-01" in stored(service.store)


def test_a_stop_answers_those_that_wait_at_the_door(tmp_path: Path) -> None:
    """No worker has taken their connections yet, but they have sent their request."""
    with running(tmp_path) as service, contextlib.ExitStack() as clients:
        with service.held(service.workers()):
            waiting = [clients.enter_context(connection(service)) for _ in range(20)]
            for client in waiting:
                client.sendall(f"{HEAD}Content-Length: {len(REPORT)}\r\n\r\n".encode() + REPORT)
            service.process.terminate()
            wait_until(lambda: all(map(_is_told_to_end, service.workers())), "both workers are told to end")
        for client in waiting:
            with client, client.makefile("rb") as answer:
                assert answer.readline().split()[1] in (b"200", b"201")
        assert service.process.wait(timeout=60) == 0


def test_a_reload_under_load_loses_nothing_and_goes_on_with_new_workers(tmp_path: Path) -> None:
    with running(tmp_path) as service:
        before = set(service.workers())
        with Fleet(service.url, "reload", THREADS).reporting() as fleet:
            wait_until(fleet.has(REPORTS), f"{REPORTS} reports are acknowledged")
            wait_until(
                lambda: is_told_while_behind(service, fleet, signal.SIGHUP), "it is told while the file is behind"
            )
            wait_until(lambda: not before & set(service.workers()), "the old workers are gone")
            wait_until(fleet.more(50), "the new workers acknowledge 50 more")
        assert lost(fleet.acknowledged, board(service)) == []
        wait_until(lambda: not lost(fleet.acknowledged, stored(service.store)), "the file alone shows every report")
        assert service.stop() == 0
    assert fleet.refused == []
    assert lost(fleet.acknowledged, stored(service.store)) == []
    assert trouble_in_history(service.store, fleet.acknowledged, fleet.sent) == []


def is_told_while_behind(service: Service, fleet: Fleet, number: signal.Signals) -> bool:
    """Send the master a signal if the file is behind at a moment; nobody writes it between the look and the signal."""
    with service.held(service.workers()):
        if is_behind := lost(fleet.acknowledged, stored(service.store)) != []:
            service.signal(number)
        return is_behind


def connection(service: Service) -> socket.socket:
    """A connection on which nothing was sent yet."""
    address = urlsplit(service.url)
    return socket.create_connection((address.hostname, address.port), timeout=60)


def begun_request(service: Service) -> socket.socket:
    """A connection whose request a worker has begun to read: it has asked for the body."""
    client = connection(service)
    client.sendall(f"{HEAD}Expect: 100-continue\r\nContent-Length: {len(REPORT)}\r\n\r\n".encode())
    asked = b"HTTP/1.1 100 Continue\r\n\r\n"
    assert client.recv(len(asked), socket.MSG_WAITALL) == asked
    return client


def _is_told_to_end(pid: int) -> bool:
    """Whether a SIGTERM waits for the process (proc(5))."""
    [pending] = re.findall(r"^ShdPnd:\s*(\w+)$", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    return bool(int(pending, 16) >> (signal.SIGTERM - 1) & 1)
