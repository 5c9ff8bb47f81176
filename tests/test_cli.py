"""`flask store verify` and `compact`: as `python -m storage` (tests/stores/), and for the store of STATUS_STORE."""

from pathlib import Path

import pytest
from click.testing import Result
from pydantic import SecretStr

from app import create_app
from config import Settings
from tests.stores.damages import filled, journal, state


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return filled(tmp_path)


def flask_store(store: Path | SecretStr, *arguments: str | Path) -> Result:
    """`flask store …`, in this process."""
    runner = create_app(Settings(store=store)).test_cli_runner()
    return runner.invoke(args=["store", *map(str, arguments)])


def test_verify_says_what_is_there_and_changes_nothing(path: Path) -> None:
    before = state(path.parent)
    found = flask_store(path, "verify")
    assert (found.exit_code, found.output.splitlines()[-1]) == (0, "All is well.")
    assert flask_store(path.with_name("unused.json"), "verify", path).output == found.output
    assert state(path.parent) == before


def test_compact_makes_the_file_the_whole_state(path: Path) -> None:
    done = flask_store(path, "compact")
    assert done.output == "status.json holds all: 4 servers at revision 4. Its journal starts anew.\n"
    assert done.exit_code == 0
    assert len(journal(path).read_bytes().splitlines()) == 1


@pytest.mark.parametrize("command", ["verify", "compact"])
def test_what_is_wrong_is_an_exit_status_of_1_and_stays(path: Path, command: str) -> None:
    path.write_bytes(path.read_bytes()[:-30])
    before = state(path.parent)
    found = flask_store(path, command)
    assert found.exit_code == 1
    assert "WRONG: status.json: The store status.json is left as it is" in found.output
    assert state(path.parent) == before


@pytest.mark.parametrize("command", ["verify", "compact"])
def test_a_database_checks_itself(command: str) -> None:
    refused = flask_store(SecretStr("postgresql://status@nowhere.invalid/status"), command)
    sentence = "Error: The store is a database, which checks itself; this command is for a file.\n"
    assert (refused.exit_code, refused.output) == (1, sentence)
