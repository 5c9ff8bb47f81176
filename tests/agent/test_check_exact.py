"""Folders that hold what git says and nothing else: `"exact": true` in `files`."""

from pathlib import Path

import pytest

from tests.agent.agents import Agent
from tests.agent.servers import Server, unprivileged

CONF = {"conf/10-a.conf": "a\n", "conf/20-b.conf": "b\n", "conf/main.tpl": "main\n"}


@pytest.fixture
def folder(server: Server) -> Path:
    """A folder of the server that holds exactly what git says."""
    server.remote.push(CONF)
    folder = server.folder / "etc/x"
    folder.mkdir(parents=True)
    for name in ("10-a.conf", "20-b.conf"):
        (folder / name).write_text(CONF[f"conf/{name}"])
    server.members["files"] = [{"source": "conf/*.conf", "target": f"{folder}/", "exact": True}]
    assert server.check().returncode == 0
    return folder


def test_a_file_that_git_removed_is_drift_until_it_is_gone(server: Server, folder: Path) -> None:
    server.remote.push({}, remove=["conf/20-b.conf"])
    done = server.check("--diff")
    assert (done.returncode, server.verdict()) == (1, ("out_of_sync", [f"{folder}/20-b.conf"]))
    assert f"{folder}/20-b.conf: is not in git" in done.stdout
    (folder / "20-b.conf").unlink()
    assert server.check().returncode == 0


def test_what_somebody_put_there_is_drift_whatever_it_is(server: Server, folder: Path) -> None:
    (folder / "99-rogue.conf").write_text("password: secret\n")
    (folder / "below/deep").mkdir(parents=True)
    (folder / "below/deep/x").write_text("")
    (folder / "link").symlink_to("/etc")
    (folder / "empty").mkdir(mode=0o700)
    done = server.check("--diff")
    names = [f"{folder}/{name}" for name in ("99-rogue.conf", "below/deep/x", "link")]
    assert server.verdict() == ("out_of_sync", names)
    assert "secret" not in done.stdout


def test_without_it_they_are_none_of_ours(server: Server, folder: Path) -> None:
    (folder / "99-rogue.conf").write_text("")
    del server.members["files"][0]["exact"]
    assert server.check().returncode == 0


def test_what_another_entry_expects_there_is_none_even_by_a_link(server: Server, folder: Path) -> None:
    (folder / "main.conf").write_text("main\n")
    (folder / "sub").mkdir()
    (folder / "sub/c").write_text("a\n")
    (server.folder / "by-link").symlink_to(folder)
    server.members["files"] += [
        {"command": "cat conf/main.tpl", "target": f"{server.folder}/by-link/main.conf"},
        {"source": "conf/10-a.conf", "target": f"{folder}/sub/c"},
    ]
    assert server.check().returncode == 0
    server.members["files"][0]["target"] = f"{server.folder}/by-link/"
    (folder / "rogue").write_text("")
    server.check()
    assert server.verdict() == ("out_of_sync", [f"{server.folder}/by-link/rogue"])


def test_a_folder_that_is_missing_holds_nothing_else(server: Server, folder: Path) -> None:
    server.members["files"][0]["target"] = f"{server.folder}/nowhere/"
    assert folder.exists()
    server.check()
    assert [Path(name).name for name in server.verdict()[1]] == ["10-a.conf", "20-b.conf"]


def test_a_folder_in_it_that_cannot_be_read_is_unknown(server: Server, folder: Path) -> None:
    (folder / "closed").mkdir(mode=0)
    server.agent = Agent(server.folder, [*unprivileged(), *server.agent.program])
    done = server.check()
    assert (done.returncode, server.verdict()[0]) == (2, "unknown")
    assert f"{folder}/closed cannot be read: Permission denied." in done.stdout
    (folder / "closed").chmod(0o700)


@pytest.mark.parametrize(
    "entry",
    [{"source": "conf/10-a.conf", "target": "/x"}, {"command": "true", "target": "/x"}],
    ids=["file", "command"],
)
def test_only_a_folder_can_be_exact(server: Server, entry: dict[str, str]) -> None:
    server.members["files"] = [{**entry, "exact": True}]
    done = server.check()
    assert done.returncode == 2
    assert "files[0].exact needs a source, and as target a folder, which ends with a slash." in done.stderr
