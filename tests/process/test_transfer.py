"""`flask store` as an operator uses it: with a file, a database, a dump, and a service before and after."""

import contextlib
import json
import os
import pty
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.postgres import fresh_schema
from tests.process.service import ROOT, Service, running
from tests.process.warm import run

ADMIN_TOKEN = "an-admin-token-of-the-tests"
AUTH = {"STATUS_AUTH": "writes", "STATUS_ADMIN_TOKEN": ADMIN_TOKEN}
NUMBERS = "servers 2, history entries 5, tokens 1."
READINGS = (
    "/status",
    "/history?limit=1000",
    "/summary",
    "/groups",
    "/status/web/h1/history",
    "/status/web/gone/history",
)


def flask(
    *arguments: str | Path, store: str | Path = "unused.json", given: str = "", errors: int = subprocess.PIPE
) -> subprocess.CompletedProcess[str]:
    """The command of an operator, in the folder of the project."""
    return run(
        [sys.executable, "-m", "flask", "store", *arguments],
        cwd=ROOT, env={"PATH": os.environ["PATH"], "STATUS_STORE": str(store)}, text=True, given=given, stderr=errors,
    )  # fmt: skip


def report(service: Service, token: str, host: str, status: str = "synced") -> int:
    body = {"server_group": "web", "host": host, "status": status}
    headers = {"Authorization": f"Bearer {token}"}
    return requests.post(f"{service.url}/status/pipeline", json=body, headers=headers, timeout=60).status_code


def readings(service: Service) -> list[Any]:
    return [requests.get(f"{service.url}{path}", timeout=60).json() for path in READINGS]


def contents(store: Path) -> dict[str, bytes]:
    """Each file of a store."""
    return {path.name: path.read_bytes() for path in store.parent.glob("status*")}


def filled(folder: Path) -> tuple[Path, str, list[Any]]:
    """The store of a service that ran, a token of it, and what it answered."""
    folder.mkdir()
    with running(folder, environment=AUTH) as service:
        wanted = {"label": "ci", "scopes": ["pipeline"]}
        login = {"X-API-Key": ADMIN_TOKEN}
        token = requests.post(f"{service.url}/tokens", json=wanted, headers=login, timeout=60).json()["token"]
        for host in ("h1", "h2", "gone"):
            assert report(service, token, host) == 201
        assert report(service, token, "h1", "failed") == 200
        requests.delete(f"{service.url}/status/web/gone", headers=login, timeout=60).raise_for_status()
        return service.store, token, readings(service)


def test_a_service_goes_on_in_a_database_and_back_in_a_file_as_if_nothing_were(tmp_path: Path, database: str) -> None:
    store, token, before = filled(tmp_path / "one")
    back = tmp_path / "back"
    back.mkdir()
    done = flask("copy", store, database)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("All is there and equal, in the PostgreSQL database ")
    assert done.stdout.endswith(f": {NUMBERS}\n")
    done = flask("copy", database, back / "status.json")
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"All is there and equal, in {back / 'status.json'}: {NUMBERS}\n"
    for folder, environment in ((tmp_path / "two", {"STATUS_STORE": database}), (back, dict[str, str]())):
        folder.mkdir(exist_ok=True)
        with running(folder, environment={**AUTH, **environment}) as service:
            assert readings(service) == before
            assert report(service, token, "h1", "synced") == 200
            newest = requests.get(f"{service.url}/history?limit=1", timeout=60).json()
            assert newest[0]["host"] == "h1"
    assert flask("copy", store, database).returncode == 1, "the database went on meanwhile"


def test_a_dump_is_secret_and_comes_back_by_a_file_and_by_a_pipe(tmp_path: Path, database: str) -> None:
    store, _token, before = filled(tmp_path / "one")
    dump, two = tmp_path / "dump.jsonl", tmp_path / "two"
    dump.write_text("of yesterday")
    dump.chmod(0o644)
    done = flask("export", dump, store=store)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"Exported from {store}: {NUMBERS}\n", "")
    assert dump.stat().st_mode & 0o777 == 0o600
    kinds = [json.loads(line)["kind"] for line in dump.read_text().splitlines()]
    assert kinds == ["store", *["server"] * 2, *["entry"] * 5, "keyring", "end"]
    done = flask("export", "-", store=store)
    assert (done.returncode, done.stdout, done.stderr) == (0, dump.read_text(), f"Exported from {store}: {NUMBERS}\n")
    assert flask("import", dump, store=database).stdout.startswith("All is there and equal, in the PostgreSQL ")
    for its_own in (store, database):
        again = flask("import", dump, store=its_own)
        assert again.stdout.startswith("All was there before and is equal, in ")
        assert again.stdout.endswith(f": {NUMBERS}\n")
    two.mkdir()
    assert flask("import", "-", store=two / "status.json", given=dump.read_text()).returncode == 0
    assert flask("export", "-", store=database).stdout.splitlines()[1:] == dump.read_text().splitlines()[1:]
    with running(two, environment=AUTH) as service:
        assert readings(service) == before


@pytest.mark.parametrize(
    ("number", "line", "said"),
    [
        (1, '{"kind":"store","value":{"version":"9","revision":1}}', "Line 1 of the dump is wrong: this service reads"),
        (
            1,
            f'{{"kind":"store","value":{{"version":"1","revision":{2**53}}}}}',
            'Line 1 of the dump is wrong: its "revision" is no',
        ),
        (2, "{", "Line 2 of the dump is wrong: "),
        (2, '{"kind":"server","value":{"server_group":"web","host":"h1","status":"odd"}}', "wrong at status"),
        (3, '{"kind":"banana","value":{}}', "Line 3 of the dump is wrong: there is no kind 'banana'"),
        (4, '{"kind":"entry","value":{"revision":"1"}}', "Line 4 of the dump is wrong: its "),
        (5, "", "Line 5 of the dump is wrong: "),
        (9, '{"kind":"keyring","value":{"version":"1","key":"short"}}', "Line 9 of the dump is wrong: "),
        (10, '{"kind":"end","value":8}', "Line 10 of the dump is wrong: it counts other lines than there are"),
        (10, None, "The dump is not whole: it ends behind line 9."),
    ],
)
def test_a_line_that_is_wrong_is_named_before_anything_is_written(
    tmp_path: Path, dumped: list[str], number: int, line: str | None, said: str
) -> None:
    lines = [*dumped[: number - 1], *([] if line is None else [line]), *dumped[number:]]
    done = flask("import", "-", store=tmp_path / "status.json", given="".join(f"{one}\n" for one in lines))
    assert done.returncode == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())


@pytest.fixture(scope="module")
def dumped(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    store, _token, _readings = filled(tmp_path_factory.mktemp("dumped") / "one")
    return flask("export", "-", store=store).stdout.splitlines()


def test_lines_that_were_moved_are_named(tmp_path: Path, dumped: list[str]) -> None:
    lines = [*dumped[:3], dumped[4], dumped[3], *dumped[5:]]
    done = flask("import", "-", store=tmp_path / "status.json", given="".join(f"{one}\n" for one in lines))
    assert "Line 5 of the dump is wrong: it does not stand in the order of a dump." in done.stderr


def test_what_cannot_be_copied_is_said_in_a_sentence(tmp_path: Path) -> None:
    store, other = tmp_path / "status.json", tmp_path / "other.json"
    store.write_text("{}")
    for arguments, said in (
        ([store, other], "There is nothing to copy"),
        ([store, "mysql://user:much-too-secret@host/db"], "begins with postgresql://"),
        (["mysql://user:much-too-secret@host/db", other], "begins with postgresql://"),
        (["postgresql://user:much-too-secret@127.0.0.1:1/db", other], "The database refuses connections"),
    ):
        done = flask("copy", *arguments)
        assert done.returncode == 1
        assert said in done.stderr
        assert "Traceback" not in done.stderr
        assert "secret" not in done.stderr


def test_what_no_service_made_is_not_read_and_nothing_is_made(tmp_path: Path, database: str) -> None:
    for nowhere, name in ((tmp_path / "none" / "status.json", str(tmp_path)), (database, "the PostgreSQL database ")):
        for done in (
            flask("copy", nowhere, tmp_path / "target" / "status.json"),
            flask("export", tmp_path / "dump.jsonl", store=nowhere),
            flask("export", "-", store=nowhere),
        ):
            assert (done.returncode, done.stdout) == (1, "")
            assert f"Error: There is no store at {name}" in done.stderr
    assert not list(tmp_path.iterdir())


def test_a_store_is_not_copied_into_itself_however_it_is_spelled(tmp_path: Path, database: str) -> None:
    store, _token, _readings = filled(tmp_path / "one")
    (tmp_path / "folder").symlink_to(store.parent)
    (tmp_path / "link.json").symlink_to(store)
    before = contents(store)
    spellings: list[Path | str] = [store, os.path.relpath(store, ROOT), f"{store.parent}/../one/./status.json"]
    spellings += [tmp_path / "folder" / "status.json", tmp_path / "link.json", f"{store}.lock", f"{store}.tokens"]
    for spelling in spellings:
        done = flask("copy", store, spelling)
        assert (done.returncode, done.stdout) == (1, "")
        assert f"Error: Both are one store, that at {store}: it cannot be copied into itself." in done.stderr
    assert contents(store) == before
    assert flask("copy", store, database).returncode == 0
    for spelling in (database, f"{database}&connect_timeout=2", database.replace("postgresql://", "postgres://")):
        done = flask("copy", database, spelling)
        assert (done.returncode, done.stdout) == (1, "")
        assert "Error: Both are one store, that at the PostgreSQL database " in done.stderr


def test_another_schema_and_a_copy_of_the_folder_are_other_stores(
    tmp_path: Path, database: str, database_server: str
) -> None:
    store, _token, _readings = filled(tmp_path / "one")
    assert flask("copy", store, database).returncode == 0
    with fresh_schema(database_server) as other:
        assert flask("copy", database, other).stdout.startswith("All is there and equal, in ")
        assert flask("copy", database, other).stdout.startswith("All was there before and is equal, in ")
    shutil.copytree(store.parent, tmp_path / "two")
    assert flask("copy", store, tmp_path / "two" / "status.json").stdout.startswith("All was there before")


def test_a_dump_is_written_over_no_file_of_the_store_nor_read_from_one(tmp_path: Path) -> None:
    store, _token, _readings = filled(tmp_path / "one")
    (tmp_path / "link.json").symlink_to(store)
    before = contents(store)
    files = [
        store,
        tmp_path / "link.json",
        *(Path(f"{store}.{end}") for end in ("journal", "history", "tokens", "lock")),
    ]
    for file in files:
        for command in ("export", "import"):
            done = flask(command, file, store=store)
            assert (done.returncode, done.stdout) == (1, "")
            assert f"Error: {file} is a file of the store itself, and no place for a dump" in done.stderr
    assert contents(store) == before
    assert "Line 1 of the dump is wrong: " in flask("import", "-", store=store, given=store.read_text()).stderr


def test_a_dump_that_cannot_be_written_is_called_a_dump_and_what_is_missing_is_named(tmp_path: Path) -> None:
    store = tmp_path / "status.json"
    store.write_text("{}")
    dump = tmp_path / "nowhere" / "dump.jsonl"
    for path, said in (
        (dump, f"The dump {dump} cannot be written: there is no folder {dump.parent}."),
        (tmp_path, f"The dump {tmp_path} cannot be written: that is no file."),
        ("/", "The dump / cannot be written: that is no file."),
        ("/dev/null", "The dump /dev/null cannot be written: that is no file. For - it goes to the output."),
        ("/proc/dump.jsonl", "The dump dump.jsonl cannot be written: "),
    ):
        done = flask("export", path, store=store)
        assert (done.returncode, done.stdout) == (1, "")
        assert f"Error: {said}" in done.stderr
    assert {path.name for path in tmp_path.iterdir()} <= {f"status.json{rest}" for rest in ("", ".lock", ".journal")}


def test_a_terminal_shows_how_far_it_is(tmp_path: Path, dumped: list[str]) -> None:
    ours, theirs = pty.openpty()
    with contextlib.ExitStack() as resources:
        resources.callback(os.close, ours)
        text = "".join(f"{line}\n" for line in dumped)
        done = flask("import", "-", store=tmp_path / "status.json", given=text, errors=theirs)
        os.close(theirs)
        shown = os.read(ours, 10_000).decode()
    assert done.returncode == 0
    assert "Copying" in shown
    assert "Comparing" in shown
    assert "100%" in shown
