"""A server that answers as it is told, for what the real service cannot be made to say."""

import contextlib
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

RECORD = (200, {"Content-Type": "application/json"}, b'{"server_group": "web"}')


def error(status: int, sentence: str = "It is not well.", **headers: str) -> tuple[int, dict[str, str], bytes]:
    """An answer in the service's one shape of errors."""
    body = f'{{"error": "{sentence}", "code": "of_a_test"}}'.encode()
    return status, {name.replace("_", "-"): value for name, value in headers.items()}, body


@dataclass
class Answers:
    """Its address, and what it was asked: method, path and headers, and the bodies. It answers while the gate is open."""

    url: str
    asked: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    gate: threading.Event = field(default_factory=threading.Event)


@contextlib.contextmanager
def answering(*answers: tuple[int, dict[str, str], bytes] | None, certificate: Path | None = None) -> Iterator[Answers]:
    """Give these answers in turn, then always the last; None closes the connection without one.

    With a certificate, and its key in the same file, it speaks TLS.
    """
    left = list(answers)
    state = Answers("")
    state.gate.set()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            state.bodies.append(self.rfile.read(int(self.headers.get("Content-Length", 0))))
            state.asked.append((self.command, self.path, dict(self.headers.items())))
            state.gate.wait(20)
            answer = left.pop(0) if len(left) > 1 else left[0]
            if answer is None:
                self.close_connection = True
                return
            status, headers, body = answer
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST  # noqa: N815

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        scheme = "http"
        if certificate:
            scheme, context = "https", ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.load_cert_chain(certificate)
            server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        state.url = f"{scheme}://127.0.0.1:{server.server_port}"
        try:
            yield state
        finally:
            server.shutdown()
            thread.join()
