"""Several services on one database: each may die, and the database too, and what was acknowledged is there once."""

import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests
from pydantic import SecretStr

from tests.postgres import Postgres, fresh_schema, postgres_server
from tests.process.fleet import Fleet, Report, board, lost, trouble_in_history
from tests.process.service import service_on, wait_until


@pytest.fixture(scope="module")
def machine() -> Iterator[Postgres]:
    """A database of these tests' own, that each may kill, and starts again."""
    with postgres_server() as machine:
        yield machine


@pytest.fixture
def url(machine: Postgres) -> Iterator[str]:
    with fresh_schema(machine.url.replace("postgres@", "postgres:much-too-secret@")) as url:
        yield url


def test_what_was_acknowledged_is_there_once_whoever_is_killed_under_load(
    tmp_path: Path, machine: Postgres, url: str
) -> None:
    acknowledged, sent, refused = list[Report](), list[Report](), list[str]()
    with service_on(url, tmp_path / "stays") as stays:
        with service_on(url, tmp_path / "dies") as dies:
            fleet, victim = Fleet(stays.url, "stays", 4), Fleet(dies.url, "dies", 4)
            with fleet.reporting(), victim.reporting():
                wait_until(victim.has(100), "the service that dies has acknowledged 100")
                dies.signal(signal.SIGKILL)
                dies.process.wait()
                victim.stop()
                wait_until(fleet.more(100), "the other acknowledges 100 more")
                assert victim.refused + fleet.refused == []
                machine.stop(signal.SIGKILL)
                wait_until(lambda: bool(fleet.refused), "the outage is noticed")
                machine.start()
                wait_until(fleet.more(100), "it goes on by itself")
        with service_on(url, tmp_path / "dies") as again:
            assert board(again) == board(stays)
            for one in (fleet, victim):
                acknowledged += one.acknowledged
                sent += one.sent
                refused += one.refused
            assert lost(acknowledged, board(again)) == []
            assert again.stop() == 0
        assert stays.stop() == 0
    assert {text[:3] for text in refused} == {"503"}
    assert trouble_in_history(SecretStr(url), acknowledged, sent) == []


def test_an_outage_is_a_503_before_it_is_over_and_over_by_itself(tmp_path: Path, machine: Postgres, url: str) -> None:
    with service_on(url, tmp_path) as service:
        report = {"server_group": "web", "host": "web-01", "status": "synced"}

        def codes() -> list[int]:
            """What the routes answer when they are asked at once."""
            readings = [f"{service.url}/{path}" for path in ("status", "history", "ready", "health")]
            with ThreadPoolExecutor() as clients:
                post = clients.submit(requests.post, f"{service.url}/status/pipeline", json=report)
                answers = list(clients.map(requests.get, readings))
            return [answer.status_code for answer in (post.result(), *answers)]

        assert codes() == [201, 200, 200, 200, 200]
        with machine.frozen():
            assert codes() == [503, 503, 503, 503, 200]
        assert codes() == [200] * 5

        machine.stop()
        assert codes() == [503, 503, 503, 503, 200]
        answer = requests.get(f"{service.url}/status")  # nobody waits for a database that says it is not there
        assert answer.reason == "The database refuses connections: is it running?"
        machine.start()
        assert codes() == [200] * 5
        assert service.stop() == 0
        assert "The database refuses connections" in service.log.read_text()
        assert "secret" not in service.log.read_text()
