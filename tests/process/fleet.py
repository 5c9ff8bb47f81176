"""Many clients at once against a real service, what it acknowledged to them, and what became of that."""

import contextlib
import itertools
import json
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests
from pydantic import SecretStr

from stores import open_store
from tests.process.service import Service, wait_until

JSON = {"Content-Type": "application/json"}

Report = tuple[str, int]  # the server's key, and the number that its commit_sha is


def stored(store: Path) -> dict[str, Any]:
    """The servers in the file, by key, as `jq .servers` would show them."""
    servers: dict[str, Any] = json.loads(store.read_bytes())["servers"]
    return servers


def wait_until_stored(store: Path, *keys: str) -> None:
    """Return once the file shows these servers: under load that is later than the answer."""
    wait_until(lambda: store.exists() and set(keys) <= stored(store).keys(), f"the file shows {keys}")


def board(service: Service) -> dict[str, Any]:
    """The servers that the service shows, by key."""
    answer = requests.get(service.url + "/status", timeout=60)
    answer.raise_for_status()
    return {f"{row['server_group']}/{row['host']}": row for row in answer.json()}


class Fleet:
    """Threads that report, each report after the other, until they are told to stop or nobody answers.

    Every other report is about a new server, the ones between about one that the thread has reported before. Each has
    a commit_sha of its own, so that each is a change. `sent` holds every report; `acknowledged` those that were
    answered with 2xx; `refused` every other answer.
    """

    def __init__(self, url: str, group: str, threads: int, first: int = 0) -> None:
        self.sent: list[Report] = []  # appending to a list is one step for threads
        self.acknowledged: list[Report] = []
        self.refused: list[str] = []
        self._address = urlsplit(url).netloc
        self.group = group
        self._first = first
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
            self.stop()

    def stop(self) -> None:
        """Report no more; every report that was sent has its answer behind this."""
        self._told_to_stop.set()
        for thread in self._threads:
            thread.join()

    def has(self, count: int) -> Callable[[], bool]:
        """The condition that so many reports are acknowledged, or that one was refused, which never should be."""
        return lambda: len(self.acknowledged) >= count or bool(self.refused)

    def more(self, count: int) -> Callable[[], bool]:
        """The condition that so many more reports than now are acknowledged, whatever was refused."""
        goal = len(self.acknowledged) + count
        return lambda: len(self.acknowledged) >= goal

    def _report(self, thread: int) -> None:
        connection = HTTPConnection(self._address, timeout=60)
        for number in itertools.count(self._first):
            host = f"new-{thread}-{number}" if number % 2 else f"again-{thread}"
            body = {"server_group": self.group, "host": host, "status": "synced", "commit_sha": str(number)}
            self.sent.append((f"{self.group}/{host}", number))
            try:
                connection.request("POST", "/status/pipeline", json.dumps(body), JSON)
                answer = connection.getresponse()
                text = answer.read()
            except (OSError, HTTPException):
                connection.close()  # the service went, or let this connection go: the next report opens another
            else:
                if answer.status in (200, 201):
                    self.acknowledged.append((f"{self.group}/{host}", number))
                else:
                    self.refused.append(f"{answer.status} {text.decode()}")
            if self._told_to_stop.is_set():
                break
        connection.close()


def lost(acknowledged: Iterable[Report], servers: Mapping[str, Any]) -> list[Report]:
    """What was acknowledged and is not there: neither it, nor what was reported later about the same server."""
    return [
        (key, number) for key, number in acknowledged if key not in servers or int(servers[key]["commit_sha"]) < number
    ]


def trouble_in_history(store: Path | SecretStr, acknowledged: Iterable[Report], sent: Iterable[Report]) -> list[str]:
    """How the history of a store is not what it should be: each acknowledged change once, in order, and none invented."""
    with contextlib.closing(open_store(store, lambda _document: None)) as opened:
        events = list(opened.events())
    changes = [(f"{event['server_group']}/{event['host']}", int(event["commit_sha"])) for event in events]
    times = Counter(changes)
    by_server = itertools.groupby(sorted(changes, key=lambda change: change[0]), key=lambda change: change[0])
    pairs = [pair for _, of_server in by_server for pair in itertools.pairwise(of_server)]
    revisions = [event["revision"] for event in events]
    return [
        *(f"{change} is not there" for change in set(acknowledged) - times.keys()),
        *(f"{change} was never sent" for change in times.keys() - set(sent)),
        *(f"{change} is there {count} times" for change, count in times.items() if count > 1),
        *(f"{one} precedes {next_}" for one, next_ in itertools.pairwise(revisions) if one >= next_),
        *(f"{one} precedes {next_}" for one, next_ in pairs if one >= next_),
    ]


class OutsideReader(threading.Thread):
    """Somebody who reads the file whenever it changed: `jq`, a backup, an editor."""

    def __init__(self, store: Path) -> None:
        super().__init__()
        self._store = store
        self._told_to_stop = threading.Event()
        self.readings = 0
        self.trouble: list[str] = []

    def run(self) -> None:
        """Read what is new until told to stop; note what is no JSON, or older than what was read before."""
        revision, servers, seen = 0, 0, None
        while not self._told_to_stop.is_set():
            try:
                found = self._store.stat()
                if (found.st_ino, found.st_size, found.st_mtime_ns) == seen:
                    self._told_to_stop.wait(0.001)
                    continue
                seen = (found.st_ino, found.st_size, found.st_mtime_ns)
                content = json.loads(self._store.read_bytes())
            except (OSError, ValueError) as error:
                self.trouble.append(str(error))
                break
            if content["revision"] < revision or len(content["servers"]) < servers:
                self.trouble.append(f"went back from revision {revision} to {content['revision']}")
            revision, servers = content["revision"], len(content["servers"])
            self.readings += 1

    @contextlib.contextmanager
    def reading(self) -> Iterator["OutsideReader"]:
        """The reader reads inside, and has ended behind it."""
        self.start()
        try:
            yield self
        finally:
            self._told_to_stop.set()
            self.join()
