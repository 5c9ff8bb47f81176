"""The load: wrk for a steady stream, and a herd of connections that all come at once."""

import contextlib
import os
import re
import selectors
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

import orjson
import requests

from domain.history import Entry
from domain.times import time_text
from tests.process.service import ROOT

SECONDS = 6
CONNECTIONS = 32
HERD = 10_000
REPORTS_BESIDE = 100  # a second: three times what 10,000 servers send that are checked every five minutes


def rate(url: str, script: str | None = None, servers: int = 1, token: str | None = None) -> float:
    """Answers a second under load. An answer that is no 2xx or 3xx ends the bench: it would count as fast."""
    command = [
        "wrk",
        "-t2",
        "--timeout=60s",
        f"-c{CONNECTIONS}",
        f"-d{SECONDS}s",
        *(["-s", f"bench/{script}"] if script else []),
        url,
    ]
    environment = {**os.environ, "SERVERS": str(servers), **({"TOKEN": token} if token else {})}
    output = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in output or "Socket errors" in output:
        sys.exit(f"{url} did not answer every request:\n{output}")
    return float(re.findall(r"Requests/sec:\s+([\d.]+)", output)[0])


def fill(url: str, servers: int, token: str | None = None, files: Sequence[str] = ()) -> None:
    """Put that many servers on the board, the same that the load reports about, each with these changed files."""
    for start in range(0, servers, 1_000):
        numbers = range(start, min(start + 1_000, servers))
        fleet = [{"server_group": f"group-{n % 20}", "host": f"host-{n}", "changed_files": files} for n in numbers]
        requests.post(f"{url}/status/cron", json=fleet, headers={"X-API-Key": token}, timeout=60).raise_for_status()


@contextlib.contextmanager
def reports_beside(url: str, servers: int) -> Iterator[None]:
    """A stream of REPORTS_BESIDE reports a second while something else is measured."""
    command = [sys.executable, "-m", "bench.stream", url, str(REPORTS_BESIDE), str(servers)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE) as process:
        try:
            yield
        finally:
            if process.poll() is not None:
                sys.exit("The stream of reports ended before it was told to: one was refused.")
            process.kill()


def herd(url: str) -> float:
    """Reports a second when HERD servers come at once, each with one report on a connection of its own.

    From the first connection until the last answer. A connection that is refused or an answer that is no 2xx ends the
    bench.
    """
    address = urlsplit(url)
    selector, answered = selectors.DefaultSelector(), 0
    started = time.monotonic()
    for number in range(HERD):
        client = socket.socket()
        client.setblocking(False)
        client.connect_ex((address.hostname, address.port))
        selector.register(client, selectors.EVENT_WRITE, number)
    while answered < HERD:
        events = selector.select(timeout=60)
        if not events:
            sys.exit(f"{HERD - answered} of {HERD} reports of a herd were never answered.")
        for key, event in events:
            client = cast(socket.socket, key.fileobj)
            try:
                if event & selectors.EVENT_WRITE:
                    client.sendall(_report(key.data))
                    selector.modify(client, selectors.EVENT_READ, key.data)
                    continue
                answer = client.recv(65_536)
            except OSError as error:
                sys.exit(f"A connection of a herd was refused: {error}.")
            if not re.match(rb"HTTP/1.1 2\d\d ", answer):
                sys.exit(f"A report of a herd was answered with {answer[:80]!r}.")
            selector.unregister(client)
            client.close()
            answered += 1
    return HERD / (time.monotonic() - started)


def _report(number: int) -> bytes:
    body = b'{"server_group":"herd","host":"host-%d","changed_files":[]}' % number
    head = b"POST /status/cron HTTP/1.1\r\nHost: herd\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    return head % len(body) + body


def past_entries(path: Path, entries: int, hosts: int) -> None:
    """Write a history file: as many entries, about each host in turn, over the last 60 days."""
    start, seconds = time.time() - 60 * 86_400, 60 * 86_400 / entries
    with path.open("wb") as file:
        for number in range(entries):
            host = number % hosts
            entry: Entry = {
                "revision": number + 1,
                "time": time_text(int(start + number * seconds)),
                "server_group": f"group-{host % 20}",
                "host": f"host-{host}",
                "server_type": "nginx",
                "environment": "prod",
                "source": "cron",
                "event": "created" if number < hosts else "changed",
                "from_status": None if number < hosts else "synced",
                "status": "out_of_sync",
                "changed_files": [f"/etc/nginx/conf.d/{number}.conf"],
                "validation_status": "passed",
                "commit_sha": "abc1234",
                "updated_by": "woodpecker",
            }
            file.write(orjson.dumps(entry, option=orjson.OPT_APPEND_NEWLINE))
