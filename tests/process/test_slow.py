"""Clients that send or read slowly, by the hundred: nobody else waits for them, and each is cut off in the end."""

import contextlib
import resource
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.process.service import Service, patient, running, wait_until, with_times
from tests.process.wire import connect

SLOW = 300
PLACES = 2 * 900  # of two workers, by gunicorn.conf.py
HEAD = b"POST /status/pipeline HTTP/1.1\r\nHost: status\r\nContent-Type: application/json\r\n"


@pytest.fixture(scope="module", autouse=True)
def _enough_files() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("service")
    with running(folder, environment={"STATUS_ACCESS_LOG": "off", **patient(folder)}) as service:
        yield service


@contextlib.contextmanager
def many(service: Service, count: int, sent: bytes) -> Iterator[list[socket.socket]]:
    """So many connections, on each of which this was sent and no more."""
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(connect(service)) for _ in range(count)]
        for client in clients:
            client.sendall(sent)
        yield clients


def assert_answers(service: Service) -> None:
    for number in range(4):  # so that both workers are likely to have had one
        body = {"server_group": "slow", "host": f"h-{number}", "status": "synced"}
        assert requests.get(f"{service.url}/health", timeout=60).status_code == 200
        assert requests.post(f"{service.url}/status/pipeline", json=body, timeout=60).ok


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"G", id="a byte"),
        pytest.param(b"GET /health HTTP/1.1\r\nHost: sta", id="half a header"),
        pytest.param(HEAD + b"Content-Length: 50\r\n\r\n{", id="half a body"),
        pytest.param(HEAD + b"Content-Length: 1000000\r\n\r\n{", id="the start of a long body"),
        pytest.param(HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\n{", id="half a chunk"),
        pytest.param(HEAD + b"Expect: 100-continue\r\nContent-Length: 50\r\n\r\n", id="a question"),
        pytest.param(b"GET /health HTTP/1.1\r\nX: " + b"a" * 70_000, id="a header without end"),
        pytest.param(b"GET /health HTTP/1.1\r\nHost: s\r\n\r\nGET /hea", id="a request and half of the next"),
        pytest.param(b"GET /nothing HTTP/1.1\r\nHost: s\r\nConnection: close\r\n\r\n", id="a request, and no end of it"),
        pytest.param(b"X : y\r\n\r\n", id="nonsense, and no end of it"),
        pytest.param(b"POST /nothing HTTP/1.1\r\nHost: s\r\nContent-Length: 9\r\n\r\n1", id="half a body that is not read"),
    ],
)  # fmt: skip
def test_hundreds_of_slow_clients_keep_nobody_waiting(service: Service, sent: bytes) -> None:
    with many(service, SLOW, sent):
        assert_answers(service)


def test_clients_that_send_byte_by_byte_keep_nobody_waiting(service: Service) -> None:
    whole = HEAD + b"Content-Length: 500\r\n\r\n"
    with many(service, 100, b"") as clients:
        for place in range(0, len(whole), 4):
            for client in clients:
                client.sendall(whole[place : place + 1])
            if place % 40 == 0:
                assert_answers(service)


def test_a_request_in_single_bytes_is_a_request_all_the_same(service: Service) -> None:
    body = b'{"server_group": "slow", "host": "single", "status": "synced"}'
    with connect(service) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body:
            client.sendall(bytes([byte]))
        assert client.recv(100).startswith(b"HTTP/1.1 201 ")


def test_when_every_place_is_taken_the_slow_give_way(service: Service) -> None:
    with many(service, PLACES + 200, b"G"):
        assert requests.get(f"{service.url}/health", timeout=60).status_code == 200
    assert_answers(service)


@pytest.fixture
def hasty(tmp_path: Path) -> Iterator[Service]:
    """A service whose patience ends at once."""
    times = with_times(tmp_path, SECONDS_TO_COME=1, SECONDS_TO_ANSWER=3, SECONDS_TO_CLOSE=0.5)
    with running(tmp_path, workers=1, environment=times) as service:
        yield service


def test_whoever_takes_too_long_is_cut_off(hasty: Service) -> None:
    """In each phase: before a thread has the request, while one reads it, while one sends, and after the answer."""
    report = {"server_group": "slow", "status": "synced", "validation_message": "x" * 4_000}
    for start in (0, 1_000):  # 9 megabytes in all: no socket takes that from a thread
        reports = [{**report, "host": f"h-{number}"} for number in range(start, start + 1_000)]
        requests.post(f"{hasty.url}/status/pipeline", json=reports, timeout=60).raise_for_status()
    for sent in (b"G", HEAD + b"Content-Length: 1000000\r\n\r\n{", HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\n{"):
        with connect(hasty) as client:
            client.sendall(sent)
            with contextlib.suppress(ConnectionResetError):
                while client.recv(65_536):
                    pass
    with many(hasty, 40, b"GET /status HTTP/1.1\r\nHost: status\r\n\r\n"):  # more than there are threads; nobody reads
        assert requests.get(f"{hasty.url}/health", timeout=60).ok, "a thread was free again"
    with connect(hasty) as client:
        client.sendall(b"X : y\r\n\r\n")
        while client.recv(65_536):
            pass
        wait_until(lambda: is_reset(client), "the service has closed its side too")


def is_reset(client: socket.socket) -> bool:
    """Whether the other side takes nothing any more."""
    try:
        client.send(b"x")
    except ConnectionError:
        return True
    return False
