"""The worker: gunicorn's threads, each given to a request that has come and not to one that is still coming.

A thread that waits for a slow client can do nothing else, and gunicorn lets it wait for ever: as many slow clients as
there are threads would be the end of the service. Here a thread takes what has come, and if that is not the whole
request, the connection goes back to the poller, which can watch a thousand. What cannot be collected so, because it is
long or its length unknown, is read by threads of its own.
"""

import contextlib
import errno
import math
import os
import re
import selectors
import socket
import ssl
import time
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from functools import partial
from http import HTTPStatus
from typing import Any

from gunicorn import http, util
from gunicorn.http import errors, wsgi
from gunicorn.workers import base
from gunicorn.workers.gthread import TConn, ThreadWorker
from gunicorn.workers.workertmp import WorkerTmp

from web.base.answers import json_bytes
from web.base.headers import OF_AN_ERROR, OF_EVERY_ANSWER

SECONDS_TO_COME = 30  # for a request, from the opening of its connection, or from its first byte on a kept one
SECONDS_WHEN_FULL = 2  # the same where every place is taken: whoever is slow gives way to whoever is not
SECONDS_TO_ANSWER = 60  # for a thread, until the client has taken the answer; a long body is read in these too
SECONDS_TO_CLOSE = 2  # for a client to read our last words
MAX_COLLECTED = 65_536  # bytes of a head, and of a body; the like are read by the patient threads
PATIENT_THREADS = 32

BACK, LONG = object(), object()  # where a connection goes whose request has not come whole

SERVER = "gitops-status"
HEAD_END = b"\r\n\r\n"
# What follows the head; without a length it ends where its chunks say, or comes only when it is asked for.
BODY_FIELD = re.compile(rb"\r\n(?:content-length:[ \t]*(\d{1,15})|transfer-encoding:|expect:)", re.IGNORECASE)

REFUSALS: dict[type[Exception], tuple[int, str, str]] = {
    errors.LimitRequestLine: (414, "uri_too_long", "The first line of the request is too long."),
    errors.LimitRequestHeaders: (431, "header_too_large", "The header has too many fields, or one that is too long."),
    errors.ExpectationFailed: (417, "expectation_failed", "No expectation but 100-continue can be met."),
    errors.UnsupportedTransferCoding: (501, "not_implemented", "No transfer coding but chunked is known here."),
    errors.InvalidResponseHeader: (500, "internal", "The service failed on this request; its log says why."),
    errors.InvalidResponseHeaderName: (500, "internal", "The service failed on this request; its log says why."),
    errors.ParseException: (400, "bad_request", "This is not a request as HTTP/1.1 has it."),
    ssl.SSLError: (400, "bad_request", "This is not a request over TLS."),
    Exception: (500, "internal", "The service failed on this request; its log says why."),
}

# What would be a request if its URL were encoded: the parser gives the line, or what follows a space in the URL.
UNENCODED_LINE = re.compile(r"[A-Z]+ (/|https?://).*[^!-~].* HTTP/1\.[01]")
UNENCODED_REST = re.compile(r"[^ ].* HTTP/1\.[01]")
ENCODE = (
    "The URL holds a character that has to be percent-encoded: a space, a tab, or one that is not ASCII. "
    "With curl: curl -G --data-urlencode 'updated_by=Jürgen' URL."
)


class Pulse(WorkerTmp):  # type: ignore[misc]  # gunicorn has no types
    """By which the master sees that a worker lives: the times of a file, which is in memory and has no name.

    Gunicorn makes one in the temporary folder for each worker, and ends if that is full or gone.
    """

    def __init__(self, cfg: Any) -> None:
        self._tmp = os.fdopen(os.memfd_create("worker"), "wb", buffering=0)
        os.fchown(self._tmp.fileno(), cfg.uid, cfg.gid)


# Gunicorn has a setting for neither: it names itself in each answer.
wsgi.SERVER = SERVER
base.WorkerTmp = Pulse


class Worker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """Gunicorn's threaded worker, whose threads wait for no client."""

    def init_process(self) -> None:
        """Make what a worker needs; the last line runs it."""
        self.patient = ThreadPoolExecutor(PATIENT_THREADS)
        self.pending_conns: set[TConn] = set()  # in the poller, with a part of a request, or nothing yet
        self.coming: dict[TConn, float] = {}  # the same, and those of which a thread looks at what came: until when
        self.closing: set[TConn] = set()  # in the poller, after the last answer
        self.busy: set[TConn] = set()  # with a thread, or waiting for one
        self.looked = 0.0  # when the times of all these were last looked at
        super().init_process()

    def set_accept_enabled(self, enabled: bool) -> None:
        """Let new connections in, or not. At a stop, those that wait at the door are let in first, and it is closed.

        They have most often sent their request. Gunicorn would reset them in the end, and others who come meanwhile:
        a proxy must take that for a report that may be stored, and sends it to no other replica.
        """
        super().set_accept_enabled(enabled)
        for listener in () if self.alive else self.sockets:
            before = -1
            while before < self.nr_conns < self.worker_connections:
                before = self.nr_conns
                self.accept(listener)
            listener.close()

    def accept(self, listener: socket.socket) -> None:
        """Let a connection in. Where no more files may be open, fewer from here on, so that the store's have room; the
        rest wait at the door. Gunicorn's worker would end."""
        try:
            super().accept(listener)
        except OSError as error:
            if error.errno not in (errno.EMFILE, errno.ENFILE):
                raise
            self.worker_connections = max(1, self.nr_conns * 3 // 4)
            self.log.warning("From here on a worker takes %d connections: %s.", self.worker_connections, error.strerror)

    def enqueue_req(self, conn: TConn) -> None:
        """Let a thread see what came on a connection."""
        self._hand_over(conn, self.tpool, self.handle)

    def handle(self, conn: TConn) -> Any:
        """Answer the request if it is here; else say where the connection goes. Runs in a thread, and never waits."""
        return self._where_next(conn) or self._answer(conn)

    def finish_request(self, conn: TConn, done: "Future[Any]") -> None:
        """Wait for the rest of a request, or for the next one, or close.

        Gunicorn would wait here until the client has read the last answer, and all other connections with it.
        """
        self.busy.discard(conn)
        if done.cancelled() or done.exception():
            self.coming.pop(conn, None)
            super().finish_request(conn, done)
        elif done.result() is BACK:
            self.coming.setdefault(conn, time.monotonic() + SECONDS_TO_COME)
            self._watch(conn, self.pending_conns, self.on_pending_socket_readable)
        else:
            self.coming.pop(conn, None)
            if done.result() is LONG:
                self._hand_over(conn, self.patient, self._answer)
            elif done.result():
                super().finish_request(conn, done)
            else:
                self._close(conn)

    def murder_pending(self) -> None:
        """Close each connection whose time is over; the name is gunicorn's, which calls this at every turn."""
        now = time.monotonic()
        if now - self.looked < 1:
            return
        self.looked = now
        is_full = self.nr_conns >= self.worker_connections
        late = now + (SECONDS_TO_COME - SECONDS_WHEN_FULL if is_full else 0)
        for conn in [conn for conn in self.pending_conns if self.coming[conn] <= late]:
            self._drop(conn, self.pending_conns)
        for conn in [conn for conn in self.closing if conn.timeout <= now]:
            self._drop(conn, self.closing)
        for conn in [conn for conn in self.busy if conn.timeout <= now]:
            with contextlib.suppress(OSError):
                conn.sock.shutdown(socket.SHUT_RDWR)  # wakes the thread that reads from it or writes to it

    def handle_error(self, req: Any, client: socket.socket, addr: Any, exc: Exception) -> None:
        """Answer what is no HTTP, or what failed outside of the app, in the one shape; log it without what was sent."""
        status, code, sentence = next(answer for kind, answer in REFUSALS.items() if isinstance(exc, kind))
        if status == HTTPStatus.INTERNAL_SERVER_ERROR:
            self.log.error("%s failed", req.method if req else "A request", exc_info=exc)
        else:
            self.log.warning("refused what %s sent: %d %s", addr[0] if addr else "-", status, type(exc).__name__)
        body = json_bytes({"error": ENCODE if _is_unencoded(exc) else sentence, "code": code})
        headers = {
            "Server": SERVER,
            "Date": util.http_date(),
            "Connection": "close",
            "Content-Type": "application/json",
            "Content-Length": len(body),
            **OF_EVERY_ANSWER,
            **OF_AN_ERROR,
        }
        lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", *(f"{name}: {headers[name]}" for name in headers)]
        with contextlib.suppress(OSError):
            util.write_nonblock(client, "\r\n".join(lines).encode() + HEAD_END + body)

    def _keepalive_after(self, conn: TConn, keepalive: Any) -> bool:
        """Whether the connection can be kept. The answer was sent: a body that is broken behind it gets no second one.

        A proxy would take that for the answer to the next request, of another client.
        """
        try:
            return bool(super()._keepalive_after(conn, keepalive))
        except errors.ParseException:
            return False

    def _where_next(self, conn: TConn) -> object | None:
        """BACK to the poller, LONG for the patient threads, or None where the whole request is here.

        Whether it is HTTP is for gunicorn's parser to say: this only looks where the request ends, as the parser does.
        """
        if self.cfg.is_ssl:
            return LONG
        if conn.parser is None:
            conn.parser = http.get_parser(self.cfg, conn.sock, conn.client)
        received = conn.parser.unreader.take_buffered()
        try:
            chunk = conn.sock.recv(MAX_COLLECTED, socket.MSG_DONTWAIT)
            has_ended = not chunk
        except BlockingIOError:
            chunk, has_ended = b"", False
        except OSError:
            chunk, has_ended = b"", True
        received += chunk
        conn.parser.unreader.unread(received)
        if has_ended:
            return None
        head, end, body = received.partition(HEAD_END)
        if not end and received.count(b"\n") == received.count(b"\r\n"):  # the parser refuses a lone line feed at once
            return LONG if len(head) > MAX_COLLECTED else BACK
        lengths = BODY_FIELD.findall(head)
        if b"" in lengths:
            return LONG
        length = int(lengths[0]) if lengths else 0
        if len(body) >= length:
            return None
        return LONG if length > MAX_COLLECTED else BACK

    def _answer(self, conn: TConn) -> Any:
        """Read, answer and send; this may wait for the client, but not for ever."""
        conn.data_ready = True
        conn.timeout = time.monotonic() + SECONDS_TO_ANSWER
        return super().handle(conn)

    def _hand_over(self, conn: TConn, pool: Executor, work: Callable[[TConn], Any]) -> None:
        conn.timeout = math.inf  # until its turn comes
        self.busy.add(conn)
        handled = pool.submit(work, conn)
        handled.add_done_callback(lambda done: self.method_queue.defer(self.finish_request, conn, done))

    def _watch(self, conn: TConn, watched: "set[TConn]", readable: Callable[[TConn, socket.socket], None]) -> None:
        conn.sock.setblocking(False)
        watched.add(conn)
        self.poller.register(conn.sock, selectors.EVENT_READ, partial(readable, conn))

    def _close(self, conn: TConn) -> None:
        """Say that this was the last answer, and read on until the client closes: else it may lose the answer."""
        conn.timeout = time.monotonic() + SECONDS_TO_CLOSE
        self._watch(conn, self.closing, self._drain)
        try:
            conn.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self._drop(conn, self.closing)

    def _drain(self, conn: TConn, client: socket.socket) -> None:
        with contextlib.suppress(OSError):
            if client.recv(MAX_COLLECTED):
                return
        self._drop(conn, self.closing)

    def _drop(self, conn: TConn, watched: "set[TConn]") -> None:
        self.poller.unregister(conn.sock)
        watched.remove(conn)
        self.coming.pop(conn, None)
        self.nr_conns -= 1
        conn.close()


def _is_unencoded(error: Exception) -> bool:
    """Whether a request is none only because of a character in its URL."""
    match error:
        case errors.InvalidRequestLine():
            return bool(UNENCODED_LINE.fullmatch(error.req))
        case errors.InvalidHTTPVersion():
            return bool(UNENCODED_REST.fullmatch(str(error.version)))
    return False
