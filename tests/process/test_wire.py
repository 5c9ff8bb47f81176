"""What comes over a real socket: half a request, too much of it, chunks, HEAD, one connection for many requests."""

import json
import socket
import subprocess
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from tests.process.service import Service, running

JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running(tmp_path_factory.mktemp("service")) as service:
        yield service


@pytest.fixture
def connection(service: Service) -> Iterator[HTTPConnection]:
    """One connection that is kept."""
    connection = HTTPConnection(urlsplit(service.url).netloc, timeout=60)
    connection.connect()
    yield connection
    connection.close()


def report(host: str) -> bytes:
    return json.dumps({"server_group": "wire", "host": host, "status": "synced"}).encode()


def is_stored(service: Service, host: str) -> bool:
    return requests.get(f"{service.url}/status/wire/{host}", timeout=60).status_code == 200


def answer_to(service: Service, head: str, body: bytes) -> tuple[int, dict[str, str]]:
    """Send these bytes and then no more (the reading side stays open); the status and the JSON of the answer."""
    address = urlsplit(service.url)
    with socket.create_connection((address.hostname, address.port), timeout=60) as client:
        client.sendall(f"{head}\r\nHost: status\r\n\r\n".encode() + body)
        client.shutdown(socket.SHUT_WR)
        with HTTPResponse(client) as answer:
            answer.begin()
            assert answer.headers["Content-Type"] == "application/json"
            return answer.status, json.loads(answer.read())


@pytest.mark.parametrize(
    ("host", "sent"),
    [("cut", report("cut")[:50]), ("looks-whole", report("looks-whole"))],
    ids=["in the middle", "where it looks whole"],
)
def test_half_a_request_is_a_400_and_stores_nothing(service: Service, host: str, sent: bytes) -> None:
    head = "POST /status/pipeline HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 100"
    status, answer = answer_to(service, head, sent)
    assert (status, answer["code"]) == (400, "bad_request")
    assert not is_stored(service, host)


def test_half_a_v1_report_is_a_400_and_stores_nothing(service: Service) -> None:
    head = "POST /api/status HTTP/1.1\r\nContent-Length: 100"
    status, answer = answer_to(service, head, b'{"server": "half-lab", "sync_status": "SYNCED"}')
    assert (status, answer["code"]) == (400, "bad_request")
    assert requests.get(f"{service.url}/status/half-lab/half-lab", timeout=60).status_code == 404


@pytest.mark.parametrize(
    "chunk",
    [
        pytest.param(b"28\r\n", id="cut"),
        pytest.param(b"", id="none"),
        pytest.param(b"zz\r\n", id="no number"),
    ],
)
def test_chunks_that_are_broken_are_a_400_and_store_nothing(service: Service, chunk: bytes) -> None:
    head = "POST /status/pipeline HTTP/1.1\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked"
    status, answer = answer_to(service, head, chunk + report("chunks")[:20])
    assert (status, answer["code"]) == (400, "bad_request")
    assert not is_stored(service, "chunks")


def test_a_body_in_chunks_is_stored_as_one_of_a_known_length(service: Service, connection: HTTPConnection) -> None:
    body = report("chunked")
    connection.request("POST", "/status/pipeline", iter([body[:7], body[7:30], body[30:]]), JSON, encode_chunked=True)
    assert connection.getresponse().status == 201
    assert is_stored(service, "chunked")


@pytest.mark.parametrize("expect", ["Expect:", "Expect: 100-continue"])
@pytest.mark.parametrize("path", ["/status/pipeline", "/status/cron", "/api/status"])
def test_curl_can_read_why_ten_megabytes_are_too_much(tmp_path: Path, service: Service, expect: str, path: str) -> None:
    (tmp_path / "body").write_bytes(b'{"validation_message": "%b"}' % (b"x" * 10_000_000))
    command = ["curl", "-sS", "-m", "20", "-w", "\n%{http_code}", "-H", "Content-Type: application/json", "-H", expect]
    done = subprocess.run(
        [*command, "--data-binary", f"@{tmp_path / 'body'}", service.url + path],
        capture_output=True, text=True, check=False, timeout=30,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    answer, code = done.stdout.rsplit("\n", 1)
    assert (code, json.loads(answer)["code"]) == ("413", "too_large")


@pytest.mark.parametrize(
    ("path", "most", "read"),
    [("/status/pipeline", 8 << 20, "/status/wire/too-long"), ("/api/status", 1 << 20, "/status/too-long/too-long")],
)
def test_too_much_in_chunks_is_a_413_even_where_its_start_is_a_whole_report(
    service: Service, path: str, most: int, read: str
) -> None:
    start = b"[" + report("too-long") + b"]" if path == "/status/pipeline" else b'{"server": "too-long"}'

    def post(size: int) -> requests.Response:
        chunks = [start, *[b" " * 65_536] * (size // 65_536 - 1), b" " * (65_536 - len(start) + size % 65_536)]
        return requests.post(service.url + path, data=iter(chunks), headers=JSON, timeout=60)

    answer = post(most + 1)
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
    assert requests.get(service.url + read, timeout=60).status_code == 404
    assert post(most).ok
    assert requests.get(service.url + read, timeout=60).status_code == 200


def test_a_head_has_the_headers_of_the_get_and_no_body(service: Service, connection: HTTPConnection) -> None:
    requests.post(service.url + "/status/pipeline", json={**json.loads(report("head"))}, timeout=60).raise_for_status()
    for path in ("/", "/health", "/ready", "/status", "/summary", "/status/wire/head", "/api/status", "/openapi.json"):
        connection.request("GET", path)
        got = connection.getresponse()
        body = got.read()
        connection.request("HEAD", path)
        headed = connection.getresponse()
        assert headed.read() == b""
        assert (headed.status, headed.headers["Content-Length"]) == (200, str(len(body))), path
        assert headed.headers["ETag"] == got.headers["ETag"], path


def test_a_deletion_is_answered_with_a_head_alone(service: Service, connection: HTTPConnection) -> None:
    requests.post(service.url + "/status/pipeline", json=json.loads(report("gone")), timeout=60).raise_for_status()
    connection.request("DELETE", "/status/wire/gone")
    answer = connection.getresponse()
    assert (answer.status, answer.read()) == (204, b"")
    assert not {"content-type", "content-length", "transfer-encoding"} & {name.lower() for name in answer.headers}


def test_one_connection_takes_many_requests_good_and_bad(connection: HTTPConnection) -> None:
    kept = connection.sock
    answers = []
    for method, path, body, headers in [
        ("POST", "/status/pipeline", report("kept"), JSON),
        ("POST", "/status/pipeline", b"{", JSON),
        ("POST", "/status/pipeline", report("kept"), {}),  # refused before its body is read
        ("PUT", "/status", report("kept"), JSON),
        ("GET", "/nothing", None, {}),
        ("DELETE", "/status/wire/kept", None, {}),
        ("GET", "/status/wire/kept", None, {}),
    ]:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        answer.read()
        answers.append(answer.status)
        assert connection.sock is kept, "the service closed the connection"
    assert answers == [201, 400, 415, 405, 404, 204, 404]


def test_what_follows_a_body_that_was_not_read_is_never_taken_for_a_request(service: Service) -> None:
    """Request smuggling: the bytes of a refused body look like a request of their own."""
    hidden = b"DELETE /status/wire/victim HTTP/1.1\r\nHost: status\r\n\r\n"
    requests.post(service.url + "/status/pipeline", json=json.loads(report("victim")), timeout=60).raise_for_status()
    for head in (
        f"POST /status/pipeline HTTP/1.1\r\nContent-Type: text/plain\r\nContent-Length: {len(hidden)}",
        f"POST /nothing HTTP/1.1\r\nContent-Length: {len(hidden)}",
    ):
        status, _ = answer_to(service, head, hidden)
        assert status in (404, 415)
    status, _ = answer_to(
        service,
        "POST /status/pipeline HTTP/1.1\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked",
        b"zz\r\n" + hidden,
    )
    assert status >= 400
    assert is_stored(service, "victim")


@pytest.mark.parametrize(
    "path",
    [
        "/status//pipeline",
        "/status/wire//h-01",
        "/api//status",
        "/status/",
    ],
)
def test_a_path_is_what_was_sent(connection: HTTPConnection, path: str) -> None:
    connection.request("GET", path)
    answer = connection.getresponse()
    assert (answer.status, json.loads(answer.read())["code"]) == (404, "not_found")


def test_a_slash_too_many_in_front_is_no_harm(service: Service) -> None:
    """Many set STATUS_URL with a slash at its end."""
    assert requests.get(f"{service.url}//health", timeout=60).json() == {"status": "ok"}
