"""`python -m storage verify` and `compact`: what an operator is told about a store, and what becomes of it."""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import legacy
from domain.errors import Unavailable
from domain.history import change_entry
from storage import Commit, Decision, Store, files, json_file, verify
from storage import __main__ as command
from storage.json_file import JsonFileStore
from tests.storage.child import V1_BYTES
from tests.storage.records import NOW, ROOT, count, counted, never_version_1, opened, server
from tests.storage.test_processes import _HOLDER, _waiting_for_a_line

LATER = "2026-04-26T11:00:00Z"
Damage = Callable[[Path], object]


def _run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "storage", *map(str, arguments)], cwd=ROOT, capture_output=True, text=True, check=False
    )


def _report(store: Store, key: str, now: str = NOW) -> Commit:
    """Store a record with the history entry that a first report leaves."""
    record = server(key)

    def decide(_before: object, revision: int) -> Decision:
        entry = change_entry(None, {**record, "revision": revision, "timestamp": now}, "cron")
        assert entry
        return Decision({key: record}, [entry])

    return store.change([key], decide)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A store of two servers at revision 2, with two commits that wait in its journal."""
    path = tmp_path / "status.json"
    store = JsonFileStore(path, never_version_1)
    _report(store, "a/x")
    _report(store, "a/y")
    store.compact()
    store._next_write = time.monotonic() + 3_600  # no checkpoint is due
    _report(store, "a/z", LATER)
    _report(store, "b/x", LATER)
    assert store._timer
    store._timer.cancel()
    return path


def _journal(path: Path) -> Path:
    return path.with_name("status.json.journal")


def _history(path: Path) -> Path:
    return path.with_name("status.json.history")


def _state(folder: Path) -> dict[str, tuple[bytes, int, int]]:
    """Every byte, inode and time in a folder."""
    files = {one.name: (one.read_bytes(), one.stat().st_ino, one.stat().st_mtime_ns) for one in folder.iterdir()}
    return {**files, ".": (b"", folder.stat().st_ino, folder.stat().st_mtime_ns)}


def _replaced(path: Path, change: Callable[[list[bytes]], list[bytes]]) -> None:
    """Change the lines of a file in place."""
    path.write_bytes(b"".join(change(path.read_bytes().splitlines(keepends=True))))


def _lines(*order: int) -> Callable[[list[bytes]], list[bytes]]:
    return lambda lines: [lines[number] for number in order]


def _in_journal(path: Path, good: bytes, bad: bytes) -> None:
    content = _journal(path).read_bytes()
    assert good in content
    _journal(path).write_bytes(content.replace(good, bad))


def _copied(path: Path) -> None:
    """A folder copied file by file: no file has the inode that it had, and none becomes free for another."""
    for one in (path, _journal(path)):
        kept = one.rename(one.with_name(f"kept.{one.name}"))
        one.write_bytes(kept.read_bytes())


def _mixed(path: Path) -> None:
    """A backup of two moments: the file older than the beginning of the journal."""
    _copied(path)
    path.write_bytes(path.read_bytes().replace(b'"revision":2', b'"revision":1', 1))


def _append_torn(path: Path, end: int | None) -> None:
    """A checkpoint that died when it moved the first entry from the journal to the history."""
    entry = json.loads(_journal(path).read_bytes().splitlines()[1])["history"][0]
    _history(path).write_bytes(_history(path).read_bytes() + json.dumps(entry).encode()[:end])


def _put_back(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b'"revision":2', b'"revision":1', 1))


# What is done to the store; then kind, place and words of the only finding that is not plainly what is there.
FOUND: dict[str, tuple[Damage, str, str, str]] = {
    "a file cut": (lambda p: p.write_bytes(p.read_bytes()[:-30]), "wrong", "status.json", "The store status.json is left as it is, because it cannot be understood: "),
    "a file with a slip": (lambda p: p.write_bytes(p.read_bytes().replace(b'"a/y":', b'"a/y"')), "wrong", "status.json", "line 4 column"),
    "another version": (lambda p: p.write_bytes(b'{"version":"3.0","servers":{}}'), "wrong", "status.json", "its version is '3.0', and this service reads '2.0'"),
    "neither version": (lambda p: p.write_bytes(b'{"foo":1}'), "wrong", "status.json", "neither of version 2.0 nor of version 1"),
    "version 1": (lambda p: p.write_bytes(V1_BYTES), "harmless", "status.json", "the service migrates it when it starts"),
    "no file": (Path.unlink, "wrong", "status.json", "it does not exist, but its journal goes on from revision 2"),
    "an empty file": (lambda p: p.write_bytes(b""), "wrong", "status.json", "it is empty, but its journal goes on from revision 2"),
    "a file edited": (lambda p: p.write_bytes(p.read_bytes().replace(b"unknown", b"unclear", 1)), "harmless", "status.json", "it was edited or put back since the service last wrote it, at revision 2"),
    "a file put back": (_put_back, "harmless", "status.json", "an older copy was put back since the service last wrote it, at revision 2"),
    "a mixed backup": (_mixed, "wrong", "status.json.journal line 1", "it begins at revision 2, but status.json ends at revision 1: what was committed between is in neither"),
    "a journal torn": (lambda p: _journal(p).write_bytes(_journal(p).read_bytes()[:-9]), "harmless", "status.json.journal", "its last line is not whole: a crash cut it before it was acknowledged"),
    "a journal torn but for its line end": (lambda p: _journal(p).write_bytes(_journal(p).read_bytes()[:-9] + b"\n"), "harmless", "status.json.journal", "its last line is not whole"),
    "a journal of one torn line": (lambda p: _journal(p).write_bytes(b'{"check'), "harmless", "status.json.journal", "its last line is not whole"),
    "a journal's line unreadable": (lambda p: _replaced(_journal(p), lambda lines: [lines[0], b"\0" * 99 + b"\n", lines[2]]), "wrong", "status.json.journal line 2", "it cannot be read, and the service refuses the store"),
    "a journal without its beginning": (lambda p: _replaced(_journal(p), _lines(1, 2)), "wrong", "status.json.journal line 1", "the beginning of the journal is missing"),
    "a journal out of order": (lambda p: _replaced(_journal(p), _lines(0, 2, 1)), "wrong", "status.json.journal line 3", "its revision 3 comes after revision 4"),
    "a journal's line twice": (lambda p: _replaced(_journal(p), _lines(0, 1, 2, 2)), "wrong", "status.json.journal line 4", "its revision 4 comes after revision 4"),
    "a journal's record wrong": (lambda p: _in_journal(p, b'"host":"z","status":"unknown"', b'"host":"z","status":"unknowm"'), "wrong", "status.json.journal line 2", "the record 'a/z' is wrong at status"),
    "a journal's record of another": (lambda p: _in_journal(p, b'{"a/z":', b'{"a/w":'), "wrong", "status.json.journal line 2", "the record 'a/w' holds the names of another server"),
    "a journal's entry wrong": (lambda p: _in_journal(p, b'"history":[{"revision":4', b'"history":[{"revision":"4"'), "wrong", "status.json.journal line 3", "it holds a history entry that is none"),
    "a history torn": (lambda p: _append_torn(p, -9), "harmless", "status.json.history", "its last line is not whole"),
    "a history without its last line end": (lambda p: _append_torn(p, None), "harmless", "status.json.history", "its last line is not whole"),
    "a history's line unreadable": (lambda p: _replaced(_history(p), lambda lines: [b"\0\n", lines[1]]), "wrong", "status.json.history line 1", "it cannot be read"),
    "a history's line of something else": (lambda p: _replaced(_history(p), lambda lines: [b'{"revision":"1"}\n', lines[1]]), "wrong", "status.json.history line 1", "it cannot be read"),
    "a history out of order": (lambda p: _replaced(_history(p), _lines(1, 0)), "wrong", "status.json.history line 2", "the entry of revision 1 comes after that of 2"),
    "an entry twice": (lambda p: _replaced(_history(p), _lines(0, 1, 0)), "wrong", "status.json.history line 3", "the entry of revision 1 is there twice"),
    "a write left over": (lambda p: p.with_name("status.json.tmp").write_bytes(b"{"), "harmless", "status.json.tmp", "left over"),
    "a journal left over": (lambda p: p.with_name("status.json.journal.tmp").write_bytes(b"{"), "harmless", "status.json.journal.tmp", "left over"),
}  # fmt: skip
WRONG = [name for name, (_damage, kind, *_found) in FOUND.items() if kind == "wrong"]


def test_a_good_store_is_told_fact_by_fact(path: Path) -> None:
    result = _run("verify", path)
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
    result = _run("verify", path)
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
    before = _state(path.parent)
    (found,) = [finding for finding in verify.verify(path) if finding.kind != "there"]
    assert (found.kind, found.where) == (kind, where)
    assert words in found.text
    assert found.text.endswith(".")
    assert "/" not in found.text.replace("a/", "")
    assert command.main(["verify", str(path)]) == (kind == "wrong")
    assert _state(path.parent) == before


def test_a_store_copied_as_a_whole_is_well(path: Path) -> None:
    _copied(path)
    assert {finding.kind for finding in verify.verify(path)} == {"there"}
    assert opened(path).snapshot().records.keys() == {"a/x", "a/y", "a/z", "b/x"}


def test_a_journal_copied_before_the_file_has_no_hole(path: Path) -> None:
    copy = _journal(path).read_bytes()
    JsonFileStore(path, never_version_1).compact()
    _copied(path)
    _journal(path).write_bytes(copy)
    found = [finding.text for finding in verify.verify(path)]
    assert found[:2] == ["4 servers at revision 4.", "no commits wait in it."]
    assert {finding.kind for finding in verify.verify(path)} == {"there"}


@pytest.mark.parametrize("is_there", [False, True], ids=["no folder", "no file"])
def test_a_path_that_does_not_exist_is_said_and_not_made(tmp_path: Path, is_there: bool) -> None:
    path = tmp_path / ("status.json" if is_there else "data/status.json")
    for verb in ("verify", "compact"):
        result = _run(verb, path)
        assert (result.returncode, result.stderr) == (1, "")
        assert "WRONG: status.json: it does not exist." in result.stdout.splitlines()
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_read_is_said(tmp_path: Path) -> None:
    for verb in ("verify", "compact"):
        result = _run(verb, tmp_path)
        assert (result.returncode, result.stderr) == (1, "")
        assert result.stdout == f"WRONG: The store {tmp_path.name} cannot be read: Is a directory.\n"


def test_a_folder_that_cannot_be_written_is_verified(path: Path) -> None:
    path.with_name("status.json.lock").unlink()
    path.parent.chmod(0o500)
    try:
        assert _run("verify", path).returncode == 0
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
    result = _run(*arguments)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith("usage: python -m storage verify PATH ")
    assert "python -m storage compact PATH " in result.stderr


def test_many_wrong_lines_are_counted_and_the_first_shown(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _replaced(_history(path), lambda lines: [*lines, *[lines[0]] * 50])
    assert command.main(["verify", str(path)]) == 1
    shown = capsys.readouterr().out.splitlines()
    assert shown[-3].startswith("WRONG: status.json.history line 22: ")
    assert shown[-2:] == ["WRONG: and 30 more.", "50 wrong."]


def test_a_file_that_is_replaced_while_it_is_read_is_read_again(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the old file and a journal that was started anew meanwhile would look like a mixed backup."""
    read, store = files.read_signed, JsonFileStore(path, never_version_1)

    def read_then_compacted(one: Path) -> Any:
        content = read(one)
        if one == path and store._replica.fleet.revision < 4:
            store.compact()
        return content

    monkeypatch.setattr(verify, "read_signed", read_then_compacted)
    found = verify.verify(path)
    assert [finding.text for finding in found][:2] == ["4 servers at revision 4.", "no commits wait in it."]


def test_compact_makes_the_file_the_whole_state(path: Path) -> None:
    before = opened(path).snapshot()
    result = _run("compact", path)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout == "status.json holds all: 4 servers at revision 4. Its journal starts anew.\n"
    assert len(_journal(path).read_bytes().splitlines()) == 1
    assert len(_history(path).read_bytes().splitlines()) == 4
    _journal(path).unlink()
    assert json.loads(path.read_bytes())["servers"].keys() == before.records.keys()
    assert opened(path).snapshot() == before
    assert [entry["revision"] for entry in opened(path).events()] == [1, 2, 3, 4]
    assert _run("verify", path).returncode == 0


@pytest.mark.parametrize("name", [name for name in FOUND if name not in WRONG and name != "version 1"])
def test_compact_takes_what_is_harmless(path: Path, name: str) -> None:
    FOUND[name][0](path)
    before, events = opened(path).snapshot(), list(opened(path).events())
    assert command.main(["compact", str(path)]) == 0
    _journal(path).unlink()
    assert opened(path).snapshot() == before
    assert list(opened(path).events()) == events
    assert {finding.kind for finding in verify.verify(path)} == {"there"}


@pytest.mark.parametrize("name", [*WRONG, "version 1"])
def test_compact_leaves_a_damaged_store_and_one_of_version_1_as_it_is(
    path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    damage, _kind, where, words = FOUND[name]
    damage(path)
    before = _state(path.parent)
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
    assert _state(path.parent) == before


@pytest.mark.parametrize("name", ["a file cut", "a journal's line unreadable"])
def test_a_store_damaged_since_it_was_looked_at_refuses_by_itself(path: Path, name: str) -> None:
    FOUND[name][0](path)
    before = _state(path.parent)
    with pytest.raises(Unavailable, match="is left as it is, because it cannot be understood"):
        JsonFileStore(path, never_version_1).compact()
    assert _state(path.parent) == before


def test_compact_waits_for_the_lock_and_then_names_it(
    path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(json_file, "LOCK_SECONDS", 0.1)
    before = _state(path.parent)
    with _waiting_for_a_line("-c", _HOLDER, f"{path}.lock"):
        assert command.main(["compact", str(path)]) == 1
    sentence = "The store status.json is locked by another process for over 0.1 seconds."
    assert capsys.readouterr().out == f"WRONG: {sentence}\n"
    assert _state(path.parent) == before


def test_both_work_while_others_commit_and_lose_nothing(tmp_path: Path) -> None:
    path, times = tmp_path / "status.json", 1_500
    store = opened(path)
    count(store, "a/x")
    with _waiting_for_a_line("-m", "tests.storage.child", "count", str(path), str(times), "a/x", "a/y") as child:
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
    _journal(path).unlink()
    assert [counted(opened(path).get(key)) for key in ("a/x", "a/y")] == [times + 1, times]
    assert opened(path).snapshot().revision == 2 * times + 1


def test_the_keys_of_version_1_are_those_that_are_migrated() -> None:
    assert verify.VERSION_1_KEYS == legacy._KEYS


def test_the_words_about_a_line_that_cannot_be_read_are_true(path: Path) -> None:
    FOUND["a journal's line unreadable"][0](path)
    content = _journal(path).read_bytes()
    _replaced(_journal(path), _lines(0, 2))
    assert opened(path).snapshot().records.keys() == {"a/x", "a/y", "b/x"}
    _journal(path).write_bytes(content)
    _journal(path).rename(path.with_name("away"))
    assert opened(path).snapshot().records.keys() == {"a/x", "a/y"}


def test_what_was_committed_before_the_file_was_put_back_does_not_wait(tmp_path: Path) -> None:
    """The store takes the older file as it is, though its journal still has the later commit."""
    path, store = tmp_path / "status.json", opened(tmp_path / "status.json")
    _report(store, "a/x")
    older = path.read_bytes()
    _report(store, "a/y")
    path.write_bytes(older)
    assert [(finding.kind, finding.text) for finding in verify.verify(path)][:3] == [
        ("there", "1 server at revision 1."),
        ("there", "no commits wait in it."),
        (
            "harmless",
            "an older copy was put back since the service last wrote it, at revision 2. It is taken as it is.",
        ),
    ]
    assert opened(path).snapshot().records.keys() == {"a/x"}


@pytest.mark.parametrize("name", ["verify", "compact"])
def test_a_database_is_refused_without_its_login(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        command.main([name, "postgresql://status:secret@db/status"])
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert "this command is for a file" in said
    assert "secret" not in said
