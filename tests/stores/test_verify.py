"""`python -m storage verify`: what an operator is told about a store, and that nothing of it is touched."""

from pathlib import Path
from typing import Any

import pytest

import legacy
from stores import files
from stores.json_file import command, verify
from stores.json_file.store import JsonFileStore
from tests.stores.damages import FOUND, copied, filled, history, in_order, journal, replaced, report, run, state
from tests.stores.kinds import NOW
from tests.stores.records import never_version_1, opened, servers


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return filled(tmp_path)


def test_a_good_store_is_told_fact_by_fact(path: Path) -> None:
    result = run("verify", path)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.splitlines() == [
        "status.json: 2 servers at revision 2.",
        "status.json.journal: 2 commits wait to be added to status.json, up to revision 4.",
        f"status.json.history: 2 entries, from {NOW} to {NOW}; 2 more in the journal.",
        "All is well.",
    ]


def test_a_damaged_store_is_told_in_words_and_by_the_exit_status(path: Path) -> None:
    FOUND["a history out of order"][0](path)
    FOUND["a journal's line unreadable"][0](path)
    result = run("verify", path)
    assert (result.returncode, result.stderr) == (1, "")
    assert result.stdout.splitlines()[-3:] == [
        "WRONG: status.json.journal line 2: it cannot be read, and the service refuses the store. Take this line out and "
        "lose its commit, or move the whole journal away and go on from what the file holds.",
        "WRONG: status.json.history line 2: the entry of revision 1 comes after that of 2. Move this line up.",
        "2 wrong.",
    ]


@pytest.mark.parametrize("name", FOUND)
def test_each_damage_is_named_and_nothing_else_and_nothing_is_touched(path: Path, name: str) -> None:
    damage, kind, where, words = FOUND[name]
    damage(path)
    path.with_name("status.json.lock").unlink()
    before = state(path.parent)
    (found,) = [finding for finding in verify.verify(path) if finding.kind != "there"]
    assert (found.kind, found.where) == (kind, where)
    assert words in found.text
    assert found.text.endswith(".")
    assert "/" not in found.text.replace("a/", "")
    assert command.main(["verify", str(path)]) == (kind == "wrong")
    assert state(path.parent) == before


def test_a_store_copied_as_a_whole_is_well(path: Path) -> None:
    copied(path)
    assert {finding.kind for finding in verify.verify(path)} == {"there"}
    assert servers(opened(path)).keys() == {"a/x", "a/y", "a/z", "b/x"}


def test_a_journal_copied_before_the_file_has_no_hole(path: Path) -> None:
    copy = journal(path).read_bytes()
    JsonFileStore(path, never_version_1).compact()
    copied(path)
    journal(path).write_bytes(copy)
    found = [finding.text for finding in verify.verify(path)]
    assert found[:2] == ["4 servers at revision 4.", "no commits wait in it."]
    assert {finding.kind for finding in verify.verify(path)} == {"there"}


@pytest.mark.parametrize("is_there", [False, True], ids=["no folder", "no file"])
def test_a_path_that_does_not_exist_is_said_and_not_made(tmp_path: Path, is_there: bool) -> None:
    path = tmp_path / ("status.json" if is_there else "data/status.json")
    for verb in ("verify", "compact"):
        result = run(verb, path)
        assert (result.returncode, result.stderr) == (1, "")
        assert "WRONG: status.json: it does not exist." in result.stdout.splitlines()
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_read_is_said(tmp_path: Path) -> None:
    for verb in ("verify", "compact"):
        result = run(verb, tmp_path)
        assert (result.returncode, result.stderr) == (1, "")
        assert result.stdout == f"WRONG: The store {tmp_path.name} cannot be read: Is a directory.\n"


def test_a_folder_that_cannot_be_written_is_verified(path: Path) -> None:
    path.with_name("status.json.lock").unlink()
    path.parent.chmod(0o500)
    try:
        assert run("verify", path).returncode == 0
    finally:
        path.parent.chmod(0o700)
    assert not path.with_name("status.json.lock").exists()


def test_a_link_is_followed(path: Path) -> None:
    path.with_name("link").symlink_to(path)
    assert verify.verify(path.with_name("link")) == verify.verify(path)


def test_a_file_alone_and_an_empty_one_are_well(tmp_path: Path) -> None:
    path = tmp_path / "status.json"
    for content in (b"", b'{"version":"2.0","servers":{}}'):
        path.write_bytes(content)
        assert [finding.text for finding in verify.verify(path)] == [
            "0 servers at revision 0.", "no commits wait in it.", "no entries.",
        ]  # fmt: skip


@pytest.mark.parametrize("arguments", [[], ["verify"], ["mend", "status.json"], ["verify", "a", "b"]])
def test_wrong_usage_is_answered_with_the_usage(arguments: list[str]) -> None:
    result = run(*arguments)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith("usage: python -m storage verify PATH ")
    assert "python -m storage compact PATH " in result.stderr


def test_many_wrong_lines_are_counted_and_the_first_shown(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    replaced(history(path), lambda lines: [*lines, *[lines[0]] * 50])
    assert command.main(["verify", str(path)]) == 1
    shown = capsys.readouterr().out.splitlines()
    assert shown[-3].startswith("WRONG: status.json.history line 22: ")
    assert shown[-2:] == ["WRONG: and 30 more.", "50 wrong."]


def test_a_file_that_is_replaced_while_it_is_read_is_read_again(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the old file and a journal that was started anew meanwhile would look like a mixed backup."""
    read, stores = files.read_signed, [JsonFileStore(path, never_version_1)]

    def read_then_compacted(one: Path) -> Any:
        content = read(one)
        if one == path and stores:
            stores.pop().compact()
        return content

    monkeypatch.setattr(verify, "read_signed", read_then_compacted)
    found = verify.verify(path)
    assert [finding.text for finding in found][:2] == ["4 servers at revision 4.", "no commits wait in it."]


def test_the_keys_of_version_1_are_those_that_are_migrated() -> None:
    assert verify.VERSION_1_KEYS == legacy._KEYS


def test_the_words_about_a_line_that_cannot_be_read_are_true(path: Path) -> None:
    FOUND["a journal's line unreadable"][0](path)
    content = journal(path).read_bytes()
    replaced(journal(path), in_order(0, 2))
    assert servers(opened(path)).keys() == {"a/x", "a/y", "b/x"}
    journal(path).write_bytes(content)
    journal(path).rename(path.with_name("away"))
    assert servers(opened(path)).keys() == {"a/x", "a/y"}


def test_what_was_committed_before_the_file_was_put_back_does_not_wait(tmp_path: Path) -> None:
    """The store takes the older file as it is, though its journal still has the later commit."""
    path, store = tmp_path / "status.json", opened(tmp_path / "status.json")
    report(store, "a/x")
    older = path.read_bytes()
    report(store, "a/y")
    path.write_bytes(older)
    assert [(finding.kind, finding.text) for finding in verify.verify(path)][:3] == [
        ("there", "1 server at revision 1."),
        ("there", "no commits wait in it."),
        (
            "harmless",
            "an older copy was put back since the service last wrote it, at revision 2. It is taken as it is.",
        ),
    ]
    assert servers(opened(path)).keys() == {"a/x"}


def test_servers_of_which_file_and_history_tell_another_state_are_named(path: Path) -> None:
    """Which is wrong where the service has taken the file over, and will be told where it has not read it yet."""
    JsonFileStore(path, never_version_1).compact()
    replaced(history(path), lambda lines: [line.replace(b'"host":"z"', b'"host":"w"') for line in lines])
    *_facts, said, end = run("verify", path).stdout.splitlines()
    assert said == (
        "WRONG: status.json: its history tells another state of 2 servers: a/w, a/z. Put the file there anew, and the "
        "service adds it: cp status.json status.json.new && mv status.json.new status.json."
    )
    assert end == "1 wrong."
    path.write_bytes(path.read_bytes().replace(b'"host":"x","status":"unknown"', b'"host":"x","status":"failed"'))
    done = run("verify", path)
    assert done.returncode == 0
    *_facts, said, end = done.stdout.splitlines()
    assert said == (
        "unread: status.json: its history tells another state of 4 servers: a/w, a/x, a/z, b/x. The service adds what "
        "was changed when it next reads the file."
    )
    assert end == "All is well once the service has read it."
    assert run("compact", path).returncode == 0
    assert run("verify", path).stdout.splitlines()[-1] == "All is well."


def test_many_servers_that_differ_are_counted_and_the_first_named(tmp_path: Path) -> None:
    path = tmp_path / "status.json"
    store = opened(path)
    for number in range(22):
        report(store, f"a/{number:02}")
    JsonFileStore(path, never_version_1).compact()
    history(path).unlink()
    (found,) = [finding for finding in verify.verify(path) if finding.kind == "wrong"]
    assert "of 22 servers: a/00, a/01, " in found.text
    assert "a/19 and 2 more. " in found.text


@pytest.mark.parametrize("name", ["verify", "compact"])
def test_a_database_is_refused_without_its_login(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        command.main([name, "postgresql://status:secret@db/status"])
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert "this command is for a file" in said
    assert "secret" not in said
