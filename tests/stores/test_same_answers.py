"""The file and the database give the same answers, byte for byte: five hundred operations, each asked of both."""

import contextlib
import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from pydantic import SecretStr

import legacy
from app import create_app
from config import Settings
from stores import open_store
from tests.web.api import START, Clock

OPERATIONS = 500
GROUPS, HOSTS = ("web", "web-a", "db.b", "rsyslog-lab"), ("x", "x-1", "y", "rsyslog-lab")
STATUSES = ("synced", "out_of_sync", "failed", "unknown", "banana")
READINGS = (
    "/status", "/status?status=failed,out_of_sync&limit=3&offset=1", "/status/web", "/status/web/x", "/status/db.b/y",
    "/summary", "/groups?problem=1", "/history", "/history?from=1h", "/history?server_group=web&from=10m&limit=5",
    "/history?host=x&to=5m", "/status/web/x/history?from=30m", "/status/db.b/y/history", "/history/summary?from=2h&step=10m",
    "/history/summary?from=2h&step=7m&server_group=web-a", "/events", "/events?status=failed&from=20m", "/api/status",
    "/api/status?server=web", "/badge/web.svg", "/badge/web/x.json", "/", "/problems", "/servers/web/x", "/ready",
)  # fmt: skip


@contextlib.contextmanager
def service(place: Path | SecretStr, clock: Clock) -> Iterator[Flask]:
    settings = Settings(store=place)
    store = open_store(place, legacy.upgrade(settings, clock))
    with contextlib.closing(store):
        yield create_app(settings, store, clock)


@pytest.mark.parametrize("seed", [7])
def test_five_hundred_operations_are_answered_alike_by_the_file_and_by_two_replicas_of_a_database(
    tmp_path: Path, database: str, seed: int
) -> None:
    chance, clock = random.Random(seed), Clock()
    with (
        service(tmp_path / "status.json", clock) as file,
        service(SecretStr(database), clock) as replica,
        service(SecretStr(database), clock) as other,
    ):
        for number in range(OPERATIONS):
            clock.advance(chance.choice([0, 0, 1, 30, 200, -5]))
            for method, path, options in (
                operation(chance),
                ("GET", chance.choice(READINGS), {"browser": chance.random() < 0.1}),
            ):
                expected = answered(file, method, path, options)
                for one in chance.sample([replica, other], 1 if method != "GET" else 2):
                    assert answered(one, method, path, options) == expected, f"operation {number}: {method} {path}"
        for path in READINGS:
            expected = answered(file, "GET", path, {})
            assert expected[0] in (200, 404)
            assert answered(replica, "GET", path, {}) == answered(other, "GET", path, {}) == expected


def operation(chance: random.Random) -> tuple[str, str, Any]:
    """Something that changes the fleet, or that is refused."""

    def report() -> dict[str, Any]:
        fields: dict[str, Callable[[], Any]] = {
            "status": lambda: chance.choice(STATUSES[: 4 + (chance.random() < 0.05)]),
            "changed_files": lambda: chance.sample(["/etc/ä", "/b", 'c"\\'], chance.randint(0, 3)),
            "validation_status": lambda: chance.choice(["passed", "failed"]),
            "validation_message": lambda: chance.choice(["", "zeile\n2\x00\x1b[31m", "€" * 5_000]),
            "commit_sha": lambda: chance.choice(["", "abc", "def"]),
            "environment": lambda: chance.choice(["prod", "lab"]),
            "check_interval": lambda: chance.choice([60, 3_600, 0]),
            "agent": lambda: chance.choice(["one", "two"]),
        }
        chosen = {name: value() for name, value in fields.items() if chance.random() < 0.5}
        waited = (
            {"observed": chance.choice(["30s", "10m", START, "2026-04-26T11:00:00Z"])} if chance.random() < 0.2 else {}
        )
        return {
            "server_group": chance.choice(GROUPS),
            "host": chance.choice(HOSTS),
            "status": "synced",
            **chosen,
            **waited,
        }

    kind = chance.random()
    if kind < 0.1:
        return "DELETE", f"/status/{chance.choice(GROUPS)}/{chance.choice(HOSTS)}", {}
    if kind < 0.2:
        old = {
            "server": chance.choice(GROUPS),
            "repo": "rsyslog",
            "sync_status": chance.choice(STATUSES).upper(),
            "drift_count": 1,
        }
        return "POST", "/api/status", {"json": old}
    body = [report() for _ in range(chance.randint(1, 6))] if kind < 0.3 else report()
    return "POST", chance.choice(["/status/pipeline", "/status/cron"]), {"json": body}


def answered(app: Flask, method: str, path: str, options: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body."""
    headers = {"Accept": "text/html"} if options.get("browser") else {}
    data = json.dumps(options["json"]) if "json" in options else None
    answer = app.test_client().open(
        path, method=method, data=data, headers=headers, content_type="application/json" if data else None
    )
    return answer.status_code, dict(answer.headers), answer.data
