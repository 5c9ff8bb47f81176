"""Tokens over real processes: made by one, they hold in every other at once, and nothing prints them."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import requests

from tests.process.service import ROOT, Service, running
from tests.process.warm import run

ADMIN_TOKEN = "an-admin-token-of-the-tests"
REPORT = {"server_group": "web", "host": "web-01", "status": "synced"}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("service")
    (folder / "admin").write_text(ADMIN_TOKEN + "\n")
    settings = {"STATUS_AUTH": "writes", "STATUS_ADMIN_TOKEN_FILE": str(folder / "admin")}
    with running(folder, environment=settings) as service:
        assert report(service, ADMIN_TOKEN) == 201  # so that each later one is a 200
        yield service


def flask(store: Path | str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The command of an operator, in the folder of the project."""
    settings = {"PATH": os.environ["PATH"], "STATUS_STORE": str(store), **environment}
    return run(
        [sys.executable, "-m", "flask", "token", *arguments],
        cwd=ROOT, env=settings, text=True,
    )  # fmt: skip


def made_store(folder: Path) -> Path:
    """An empty store, as a service leaves it."""
    (folder / "status.json").write_text("{}")
    return folder / "status.json"


def made(service: Service, *arguments: str) -> str:
    done = flask(service.store, "create", *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def report(service: Service, token: str) -> int:
    """Report on a connection of its own."""
    headers = {"Authorization": f"Bearer {token}"}
    return requests.post(f"{service.url}/status/pipeline", json=REPORT, headers=headers, timeout=60).status_code


def test_a_token_of_the_command_line_holds_in_each_worker_at_once_and_ends_there_at_once(service: Service) -> None:
    token = made(service, "--label", "ci", "--scope", "pipeline", "--group", "we*", "--expires", "90d")
    for worker in service.workers():
        with service.only(worker):
            assert report(service, token) == 200
    listed = flask(service.store, "list").stdout
    assert re.search(r"ci +pipeline +we\* ", listed)
    assert flask(service.store, "revoke", token.split("_")[1]).returncode == 0
    for worker in service.workers():
        with service.only(worker):
            assert report(service, token) == 401


def test_what_one_worker_makes_and_revokes_each_other_knows(service: Service) -> None:
    admin = {"X-API-Key": ADMIN_TOKEN}
    first, second = service.workers()
    with service.only(first):
        wanted = {"label": "a", "scopes": ["pipeline"]}
        token = requests.post(f"{service.url}/tokens", json=wanted, headers=admin, timeout=60).json()
        login = {"Authorization": f"Bearer {token['token']}"}
        child = requests.post(f"{service.url}/login", headers=login, timeout=60).json()["access_token"]
    with service.only(second):
        assert report(service, token["token"]) == report(service, child) == 200
        gone = requests.delete(f"{service.url}/tokens/{token['id']}", headers=admin, timeout=60)
        assert gone.status_code == 204
    with service.only(first):
        assert report(service, token["token"]) == report(service, child) == 401


def test_no_secret_is_printed_or_kept(service: Service) -> None:
    token = made(service, "--label", "b", "--scope", "pipeline")
    assert report(service, token) == 200
    assert report(service, token + "0") == report(service, f"wrong-{token}") == 401
    requests.get(f"{service.url}/status", headers={"X-API-Key": token}, params={"token": token}, timeout=60)
    for file in filter(Path.is_file, service.store.parent.rglob("*")):
        text = file.read_bytes()
        assert token.rsplit("_", 1)[1].encode() not in text, file
        assert file.name == "admin" or ADMIN_TOKEN.encode() not in text, file
    assert token not in flask(service.store, "list").stdout


def test_the_command_says_what_is_wrong_and_leaves_no_trace(tmp_path: Path) -> None:
    store = made_store(tmp_path)
    for arguments, said in (
        (["create", "--label", "a", "--scope", "read", "--expires", "soon"], "Error: expires_in must be"),
        (["create", "--label", "a", "--scope", "read", "--group", "a/b"], "Error: groups must be"),
        (["create", "--label", "a", "--scope", "write"], "'write' is not one of"),
        (["create", "--label", "a"], "Missing option '--scope'"),
        (["revoke", "0123"], "Error: No token '0123' is known."),
    ):
        done = flask(store, *arguments)
        assert done.returncode != 0
        assert said in done.stderr
        assert "Traceback" not in done.stderr
        assert done.stdout == ""
    assert not list(tmp_path.glob("*.tokens*"))
    assert flask(store, "list").stdout.split()[:2] == ["id", "label"]


KEYRING = json.dumps({"version": "1", "key": "0" * 64, "tokens": {}})
CREATE = ["create", "--label", "a", "--scope", "pipeline"]


@pytest.mark.parametrize("arguments", [CREATE, ["list"], ["revoke", "0123"]], ids=lambda arguments: arguments[0])
@pytest.mark.parametrize("mistyped", ["none/of/these/status.json", "status.jsn", ".", "status.json/status.json"])
def test_a_store_that_no_service_made_is_refused_and_nothing_is_made(
    tmp_path: Path, mistyped: str, arguments: list[str]
) -> None:
    made_store(tmp_path)
    done = flask(tmp_path / mistyped, *arguments)
    assert (done.returncode, done.stdout) == (1, "")
    assert f"Error: There is no store at {tmp_path / mistyped}: no service has made one there." in done.stderr
    assert "Set STATUS_STORE to what it is for the service, or start the service once." in done.stderr
    assert ("--new" in done.stderr) is (arguments == CREATE)
    assert [path.name for path in tmp_path.rglob("*")] == ["status.json"]


def test_without_a_setting_it_is_the_store_of_the_image_that_is_refused() -> None:
    if Path("/data").exists():
        pytest.skip("/data is there on this machine")
    done = flask("", *CREATE)
    assert (done.returncode, done.stdout) == (1, "")
    assert "There is no store at /data/status.json" in done.stderr
    assert not Path("/data").exists()


@pytest.mark.parametrize("left", ["status.json", "status.json.journal", "status.json.tokens"])
def test_a_store_is_one_by_any_file_that_a_service_makes(tmp_path: Path, left: str) -> None:
    """A file that was taken away is no reason to make another store in its place without a word."""
    (tmp_path / left).write_text({"status.json": "{}", "status.json.tokens": KEYRING}.get(left, ""))
    assert flask(tmp_path / "status.json", *CREATE).returncode == 0


def test_a_store_is_made_with_its_first_token_where_that_is_wanted(tmp_path: Path, database: str) -> None:
    settings = {"STATUS_AUTH": "writes"}
    for number, store in enumerate([str(tmp_path / "new" / "status.json"), database]):
        assert flask(store, *CREATE).returncode == 1
        done = flask(store, *CREATE, "--new")
        assert done.returncode == 0, done.stderr
        assert flask(store, *CREATE, "--new").returncode == 0, "it is there by now, and that is no harm"
        assert len(flask(store, "list").stdout.splitlines()) == 3
        folder = tmp_path / str(number)
        folder.mkdir()
        with running(folder, environment={**settings, "STATUS_STORE": store}) as service:
            assert requests.get(f"{service.url}/ready", timeout=60).status_code == 200
            assert requests.get(f"{service.url}/status", timeout=60).json() == []
            assert report(service, done.stdout.strip()) == 201


def test_each_command_names_the_store_behind_a_link(tmp_path: Path) -> None:
    store = made_store(tmp_path)
    (tmp_path / "link.json").symlink_to(store)
    created = flask(tmp_path / "link.json", *CREATE)
    assert re.fullmatch(f"Token [0-9a-f]{{12}} is made in {store}; keep it now, .*\n", created.stderr)
    assert re.fullmatch(r"gst_\w+\n", created.stdout)
    listed = flask(tmp_path / "link.json", "list")
    assert listed.stderr == f"The tokens in {store}:\n"
    token_id = created.stdout.split("_")[1]
    revoked = flask(tmp_path / "link.json", "revoke", token_id)
    assert (revoked.stdout, revoked.stderr) == ("", f"Token {token_id} in {store} is revoked.\n")


def test_a_database_is_named_without_its_login_and_one_without_a_store_is_refused_as_it_is(database: str) -> None:
    url = database.replace("//postgres@", "//postgres:much-too-secret@")
    with psycopg.connect(database) as connection:
        ((name, schema),) = connection.execute("SELECT current_database(), current_schema()").fetchall()
        for arguments in (CREATE, ["list"], ["revoke", "0123"]):
            done = flask(url, *arguments)
            assert (done.returncode, done.stdout) == (1, "")
            assert f"There is no store at the PostgreSQL database {name}, schema {schema}: no " in done.stderr
            assert "secret" not in done.stderr
            tables = "SELECT FROM information_schema.tables WHERE table_schema = current_schema()"
            assert connection.execute(tables).fetchall() == []
    done = flask(url, *CREATE, "--new")
    assert f" is made in the PostgreSQL database {name}, schema {schema}; keep it now" in done.stderr
    assert "secret" not in done.stderr


@pytest.mark.parametrize("secret", ["too-short", "with a space in the middle", "x" * 30 + ",y"])
def test_a_token_of_the_settings_that_cannot_be_used_is_not_repeated(tmp_path: Path, secret: str) -> None:
    (tmp_path / "file").write_text(secret)
    for given in ({"STATUS_ADMIN_TOKEN": secret}, {"STATUS_ADMIN_TOKEN_FILE": str(tmp_path / "file")}):
        done = flask(tmp_path / "status.json", "list", **given)
        assert done.returncode != 0
        assert "must be 20 to 1,024 letters" in done.stderr
        assert secret not in done.stderr + done.stdout
        with pytest.raises(RuntimeError, match="did not start") as refused, running(tmp_path, environment=given):
            pass
        assert secret not in str(refused.value)


def test_a_start_says_once_that_it_is_open(tmp_path: Path, service: Service) -> None:
    with running(tmp_path) as other:
        assert other.log.read_text().count("STATUS_AUTH=open") == 1
    assert "STATUS_AUTH" not in service.log.read_text()
