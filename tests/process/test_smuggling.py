"""One request is one request: whatever is ambiguous is refused and ends the connection, so nothing is read twice.

Behind a proxy that reads a request otherwise than the service does, the rest of it would be the start of the next
client's. Each case here carries a deletion as its stowaway, which must never run.
"""

import json
import shlex
import subprocess
from collections.abc import Iterator

import pytest
import requests

from tests.process.service import Service, running
from tests.process.wire import Answer, answers
from tests.web.api import assert_error_shape

VICTIM = "/status/wire/victim"
STOWAWAY = f"DELETE {VICTIM} HTTP/1.1\r\nHost: status\r\n\r\n".encode()
REPORT = json.dumps({"server_group": "wire", "host": "h-01", "status": "synced"}).encode()
POST = b"POST /status/pipeline HTTP/1.1\r\nHost: status\r\nContent-Type: application/json\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running(tmp_path_factory.mktemp("service")) as service:
        victim = {"server_group": "wire", "host": "victim", "status": "synced"}
        requests.post(f"{service.url}/status/pipeline", json=victim, timeout=60).raise_for_status()
        yield service


def assert_refused(answer: Answer) -> None:
    assert 400 <= answer.status < 600
    assert answer.headers["Connection"] == "close"
    assert_error_shape(answer)  # type: ignore[arg-type]  # it has what is looked at
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "no-store"


def assert_unharmed(service: Service) -> None:
    assert requests.get(service.url + VICTIM, timeout=60).status_code == 200


@pytest.mark.parametrize(
    "fields",
    [
        # two lengths
        b"Content-Length: 0\r\nTransfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: chunked\r\nContent-Length: 0\r\n",
        b"Content-Length: 0\r\nContent-Length: 5\r\n",
        b"Content-Length: 0\r\nContent-Length: 0\r\n",
        b"Content-Length: 0, 5\r\n",
        # lengths that are none
        b"Content-Length: -1\r\n", b"Content-Length: +0\r\n", b"Content-Length: 0x0\r\n", b"Content-Length: 0 0\r\n",
        b"Content-Length: \r\n", b"Content-Length: 1e1\r\n", b"Content-Length: 1_0\r\n", b"Content-Length: \xb2\r\n",
        b"Content-Length: " + b"9" * 5_000 + b"\r\n",
        # codings that another may read otherwise
        b"Transfer-Encoding: xchunked\r\n", b"Transfer-Encoding: chunked, chunked\r\n", b"Transfer-Encoding: identity\r\n",
        b"Transfer-Encoding: chunked, identity\r\n", b"Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n",
        b"Transfer-Encoding: \x0bchunked\r\n", b"Transfer-Encoding: gzip\r\n", b"Transfer-Encoding: \r\n",
        b"Transfer-Encoding: chunked;x\r\n", b'Transfer-Encoding: "chunked"\r\n', b"Transfer-Encoding: chun ked\r\n",
        # names that another may read otherwise
        b"Content-Length : 0\r\n", b"Transfer-Encoding : chunked\r\n", b"Transfer-Encoding\t: chunked\r\n",
        b" Transfer-Encoding: chunked\r\n", b": chunked\r\n", b"Transfer\x00-Encoding: chunked\r\n", b"no colon\r\n",
        b"X: a\r\n Transfer-Encoding: chunked\r\n", b"X: a\r\n\tb\r\n", b"X: a\nContent-Length: 0\r\n",
        b"X: a\rTransfer-Encoding: chunked\r\n", b"X: a\x00b\r\n", b"X\xff: a\r\n", b"X(: a\r\n", b"X: a\x7f\r\n",
        b"Host: other\r\n", b"Content-Type: text/plain\r\n",
    ],
)  # fmt: skip
def test_a_header_that_can_be_read_in_two_ways_is_refused_once(service: Service, fields: bytes) -> None:
    for body in (b"0\r\n\r\n" + STOWAWAY, STOWAWAY):
        (answer,) = answers(service, POST + fields + b"\r\n" + body)
        assert_refused(answer)
    assert_unharmed(service)


@pytest.mark.parametrize(
    "line",
    [
        b"GET  /health HTTP/1.1", b"GET /health  HTTP/1.1", b"GET\t/health HTTP/1.1", b"GET /health", b"GET", b" GET /health HTTP/1.1",
        b"GET /health HTTP/1.2.3", b"GET /health HTTP/2.0", b"GET /health HTTP/0.9", b"GET /health http/1.1", b"GET /health XTTP/1.1",
        b"get /health HTTP/1.1", b"G\x00T /health HTTP/1.1", b"GET /he\x00lth HTTP/1.1", b"GET /he\xfflth HTTP/1.1",
        b"GET health HTTP/1.1", b"GET * HTTP/1.1", b"GET status:80 HTTP/1.1", b"GET /a b HTTP/1.1", b"\x16\x03\x01\n", b"",
        b"PRI * HTTP/2.0", b"GET /" + b"a" * 9_000 + b" HTTP/1.1", b"X" * 30 + b" / HTTP/1.1", b"GET http://[x/ HTTP/1.1",
    ],
)  # fmt: skip
def test_a_first_line_that_is_no_requests_is_refused_once(service: Service, line: bytes) -> None:
    (answer,) = answers(service, line + b"\r\nHost: status\r\n\r\n" + STOWAWAY)
    assert_refused(answer)
    assert answer.status == (414 if len(line) > 8_190 else 400)
    assert_unharmed(service)


@pytest.mark.parametrize(
    "body",
    [
        b"-1\r\n", b"+5\r\n", b"0x5\r\n", b" 5\r\n", b"\r\n", b"g\r\n", b"5;\x00\r\n", b"5\n", b"5\r", b"1_0\r\n",
        b"ffffffffffffffffffff\r\n", b"7fffffffffffffff\r\n", b"5\r\nhello", b"5\r\nhelloX\r\n0\r\n\r\n",
        b"5\r\nhello\n0\r\n\r\n", b"5;" + b"x" * 10_000, b"9" * 10_000, b"0\r\nContent-Length: 0\r\n\r\n",
        b"0\r\nHost: x\r\n\r\n", b"0\r\nno colon\r\n\r\n", b"0\r\nX: a\nY: b\r\n\r\n", b"0\r\nX: " + b"a" * 9_000 + b"\r\n\r\n",
    ],
)  # fmt: skip
@pytest.mark.parametrize("path", [b"/status/pipeline", b"/nothing", b"/health", b"/api/status"])
def test_chunks_that_are_none_get_one_answer_and_end_the_connection(service: Service, path: bytes, body: bytes) -> None:
    """Where the app does not read the body, its answer is out before the chunks are looked at: it stays the only one."""
    (answer,) = answers(service, POST.replace(b"/status/pipeline", path) + CHUNKED + b"\r\n" + body + STOWAWAY)
    assert answer.status >= 400
    assert_unharmed(service)


def test_an_open_chunk_is_not_waited_for_once_the_client_is_gone(service: Service) -> None:
    (answer,) = answers(service, POST + CHUNKED + b"\r\n40\r\n" + REPORT[:10])
    assert (answer.status, answer.json["code"]) == (400, "bad_request")


def test_an_underscore_does_not_make_another_header(service: Service) -> None:
    """`Content_Length` and `Transfer_Encoding` are no lengths, and `X_Forwarded_For` is no X-Forwarded-For."""
    sent = (
        POST + b"Content_Length: 5\r\nTransfer_Encoding: chunked\r\nContent-Length: %d\r\n\r\n" % len(REPORT) + REPORT
    )
    (answer,) = answers(service, sent)
    assert answer.status in {200, 201}


@pytest.mark.parametrize("field", [b"SCRIPT_NAME: /status", b"PATH_INFO: /status/wire/victim", b"Script_Name: /health"])
def test_no_header_moves_the_path_though_it_comes_from_this_machine(service: Service, field: bytes) -> None:
    """Gunicorn believes such a header from 127.0.0.1, where a proxy may hand on what its client sent."""
    (answer,) = answers(service, b"GET /health HTTP/1.1\r\nHost: status\r\n%b\r\n\r\n" % field)
    assert (answer.status, answer.json) == (200, {"status": "ok"})


@pytest.mark.parametrize("path", ["http://other.example/health", "https://127.0.0.1:1/health", "HTTP://x/health"])
def test_an_absolute_target_is_its_path(service: Service, path: str) -> None:
    (answer,) = answers(service, f"GET {path} HTTP/1.1\r\nHost: status\r\n\r\n".encode())
    assert (answer.status, answer.json) == (200, {"status": "ok"})


@pytest.mark.parametrize("method", ["CONNECT", "TRACE", "OPTIONS", "PROPFIND", "PURGE"])
def test_a_method_of_proxies_is_a_405_and_echoes_nothing(service: Service, method: str) -> None:
    (answer,) = answers(service, f"{method} /health HTTP/1.1\r\nHost: status\r\nX-Secret: s3cret\r\n\r\n".encode())
    assert answer.status == 405
    assert b"s3cret" not in answer.body
    (answer,) = answers(service, b"CONNECT other:443 HTTP/1.1\r\nHost: status\r\n\r\n" + STOWAWAY)
    assert answer.status >= 400
    assert_unharmed(service)


def test_requests_in_one_go_are_answered_each_once_and_in_their_order(service: Service) -> None:
    length = b"Content-Length: %d\r\n\r\n" % len(REPORT)
    sent = [
        b"GET /health HTTP/1.1\r\nHost: status\r\n\r\n",
        POST + length + REPORT,
        b"GET /status/wire/h-01 HTTP/1.1\r\nHost: status\r\n\r\n",
        POST + CHUNKED + b"\r\n%x;ext=1\r\n%b\r\n0\r\nX-Trailer: 1\r\n\r\n" % (len(REPORT), REPORT),
        b"GET /nothing HTTP/1.1\r\nHost: status\r\n\r\n",
        b"\r\nGET /health HTTP/1.1\r\nHost: status\r\nConnection: close\r\n\r\n",
    ]
    got = answers(service, b"".join(sent))
    assert [answer.status for answer in got] in ([200, 201, 200, 200, 404, 200], [200, 200, 200, 200, 404, 200])
    assert got[0].json == got[5].json == {"status": "ok"}
    assert got[2].json["host"] == "h-01"


def test_after_an_error_nothing_that_was_sent_with_it_is_read(service: Service) -> None:
    good = b"GET /health HTTP/1.1\r\nHost: status\r\n\r\n"
    got = answers(service, good + b"GET /health HTTP/1.1\r\nX : y\r\n\r\n" + STOWAWAY + good)
    assert [answer.status for answer in got] == [200, 400]
    assert_unharmed(service)


def test_too_many_fields_and_too_long_ones_are_a_431(service: Service) -> None:
    head = b"GET /health HTTP/1.1\r\nHost: status\r\n"
    for fields in (
        b"X: 1\r\n" * 100,
        b"X: %b\r\n" % (b"a" * 8_190),
        b"Authorization: Bearer %b\r\n" % (b"a" * 10_000_000),
    ):
        (answer,) = answers(service, head + fields + b"\r\n" + STOWAWAY, is_closed_after=False)
        assert answer.status == 431
        assert_refused(answer)
    (answer,) = answers(service, head + b"X: 1\r\n" * 99 + b"\r\n")
    assert answer.status == 200
    assert_unharmed(service)


def test_an_expectation_that_nobody_can_meet_is_a_417(service: Service) -> None:
    (answer,) = answers(service, POST + b"Expect: magic\r\nContent-Length: 0\r\n\r\n")
    assert answer.status == 417
    assert_refused(answer)


ENCODE = "With curl: curl -G --data-urlencode 'updated_by=Jürgen' URL."


@pytest.mark.parametrize(
    "target",
    [
        "/status?updated_by=Jürgen", "/status?updated_by=Jane Doe", "/status?updated_by=a\tb", "/status?a=\x00", "/status/ä/b",
        "/status?updated_by=Jürgen Doe", "/status?updated_by=a b ü", "http://status/status?updated_by=ü", "/status?a=\x7f",
    ],
)  # fmt: skip
@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_a_url_that_has_to_be_encoded_is_refused_with_the_way_to_do_it(
    service: Service, target: str, encoding: str
) -> None:
    start = service.log.stat().st_size
    (answer,) = answers(service, f"GET {target} HTTP/1.1\r\nHost: status\r\n\r\n".encode(encoding) + STOWAWAY)
    assert_refused(answer)
    assert answer.status == 400
    assert answer.json["error"].startswith("The URL holds a character that has to be percent-encoded: ")
    assert answer.json["error"].endswith(ENCODE)
    assert len(service.log.read_bytes()[start:].splitlines()) == 1
    assert target.encode(encoding) not in answer.body + service.log.read_bytes()[start:]
    assert_unharmed(service)


@pytest.mark.parametrize(
    "line",
    [
        "GÜT /health HTTP/1.1", "GET  /health HTTP/1.1", "GET /health  HTTP/1.1", "GET /health HTTP/ü", "GET /hü b", "GET ü",
        "GET * HTTP/1.1", "GET /ü HTTP/2.0", "GET\t/health HTTP/1.1", "get /ü HTTP/1.1", "\x16\x03ü", "GET ü HTTP/1.1",
        "GET /health HTTP/1.1\r\nX-ü: a",
    ],
)  # fmt: skip
def test_what_is_wrong_otherwise_is_not_said_to_need_encoding(service: Service, line: str) -> None:
    (answer,) = answers(service, f"{line}\r\nHost: status\r\n\r\n".encode())
    assert answer.json["error"] == "This is not a request as HTTP/1.1 has it."


@pytest.mark.parametrize("mark", ['"', "{a,b}", "|", "^", "\\", "<>", "%zz", "'", "%", "[", "`"])
def test_a_mark_that_curl_sends_as_it_is_means_itself(service: Service, mark: str) -> None:
    report = {"server_group": "mark", "host": "h-01", "status": "synced", "updated_by": mark}
    requests.post(f"{service.url}/status/pipeline", json=report, timeout=60).raise_for_status()
    (answer,) = answers(service, f"GET /status?updated_by={mark} HTTP/1.1\r\nHost: s\r\n\r\n".encode())
    assert [row["host"] for row in answer.json] == ["h-01"]


def test_the_way_to_encode_a_url_works(service: Service) -> None:
    report = {"server_group": "encoded", "host": "h-01", "status": "synced", "updated_by": "Jürgen"}
    requests.post(f"{service.url}/status/pipeline", json=report, timeout=60).raise_for_status()
    command = shlex.split(ENCODE.removeprefix("With curl: ").replace("URL.", f"{service.url}/status"))
    done = subprocess.run([*command, "-sS"], check=True, capture_output=True)
    assert [row["updated_by"] for row in json.loads(done.stdout)] == ["Jürgen"]


def test_a_refusal_is_logged_without_what_was_sent_and_names_no_program(service: Service) -> None:
    start = service.log.stat().st_size
    for sent in (
        b"GET /status?token=s3cret x HTTP/1.1\r\n\r\n",
        b"GET /status?token=s3cret HTTP/1.1\r\nX-s3cret : s3cret\r\n\r\n",
        b"GET /status?token=s3cret HTTP/1.1\r\nX: s3cret\r\n s3cret\r\n\r\n",
        b"GET /status?token=s3cret HTTP/9.s3cret\r\n\r\n",
        POST + b"Transfer-Encoding: s3cret\r\n\r\n",
        POST + b"Expect: s3cret\r\n\r\n",
    ):
        (answer,) = answers(service, sent)
        assert_refused(answer)
        assert "s3cret" not in str(answer).lower()
        assert answer.headers["Server"] == "gitops-status"
        assert not {"gunicorn", "python", "werkzeug", "flask"} & set(str(answer).lower().replace("/", " ").split())
    lines = service.log.read_bytes()[start:].decode().splitlines()
    assert len(lines) == 6
    assert all("WARNING refused what 127.0.0.1 sent: " in line for line in lines), lines
    assert "s3cret" not in "".join(lines)
