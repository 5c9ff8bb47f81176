"""Readers who hold the service to its word while it is tortured."""

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

import requests

from tests.process.fleet import Fleet, Report, lost

SECONDS = 90  # more than any fault lasts: a reading that was never answered is one more trouble


class Readers:
    """Threads that read a fleet's group again and again, and note each reading that is not true.

    A reading shows every report that was acknowledged before it began, and nothing older than any reading that ended
    before it began, unless it says by the header `Age` that it may not be the newest. A report that is not acknowledged
    yet may be shown, by another worker, and not be there after a disk that failed just then.
    """

    def __init__(self, url: str, fleet: Fleet, threads: int) -> None:
        self.readings = 0
        self.aged = 0
        self.refused = 0
        self.slowest = 0.0
        self.trouble: list[str] = []
        self._url, self._fleet = url, fleet
        self._shown: dict[str, int] = {}  # of each server the newest number in a reading that has ended
        self._acknowledged: dict[str, int] = {}
        self._looked = 0  # how much of what the fleet had acknowledged is in there
        self._own = threading.Lock()
        self._went_back = list[Report]()
        self._told_to_stop = threading.Event()
        self._threads = [threading.Thread(target=self._read) for _ in range(threads)]

    @contextlib.contextmanager
    def reading(self) -> Iterator["Readers"]:
        """The threads read inside, and have ended behind it."""
        for thread in self._threads:
            thread.start()
        try:
            yield self
        finally:
            self._told_to_stop.set()
            for thread in self._threads:
                thread.join()
            acknowledged = set(self._fleet.acknowledged)
            self.trouble += [f"{key} went back from {number}" for key, number in {*self._went_back} & acknowledged]

    def _read(self) -> None:
        with requests.Session() as session:
            while not self._told_to_stop.is_set():
                acknowledged, shown = self._known()
                try:
                    answer = session.get(f"{self._url}/status/{self._fleet.group}", timeout=SECONDS)
                except requests.Timeout:
                    self.trouble.append(f"no answer to a reading within {SECONDS} seconds")
                    continue
                except requests.RequestException:  # the service was ended, or the worker that had this connection
                    self._told_to_stop.wait(0.05)
                    continue
                self._judge(answer, acknowledged, shown)

    def _known(self) -> tuple[dict[str, int], dict[str, int]]:
        """What every reading that begins now has to show."""
        with self._own:
            new = self._fleet.acknowledged[self._looked :]
            self._looked += len(new)
            for key, number in new:
                self._acknowledged[key] = max(number, self._acknowledged.get(key, -1))
            return dict(self._acknowledged), dict(self._shown)

    def _judge(self, answer: requests.Response, acknowledged: dict[str, int], shown: dict[str, int]) -> None:
        with self._own:
            self.slowest = max(self.slowest, answer.elapsed.total_seconds())
            if answer.status_code == 503 or (answer.status_code == 404 and not acknowledged):
                self.refused += 1
                return
            if answer.status_code != 200:
                self.trouble.append(f"a reading was answered {answer.status_code}: {answer.text}")
                return
            self.readings += 1
            rows: dict[str, Any] = {f"{row['server_group']}/{row['host']}": row for row in answer.json()}
            if "Age" in answer.headers:
                self.aged += 1
                return
            self.trouble += [f"{key} {number} is not shown" for key, number in lost(acknowledged.items(), rows)]
            self._went_back += lost(shown.items(), rows)
            for key, row in rows.items():
                self._shown[key] = max(int(row["commit_sha"]), self._shown.get(key, -1))
