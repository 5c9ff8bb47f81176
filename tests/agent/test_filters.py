"""A filter that a file asks for and that this machine does not have: git is silent, and nothing is called in sync."""

from pathlib import Path

import pytest

from tests.agent.agents import Agent, git, remote
from tests.agent.servers import Server
from tests.agent.stack import Stack
from tests.agent.submodule import TRUST, bind

KEPT = "version https://git-lfs.github.com/spec/v1\n"
LARGE = {
    ".gitattributes": "*.bin filter=lfs\n*.x filter\n*.y -filter\n",
    "web/a.bin": KEPT,
    "web/b.x": "",
    "web/c.y": "",
}
SAID = (
    "This machine has no filter lfs, so git leaves these as it keeps them: {}. Set it up, as git lfs install and git-crypt "
    "unlock do, remove the files and git checkout them. Where they are right as they are say so: "
    "git config filter.lfs.required false"
)


def set_up(clone: Path) -> None:
    """As `git lfs install` does: what is kept is a pointer, and clean leaves that as it is."""
    git(clone, "config", "filter.lfs.smudge", "tr a-z A-Z")
    git(clone, "config", "filter.lfs.clean", "tr A-Z a-z")


@pytest.fixture
def large(host: Stack) -> Stack:
    """A host with a commit whose filter it does not have."""
    (host.remote.work / "web/link.bin").symlink_to("a.bin")  # of which no filter makes anything
    host.remote.push(LARGE)
    return host


def checked(host: Stack, status: int) -> str:
    done = host.agent("check", "--config", host.folder / "config.json")
    assert done.returncode == status, done.stdout
    return done.stdout


def test_the_commit_is_made_and_not_called_in_sync_until_the_filter_was_seen(large: Stack) -> None:
    clone, said = large.remote.clone, SAID.format("web/a.bin")
    done = large.deploy()
    assert (done.returncode, large.made(), said in done.stdout) == (0, ["all"], True)
    row = large.board()
    assert (row["status"], row["validation_message"]) == ("unknown", f"make gitopsAll succeeded. {said}")
    assert said in checked(large, 2)
    assert large.board()["status"] == "unknown"
    assert f"Its filters: {said}" in large.agent("doctor", "--config", large.folder / "config.json").stdout
    set_up(clone)
    assert "web/a.bin: differs" in checked(large, 1), "it is as git keeps it, and git calls that unedited"
    large.deploy()
    assert large.board()["status"] == "out_of_sync"
    (clone / "web/a.bin").unlink()
    git(clone, "checkout", "web/a.bin")
    checked(large, 0)
    large.deploy()
    assert (large.board()["status"], large.made()) == ("synced", ["web"])


def test_who_says_that_files_are_right_as_they_are_is_believed(large: Stack) -> None:
    git(large.remote.clone, "config", "filter.lfs.required", "false")
    large.deploy()
    assert large.board()["status"] == "synced"
    checked(large, 0)
    git(large.remote.clone, "config", "--unset", "filter.lfs.required")
    large.deploy()
    assert large.board()["status"] == "unknown", "whatever was found before"


def test_only_files_that_are_compared_count(large: Stack) -> None:
    target = large.folder / "target"
    large.configure(files=[{"source": "web/nginx.conf", "target": str(target)}])
    large.deploy()
    assert large.board()["status"] == "synced"
    target.write_text("events {}\n")
    checked(large, 0)
    target.write_text(KEPT)
    large.configure(files=[{"source": "web/a.*", "target": str(target)}])
    assert SAID.format("web/a.bin") in checked(large, 2)
    large.deploy()
    assert large.board()["status"] == "unknown"


def test_the_filter_is_that_of_the_commit_and_of_the_folder(server: Server) -> None:
    server.remote.push({"web/a.bin": KEPT, "other/b.bin": KEPT})
    git(server.clone, "pull", "--quiet")
    server.remote.push({".gitattributes": "*.bin filter=lfs\n"})
    server.members["deploymentRepo"] = str(server.clone / "web")
    assert SAID.format("a.bin") in server.check().stdout
    (server.clone / ".gitattributes").write_text("*.bin filter=other\n")
    assert SAID.format("a.bin") in server.check().stdout
    (server.clone / "web/a.bin").unlink()
    assert (server.check().returncode, server.verdict()) == (1, ("out_of_sync", ["a.bin"]))


def test_so_it_is_in_a_submodule(tmp_path: Path, host: Stack) -> None:
    inner = remote(tmp_path / "rules", {".gitattributes": "*.bin filter=lfs\n", "a.bin": KEPT})
    bind(host.remote.work, "web/rules", "../rules/remote.git")
    host.remote.push({}, "Add it")
    trusting = Agent(host.folder, more=TRUST)
    assert inner.clone.exists()
    for command in ("deploy", "check"):
        assert SAID.format("web/rules/a.bin") in trusting(command, "--config", host.folder / "config.json").stdout
        assert host.board()["status"] == "unknown"
