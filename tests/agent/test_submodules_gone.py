"""Submodules that a commit removes, moves or replaces, with real git, which leaves them where they are."""

import shutil
from pathlib import Path

import pytest

from tests.agent.agents import Agent, Remote, git, remote, write
from tests.agent.broken import checked, dies, lock
from tests.agent.stack import Stack
from tests.agent.submodule import TRUST, bind

PLACE = "web/rules"


@pytest.fixture
def agent(tmp_path: Path) -> Agent:
    return Agent(tmp_path, more=TRUST)


@pytest.fixture
def rules(host: Stack) -> Remote:
    """What a host that was deployed has as a submodule."""
    rules = remote(host.folder / "rules", {"a.rules": "v1\n", ".gitignore": "data\n"})
    bind(host.remote.work, PLACE, "../rules/remote.git")
    host.remote.push({}, "Add it")
    assert host.deploy().returncode == 0
    host.made()
    return rules


def taken(host: Stack, *made: str) -> None:
    """The next run takes the commit, and nothing is left that git does not have."""
    done = host.deploy()
    assert (done.returncode, done.stderr, host.made()) == (0, "", list(made)), done.stdout
    assert host.board()["status"] == "synced"
    assert git(host.remote.clone, "status", "--porcelain") == ""
    assert checked(host) == "synced"


@pytest.mark.usefixtures("rules")
def test_one_that_moves_or_is_removed_goes_and_others_may_come_in_its_place_and_back(host: Stack) -> None:
    work, clone = host.remote.work, host.remote.clone
    git(work, "mv", PLACE, "redis/rules")
    host.remote.push({})
    taken(host, "redis", "web")
    assert (clone / "redis/rules/a.rules").read_text() == "v1\n"
    assert not (clone / PLACE).exists()
    git(work, "rm", "--quiet", "redis/rules")
    host.remote.push({})
    taken(host, "redis")
    assert not (clone / "redis/rules").exists()
    for name in ("one", "two"):
        remote(host.folder / name, {f"{name}.rules": ""})
        if name == "two":
            git(work, "rm", "--quiet", PLACE)
        bind(work, PLACE, f"../{name}/remote.git", name)
        host.remote.push({})
        taken(host, "web")
        assert [path.name for path in (clone / PLACE).glob("*.rules")] == [f"{name}.rules"]
    git(work, "revert", "--no-edit", "HEAD")
    git(work, "push", "--quiet", "origin", "HEAD:main")
    taken(host, "web")
    assert [path.name for path in (clone / PLACE).glob("*.rules")] == ["one.rules"]


@pytest.mark.usefixtures("rules")
@pytest.mark.parametrize("name", ["web/rules/a.rules", "web/rules"])
def test_files_may_come_in_its_place_and_it_in_theirs(host: Stack, name: str) -> None:
    work = host.remote.work
    git(work, "rm", "--quiet", PLACE)
    host.remote.push({name: "files now\n"})
    said = host.deploy("--dry-run").stdout
    assert ("Would run make gitopsWeb" in said, "A pull replaces" in said) == (True, False), said
    taken(host, "web")
    assert (host.remote.clone / name).read_text() == "files now\n"
    git(work, "revert", "--no-edit", "HEAD")
    git(work, "push", "--quiet", "origin", "HEAD:main")
    taken(host, "web")
    assert (host.remote.clone / PLACE / "a.rules").read_text() == "v1\n"


def test_one_in_a_submodule_goes_too_and_files_may_come_in_its_place(host: Stack, rules: Remote) -> None:
    remote(host.folder / "more", {"b.rules": "v1\n"})
    for name in ("gone", "files"):
        bind(rules.work, name, "../../more/remote.git")
    for files in ({}, {"files/b.rules": "files now\n"}):
        if files:
            git(rules.work, "rm", "--quiet", "gone", "files")
        rules.push(files)
        git(host.remote.work / PLACE, "-c", "protocol.file.allow=always", "pull", "--quiet", "origin", "main")
        host.remote.push({}, "Move it")
        taken(host, "web")
    assert (host.remote.clone / PLACE / "files/b.rules").read_text() == "files now\n"
    assert not (host.remote.clone / PLACE / "gone").exists()


@pytest.mark.usefixtures("rules")
def test_what_git_does_not_have_and_what_was_edited_there_stays(host: Stack) -> None:
    write(host.remote.clone / PLACE, {"data": "of a container", "mine": "mine"})
    (host.remote.clone / PLACE / "a.rules").write_text("by hand\n")
    first = git(host.remote.work, "rev-parse", "HEAD")
    git(host.remote.work, "rm", "--quiet", PLACE)
    host.remote.push({f"{PLACE}/a.rules": "files now\n"})
    for _ in range(2):
        assert host.deploy().returncode == 2
        assert (host.remote.clone / PLACE / "a.rules").read_text() == "by hand\n"
    git(host.remote.clone / PLACE, "checkout", "--quiet", "a.rules")
    (host.remote.clone / "web/nginx.conf").write_text("by hand, too")
    host.remote.push({"web/nginx.conf": "new"})
    assert host.deploy().returncode == 2
    assert git(host.remote.clone, "rev-parse", "HEAD") == first
    assert (host.remote.clone / PLACE / "a.rules").read_text() == "v1\n", "nothing is missing because of a failed pull"
    git(host.remote.clone, "checkout", "--quiet", "web/nginx.conf")
    assert (host.deploy().returncode, host.made()) == (0, ["web"])
    there = {path.name: path.read_text() for path in (host.remote.clone / PLACE).iterdir()}
    assert there == {"a.rules": "files now\n", "data": "of a container", "mine": "mine"}


@pytest.mark.usefixtures("rules")
def test_the_config_can_leave_it_where_it_is(host: Stack) -> None:
    host.configure(submodules=False)
    git(host.remote.work, "rm", "--quiet", PLACE)
    host.remote.push({})
    assert host.deploy().returncode == 0
    assert (host.remote.clone / PLACE / "a.rules").exists()


@pytest.mark.usefixtures("rules")
@pytest.mark.parametrize("hook", [".git/hooks/post-merge", f".git/modules/{PLACE}/hooks/post-index-change"])
def test_death_before_it_is_gone_is_got_over(host: Stack, hook: str) -> None:
    """Of the agent after git's merge, or in the midst of the removal."""
    git(host.remote.work, "mv", PLACE, "redis/rules")
    host.remote.push({})
    dies(host, "true", hook)
    assert checked(host) != "synced"
    taken(host, "redis", "web")
    assert not (host.remote.clone / PLACE).exists()


def test_a_lock_in_one_with_a_git_folder_of_its_own_is_removed(host: Stack, rules: Remote) -> None:
    """As an old git, or somebody's `git clone`, made it."""
    shutil.rmtree(host.remote.clone / PLACE)
    git(host.remote.clone, "clone", "--quiet", str(host.folder / "rules/remote.git"), PLACE)
    left = lock(host.remote.clone / PLACE / ".git/index.lock")
    assert f"no living process holds {left}." in host.agent("doctor", "--config", host.folder / "config.json").stdout
    assert f"Would remove {left}" in host.deploy("--dry-run").stdout
    assert checked(host) == "synced"
    assert not left.exists()
    lock(left)
    rules.push({"a.rules": "v2\n"})
    git(host.remote.work / PLACE, "-c", "protocol.file.allow=always", "pull", "--quiet", "origin", "main")
    host.remote.push({}, "Move it")
    taken(host, "web")
    git(host.remote.work, "rm", "--quiet", PLACE)
    host.remote.push({})
    assert "Git does not have these, so no change of them counts: web/rules/." in host.deploy().stdout
    assert (host.remote.clone / PLACE / "a.rules").exists(), "commits that were made there are nowhere else"
