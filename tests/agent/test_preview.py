"""What a dry run warns of: files without git that a pull replaces, or that stop it. The real run shows that it is so."""

import pytest

from tests.agent.agents import git, write
from tests.agent.stack import Stack

IGNORED = ".gitops_checksums.json\nsecret.env\ndata\nlink\n"
WARNS = "A pull replaces these, which git ignores here, by those of the commit: {}."


@pytest.fixture
def made(host: Stack) -> Stack:
    """A host that was deployed, and ignores some names."""
    host.remote.push({".gitignore": IGNORED})
    assert host.deploy().returncode == 0
    return host


def add(host: Stack, name: str) -> None:
    """Have upstream add a file, also one that is ignored."""
    write(host.remote.work, {name: "theirs\n"})
    git(host.remote.work, "add", "--force", name)
    host.remote.push({}, "Add it")


def test_a_pull_replaces_an_ignored_file_and_the_dry_run_warns(made: Stack) -> None:
    write(made.remote.clone, {"secret.env": "ours\n"})
    add(made, "secret.env")
    done = made.deploy("--dry-run")
    assert done.returncode == 0
    assert WARNS.format("secret.env") in done.stdout
    assert (made.remote.clone / "secret.env").read_text() == "ours\n"
    done = made.deploy()
    assert done.returncode == 0
    assert "These, which git ignored here, were replaced by those of the commit: secret.env." in done.stdout
    assert (made.remote.clone / "secret.env").read_text() == "theirs\n"
    assert "A pull replaces" not in made.deploy("--dry-run").stdout


@pytest.mark.parametrize(("here", "theirs"), [("data/dump/a", "data"), ("data", "data/dump/a")])
def test_so_it_does_for_a_folder_and_for_a_file_in_the_way(made: Stack, here: str, theirs: str) -> None:
    write(made.remote.clone, {here: "ours\n"})
    add(made, theirs)
    assert WARNS.format("data") in made.deploy("--dry-run").stdout
    assert made.deploy().returncode == 0
    assert (made.remote.clone / theirs).read_text() == "theirs\n"


@pytest.mark.parametrize(("here", "theirs"), [("new.conf", "new.conf"), ("new/a", "new"), ("new", "new/a")])
def test_a_file_that_git_does_not_ignore_stops_the_pull(made: Stack, here: str, theirs: str) -> None:
    write(made.remote.clone, {here: "ours\n"})
    add(made, theirs)
    done = made.deploy("--dry-run")
    assert done.returncode == 2
    assert "git pull would fail, as the commit adds these, and they stand here without git: new" in done.stdout
    assert made.deploy().returncode == 2
    assert (made.remote.clone / here).read_text() == "ours\n"


def test_what_git_tracks_is_in_nobodys_way(made: Stack) -> None:
    made.remote.push({"web/d/x": "1", "web/f": "2"})
    made.deploy()
    git(made.remote.work, "rm", "--quiet", "-r", "web/d", "web/f")
    made.remote.push({"web/d": "a file", "web/f/y": "a folder"}, "Turn them round")
    assert "A pull replaces" not in made.deploy("--dry-run").stdout
    done = made.deploy()
    assert (done.returncode, "were replaced" in done.stdout) == (0, False)


def test_an_empty_folder_is_in_nobodys_way(made: Stack) -> None:
    (made.remote.clone / "new").mkdir()
    add(made, "new")
    done = made.deploy("--dry-run")
    assert (done.returncode, "A pull replaces" in done.stdout) == (0, False)
    assert made.deploy().returncode == 0
