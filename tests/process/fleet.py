"""Many clients at once against a real service, and what the service acknowledged to them."""

import contextlib
import itertools
import json
import threading
from collections.abc import Callable, Iterator
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

JSON = {"Content-Type": "application/json"}


def stored(store: Path) -> dict[str, Any]:
    """The servers in the file, by key, as `jq .servers` would show them."""
    servers: dict[str, Any] = json.loads(store.read_bytes())["servers"]
    return servers


class Fleet:
    """Threads that report new servers, each after the other, until they are told to stop or nobody answers.

    `acknowledged` holds the key of each server whose report was answered with 2xx; `refused` every other answer.
    """

    def __init__(self, url: str, group: str, threads: int) -> None:
        self.acknowledged: list[str] = []  # appending to a list is one step for threads
        self.refused: list[str] = []
        self._address = urlsplit(url).netloc
        self._group = group
        self._told_to_stop = threading.Event()
        self._threads = [threading.Thread(target=self._report, args=(number,)) for number in range(threads)]

    @contextlib.contextmanager
    def reporting(self) -> Iterator["Fleet"]:
        """The threads run inside, and have ended behind it."""
        for thread in self._threads:
            thread.start()
        try:
            yield self
        finally:
            self._told_to_stop.set()
            for thread in self._threads:
                thread.join()

    def has(self, count: int) -> Callable[[], bool]:
        """The condition that so many reports are acknowledged, or that one was refused, which never should be."""
        return lambda: len(self.acknowledged) >= count or bool(self.refused)

    def _report(self, thread: int) -> None:
        connection = HTTPConnection(self._address, timeout=30)
        for number in itertools.count():
            host = f"host-{thread}-{number}"
            body = json.dumps({"server_group": self._group, "host": host, "status": "synced"})
            try:
                connection.request("POST", "/status/pipeline", body, JSON)
                answer = connection.getresponse()
                text = answer.read()
            except (OSError, HTTPException):
                connection.close()  # the service went, or let this connection go: the next report opens another
            else:
                if answer.status == 201:
                    self.acknowledged.append(f"{self._group}/{host}")
                else:
                    self.refused.append(f"{answer.status} {text.decode()}")
            if self._told_to_stop.is_set():
                break
        connection.close()
