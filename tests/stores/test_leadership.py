"""One process leads: real locks, held by real processes."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from pydantic import SecretStr

from domain.errors import Unavailable
from stores import open_leadership
from tests.postgres import Postgres, fresh_schema, postgres_server
from tests.process.service import ROOT, wait_until

LEAD = """
import signal, sys
from pathlib import Path
from pydantic import SecretStr
from stores import open_leadership
place = sys.argv[1]
leadership = open_leadership(SecretStr(place) if "://" in place else Path(place))
print(leadership.is_held(), flush=True)
signal.pause()
"""


@pytest.fixture(params=["file", "postgres"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Path | SecretStr:
    if request.param == "file":
        return tmp_path / "status.json"
    return SecretStr(request.getfixturevalue("database"))


def text(place: Path | SecretStr) -> str:
    return place.get_secret_value() if isinstance(place, SecretStr) else str(place)


def test_one_leads_until_it_gives_the_lead_away(place: Path | SecretStr) -> None:
    first, second = open_leadership(place), open_leadership(place)
    assert [first.is_held(), second.is_held(), first.is_held(), second.is_held()] == [True, False, True, False]
    first.close()
    assert second.is_held()
    assert not first.is_held()
    first.close()
    second.close()


def test_a_process_that_is_killed_leads_no_more(place: Path | SecretStr) -> None:
    words = [sys.executable, "-c", LEAD, text(place)]
    other = open_leadership(place)
    with subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True) as leader:
        assert leader.stdout
        assert leader.stdout.readline() == "True\n"
        assert not other.is_held()
        leader.send_signal(signal.SIGKILL)
    wait_until(other.is_held, "another leads")
    other.close()


def test_a_lock_file_that_was_deleted_is_no_lead(tmp_path: Path) -> None:
    place = tmp_path / "status.json"
    first, second = open_leadership(place), open_leadership(place)
    assert first.is_held()
    (tmp_path / "status.json.workers").unlink()
    assert second.is_held()
    assert not first.is_held()
    second.close()
    assert first.is_held()


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    leadership = open_leadership(tmp_path / "none" / "status.json")
    with pytest.raises(Unavailable, match=r"^The file status\.json\.workers cannot be locked: No such file"):
        leadership.is_held()


def test_two_stores_in_one_database_have_each_a_leader(database: str, database_server: str) -> None:
    with fresh_schema(database_server) as other:
        leaders = [open_leadership(SecretStr(url)) for url in (database, other, other)]
        assert [one.is_held() for one in leaders] == [True, True, False]
        for one in leaders:
            one.close()


@pytest.fixture
def own_server() -> Iterator[Postgres]:
    with postgres_server() as server:
        yield server


def test_a_database_that_ends_the_session_ends_the_lead_and_the_next_to_ask_has_it(own_server: Postgres) -> None:
    url = SecretStr(own_server.url)
    first, second = open_leadership(url), open_leadership(url)
    assert [first.is_held(), second.is_held()] == [True, False]
    with psycopg.connect(own_server.url, autocommit=True) as admin:
        admin.execute("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'")
    wait_until(second.is_held, "the second leads")
    assert not first.is_held()
    own_server.stop(signal.SIGINT)
    for one in (first, second):
        with pytest.raises(Unavailable, match="database"):
            one.is_held()
    own_server.start()
    assert first.is_held()
    assert not second.is_held()
    first.close()
    second.close()
