"""`python -m storage compact`: what becomes of a store, also of a damaged one, and while others commit."""

import json
from pathlib import Path

import pytest

from domain.errors import Unavailable
from domain.kinds import SERVER
from stores.json_file import command, verify
from stores.json_file.pace import Pace
from stores.json_file.store import JsonFileStore
from tests.stores.child import HOLDER, waiting_for_a_line
from tests.stores.damages import FOUND, WRONG, filled, history, journal, run, state
from tests.stores.records import count, counted, never_version_1, opened


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return filled(tmp_path)


def test_compact_makes_the_file_the_whole_state(path: Path) -> None:
    before = opened(path).snapshot()
    result = run("compact", path)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout == "status.json holds all: 4 servers at revision 4. Its journal starts anew.\n"
    assert len(journal(path).read_bytes().splitlines()) == 1
    assert len(history(path).read_bytes().splitlines()) == 4
    journal(path).unlink()
    assert json.loads(path.read_bytes())["servers"].keys() == before.table(SERVER).records.keys()
    assert opened(path).snapshot() == before
    assert [entry["revision"] for entry in opened(path).events()] == [1, 2, 3, 4]
    assert run("verify", path).returncode == 0


@pytest.mark.parametrize("name", [name for name in FOUND if name not in WRONG and name != "version 1"])
def test_compact_takes_what_is_harmless(path: Path, name: str) -> None:
    FOUND[name][0](path)
    before, events = opened(path).snapshot(), list(opened(path).events())
    assert command.main(["compact", str(path)]) == 0
    journal(path).unlink()
    assert opened(path).snapshot() == before
    assert list(opened(path).events()) == events
    assert {finding.kind for finding in verify.verify(path)} == {"there"}


@pytest.mark.parametrize("name", [*WRONG, "version 1"])
def test_compact_leaves_a_damaged_store_and_one_of_version_1_as_it_is(
    path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    damage, _kind, where, words = FOUND[name]
    damage(path)
    before = state(path.parent)
    assert command.main(["compact", str(path)]) == 1
    output = capsys.readouterr().out
    if name == "version 1":
        assert output == (
            "WRONG: status.json is a version 1 file: start the service once to migrate it. Nothing was changed.\n"
        )
    else:
        assert output.startswith(f"WRONG: {where}: ")
        assert words in output
        assert output.endswith("Nothing was changed.\n")
    assert state(path.parent) == before


@pytest.mark.parametrize("name", ["a file cut", "a journal's line unreadable"])
def test_a_store_damaged_since_it_was_looked_at_refuses_by_itself(path: Path, name: str) -> None:
    FOUND[name][0](path)
    before = state(path.parent)
    with pytest.raises(Unavailable, match="is left as it is, because it cannot be understood"):
        JsonFileStore(path, never_version_1).compact()
    assert state(path.parent) == before


def test_compact_waits_for_the_lock_and_then_names_it(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = state(path.parent)
    with waiting_for_a_line("-c", HOLDER, f"{path}.lock"):
        assert command.main(["compact", str(path)], Pace(lock=0.1)) == 1
    sentence = "The store status.json is locked by another process for over 0.1 seconds."
    assert capsys.readouterr().out == f"WRONG: {sentence}\n"
    assert state(path.parent) == before


def test_both_work_while_others_commit_and_lose_nothing(tmp_path: Path) -> None:
    path, times = tmp_path / "status.json", 1_500
    store = opened(path)
    count(store, "a/x")
    with waiting_for_a_line("-m", "tests.stores.child", "count", str(path), str(times), "a/x", "a/y") as child:
        assert child.stdin
        child.stdin.write("go\n")
        child.stdin.flush()
        rounds = 0
        while child.poll() is None:
            wrong = [finding for finding in verify.verify(path) if finding.kind == "wrong"]
            assert not wrong
            JsonFileStore(path, never_version_1).compact()
            rounds += 1
        assert child.returncode == 0
    assert rounds > 3
    JsonFileStore(path, never_version_1).compact()
    assert store.snapshot() == opened(path).snapshot()
    journal(path).unlink()
    assert [counted(opened(path).get(SERVER, key)) for key in ("a/x", "a/y")] == [times + 1, times]
    assert opened(path).snapshot().revision == 2 * times + 1
