"""A request: when it began, and its body within its limit."""

import time

from flask import Flask, g, request
from gunicorn.http.errors import ParseException
from werkzeug.exceptions import BadRequest, ClientDisconnected, RequestEntityTooLarge, UnsupportedMediaType

ARRAY_FACTOR = 8


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
    """The body, at most `limit` bytes of it (else 413), and as many as were announced (else 400)."""
    request.max_content_length = limit
    try:
        body = request.get_data(cache=False)
    except (ClientDisconnected, ParseException):
        raise BadRequest("The body came in fewer bytes, or in other chunks, than were announced.") from None
    except RequestEntityTooLarge:
        raise _too_large(limit) from None
    if len(body) < (request.content_length or 0):  # gunicorn gives what came before the connection was closed
        raise BadRequest("The body ended after fewer bytes than its Content-Length announced.")
    return body


def read_report_body(limit: int) -> bytes:
    """The JSON body of one report (at most `limit` bytes), or of an array of them (at most eight times that)."""
    if request.mimetype != "application/json":
        raise UnsupportedMediaType(
            "A report is sent as application/json; add -H 'Content-Type: application/json' to curl."
        )
    body = read_body(ARRAY_FACTOR * limit)
    if len(body) > limit and not body.lstrip().startswith(b"["):
        raise _too_large(limit)
    return body


def _too_large(limit: int) -> RequestEntityTooLarge:
    return RequestEntityTooLarge(f"The body holds more than the {limit:,} bytes that are let in here.")
