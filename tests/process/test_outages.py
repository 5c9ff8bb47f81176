"""What can become of a database under a running service: told in time and with its cause, nothing lost, over by itself."""

import contextlib
import itertools
import json
import re
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest
import requests
from pydantic import SecretStr

from tests.postgres import NOBODY, Postgres, fresh_schema, postgres_server
from tests.process.fleet import Fleet, board, lost, trouble_in_history
from tests.process.service import ROOT, Service, service_on, wait_until
from tests.small_disk import small_disk

THREADS = 4
ALL_WELL = {"report": 200, "status": 200, "history": 200, "ready": 200, "health": 200}
ALL_DOWN = {"report": 503, "status": 503, "history": 503, "ready": 503, "health": 200}
READ_ONLY = {"report": 503, "status": 200, "history": 200, "ready": 503, "health": 200}
ASKED = ("web/web-01", 0)  # the report of those who ask

CAN_ONLY_BE_READ = "The database can only be read at this moment: it is a standby, or set to read-only."
IN_DOUBT = "The database went away during a commit: what was sent may be stored or not; send it again."
BROKE = "The connection to the database broke."
NO_SPACE = "The database has no space left on its disk."
IS_A_STANDBY = "The database is a standby, which may lag behind: a failover goes on, or it is misnamed."


@pytest.fixture(scope="module")
def machine() -> Iterator[Postgres]:
    """A database of these tests' own, whose settings each may change, and changes back."""
    with postgres_server(max_connections="12") as machine:
        yield machine


def answers(service: Service) -> tuple[dict[str, int], set[str]]:
    """What the routes answer when they are asked at once, and the causes of those that fail."""
    report = {"server_group": "web", "host": "web-01", "status": "synced", "commit_sha": "0"}
    asked = {
        "report": partial(requests.post, f"{service.url}/status/pipeline", json=report),
        **{name: partial(requests.get, f"{service.url}/{name}") for name in list(ALL_WELL)[1:]},
    }
    with ThreadPoolExecutor() as clients:
        coming = {name: clients.submit(ask) for name, ask in asked.items()}
        given = {name: answer.result() for name, answer in coming.items()}
    codes = {name: 200 if answer.ok else answer.status_code for name, answer in given.items()}
    return codes, {answer.json()["error"] for answer in given.values() if not answer.ok}


def assert_nothing_is_lost(service: Service, url: str, fleet: Fleet, *causes: str) -> None:
    """And whoever was refused was told why."""
    assert {(answer[:3], json.loads(answer[4:])["error"]) for answer in fleet.refused} <= {
        ("503", cause) for cause in causes
    }
    assert lost(fleet.acknowledged, board(service)) == []
    assert trouble_in_history(SecretStr(url), fleet.acknowledged, [*fleet.sent, ASKED]) == []


def _connected(url: str) -> psycopg.Connection:
    return psycopg.connect(url, autocommit=True, connect_timeout=2)


def test_a_failover_loses_nothing_that_was_acknowledged_and_needs_no_restart(tmp_path: Path) -> None:
    """One service knows both servers, the other only the address at which the new one is found."""
    with contextlib.ExitStack() as stack:
        primary = stack.enter_context(postgres_server())
        standby = stack.enter_context(postgres_server(standby_of=primary))
        with _connected(primary.url) as somebody:
            somebody.execute("ALTER SYSTEM SET synchronous_standby_names = 'standby'")
            somebody.execute("SELECT pg_reload_conf()")
        [url] = re.findall("`(postgresql://status@db-1:.*?)`", (ROOT / "docs/OPERATING.md").read_text())
        url = url.replace("status", "postgres").replace("db-1:5432", f"127.0.0.1:{standby.port}")
        url = url.replace("db-2:5432", f"127.0.0.1:{primary.port}")
        both = stack.enter_context(service_on(url, tmp_path / "both"))
        other = stack.enter_context(service_on(f"{standby.url}?target_session_attrs=any", tmp_path / "other"))
        with Fleet(both.url, "fleet", THREADS).reporting() as fleet:
            wait_until(fleet.has(100), "100 reports are acknowledged")
            assert fleet.refused == []
            wait_until(lambda: answers(other) == (ALL_DOWN, {IS_A_STANDBY}), "the standby is told from the primary")
            primary.stop(signal.SIGKILL)
            wait_until(lambda: len(fleet.refused) > 20, "the outage is noticed")
            wait_until(lambda: answers(both) == (ALL_DOWN, {CAN_ONLY_BE_READ}), "the cause is told")
            standby.promote()
            wait_until(fleet.more(100), "it goes on by itself")
        assert board(other) == board(both)
        assert_nothing_is_lost(both, url, fleet, CAN_ONLY_BE_READ, IN_DOUBT, BROKE)


def test_a_database_without_a_free_connection_is_told_and_found_again(tmp_path: Path, machine: Postgres) -> None:
    """A service that was started meanwhile, as each worker keeps the connection by which it read the fleet."""
    with fresh_schema(machine.url) as url, contextlib.ExitStack() as services:
        with contextlib.ExitStack() as others:
            come = (others.enter_context(contextlib.closing(_connected(machine.url))) for _ in itertools.count())
            with pytest.raises(psycopg.OperationalError, match="too many clients"):
                list(come)
            service = services.enter_context(service_on(url, tmp_path))
            assert answers(service) == (ALL_DOWN, {"The database has no connection left."})
        wait_until(lambda: answers(service) == (ALL_WELL, set()), "it goes on by itself")


def test_a_database_that_becomes_read_only_under_load_is_read_and_later_written_again(
    tmp_path: Path, machine: Postgres
) -> None:
    def be_read_only(setting: str) -> None:
        with _connected(machine.url) as somebody:
            somebody.execute("SET default_transaction_read_only = off")
            somebody.execute(f"ALTER SYSTEM SET default_transaction_read_only = {setting}")
            somebody.execute("SELECT pg_reload_conf()")

    with fresh_schema(machine.url) as url, service_on(url, tmp_path) as service:
        with Fleet(service.url, "fleet", THREADS).reporting() as fleet:
            wait_until(fleet.has(100), "100 reports are acknowledged")
            be_read_only("on")
            wait_until(lambda: len(fleet.refused) > 20, "reports are refused")
            wait_until(lambda: answers(service) == (READ_ONLY, {CAN_ONLY_BE_READ}), "the cause is told")
            be_read_only("off")
            wait_until(fleet.more(100), "it goes on by itself")
        assert_nothing_is_lost(service, url, fleet, CAN_ONLY_BE_READ)


def test_a_database_whose_disk_fills_up_under_load_is_told_and_with_room_again_the_service_goes_on(
    tmp_path: Path, machine: Postgres
) -> None:
    options = f"size=2m,mode=0700,uid={NOBODY}"  # whom the database runs as
    with small_disk(machine.folder / "small", options) as disk, fresh_schema(machine.url) as schema:
        with _connected(machine.url) as somebody:
            somebody.execute(f"CREATE TABLESPACE small LOCATION '{disk}'")
        url, ballast = schema + quote(" -cdefault_tablespace=small"), disk / "ballast"

        def is_told() -> bool:
            with ballast.open("ab", buffering=0) as file, contextlib.suppress(OSError):
                while file.write(bytes(4_096)):
                    pass
            codes, causes = answers(service)
            return codes | {"ready": 503} == READ_ONLY and causes == {NO_SPACE}  # it tries a row that may find room

        with service_on(url, tmp_path) as service:
            with Fleet(service.url, "fleet", THREADS).reporting() as fleet:
                wait_until(fleet.has(100), "100 reports are acknowledged")
                wait_until(is_told, "the disk is full")
                ballast.unlink()
                wait_until(fleet.more(100), "it goes on by itself")
            assert_nothing_is_lost(service, url, fleet, NO_SPACE)
            assert answers(service) == (ALL_WELL, set())
