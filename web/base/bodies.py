"""A request: when it began, its body within its limit, and the turn of a long one."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore

from flask import Flask, g, request
from gunicorn.http.errors import ParseException
from werkzeug.exceptions import BadRequest, ClientDisconnected, RequestEntityTooLarge, UnsupportedMediaType

from domain.errors import Unavailable

ARRAY_FACTOR = 8
LONG = 65_536  # bytes
LONG_AT_ONCE = 2
SECONDS_FOR_A_TURN = 30
FORM = "application/x-www-form-urlencoded"

_turns = BoundedSemaphore(LONG_AT_ONCE)


def register(app: Flask) -> None:
    """Note when each request begins."""

    @app.before_request
    def start() -> None:
        g.started = time.perf_counter()


def seconds_taken() -> float:
    """How long the request took until now."""
    started: float = g.started
    return time.perf_counter() - started


def read_body(limit: int) -> bytes:
    """The body as it is (else 415), at most `limit` bytes (else 413), and as many as were announced (else 400)."""
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise UnsupportedMediaType("A body is sent as it is; leave out Content-Encoding, and what compresses it.")
    request.max_content_length = limit + 1  # of a body in chunks, that is where Werkzeug stops, and says nothing
    try:
        body = request.get_data(cache=False)
    except (ClientDisconnected, ParseException):
        raise BadRequest("The body came in fewer bytes, or in other chunks, than were announced.") from None
    except RequestEntityTooLarge:
        raise _too_large(limit) from None
    if len(body) > limit:
        raise _too_large(limit)
    if len(body) < (request.content_length or 0):  # gunicorn gives what came before the connection was closed
        raise BadRequest("The body ended after fewer bytes than its Content-Length announced.")
    return body


def read_json_body(limit: int) -> bytes:
    """A body that is announced as JSON (else 415): a form of another site cannot announce that."""
    if request.mimetype != "application/json":
        raise UnsupportedMediaType(
            "The body must be sent as application/json; add -H 'Content-Type: application/json' to curl."
        )
    return read_body(limit)


def read_report_body(limit: int) -> bytes:
    """The JSON body of one report (at most `limit` bytes), or of an array of them (at most eight times that)."""
    body = read_json_body(ARRAY_FACTOR * limit)
    if len(body) > limit and not body.lstrip().startswith(b"["):
        raise _too_large(limit)
    return body


@contextmanager
def turn(body: bytes, seconds: float = SECONDS_FOR_A_TURN) -> Iterator[None]:
    """Work with a body; with a long one, once it is its turn in this process. Raises Unavailable if that never comes.

    Taken apart, a body needs up to 25 times its room, and the threads share one interpreter: more at once would take as
    long, and memory for each.
    """
    if len(body) <= LONG:
        yield
        return
    if not _turns.acquire(timeout=seconds):
        raise Unavailable("Many long bodies wait to be read here; send this one again later, or in shorter arrays.")
    try:
        yield
    finally:
        _turns.release()


def _too_large(limit: int) -> RequestEntityTooLarge:
    return RequestEntityTooLarge(f"The body holds more than the {limit:,} bytes that are let in here.")
