"""Bytes over a raw socket, and every answer that came back for them."""

import contextlib
import io
import json
import socket
from dataclasses import dataclass
from http.client import HTTPMessage, HTTPResponse
from typing import Any
from urllib.parse import urlsplit

from tests.process.service import Service


@dataclass(frozen=True)
class Answer:
    """One answer, whole."""

    status: int
    headers: HTTPMessage
    body: bytes

    @property
    def json(self) -> Any:
        """The body's value."""
        return json.loads(self.body)


def connect(service: Service) -> socket.socket:
    """A connection of its own."""
    address = urlsplit(service.url)
    return socket.create_connection((address.hostname, address.port), timeout=60)


def answers(service: Service, sent: bytes, *, is_closed_after: bool = True) -> list[Answer]:
    """Every answer to these bytes until the service closes; `100 Continue` is none."""
    with connect(service) as client:
        # A service that refuses may close before it has read all.
        with contextlib.suppress(ConnectionError):
            client.sendall(sent)
            if is_closed_after:
                client.shutdown(socket.SHUT_WR)
        received = b""
        with contextlib.suppress(ConnectionResetError):
            while more := client.recv(65_536):
                received += more
    return split(received)


def split(received: bytes) -> list[Answer]:
    """The answers in what a connection gave. Fails where anything but answers is in it."""
    found = []
    while received:
        assert received.startswith(b"HTTP/1."), received[:200]
        answer = HTTPResponse(_Socket(received))  # type: ignore[arg-type]  # all that it needs of one
        answer.begin()
        body = answer.read()
        found.append(Answer(answer.status, answer.headers, body))
        head = received.index(b"\r\n\r\n") + 4
        received = received[head + len(body) :]
    return found


class _Socket:
    def __init__(self, received: bytes) -> None:
        self._received = received

    def makefile(self, _mode: str) -> Any:
        """What was received, as a file."""
        return io.BytesIO(self._received)
