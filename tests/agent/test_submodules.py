"""Submodules, with real git: deployed and compared as they are recorded, whatever somebody did to them."""

import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.agent.agents import Agent, Remote, git, remote
from tests.agent.servers import Server
from tests.agent.stack import Stack
from tests.agent.submodule import TRUST, bind


@pytest.fixture
def agent(tmp_path: Path) -> Agent:
    return Agent(tmp_path, more=TRUST)


@pytest.fixture
def rules(tmp_path: Path) -> Remote:
    """A repository that others have as a submodule."""
    return remote(tmp_path / "rules", {"a.rules": "v1\n"})


def move(outer: Remote, path: str, inner: Remote, files: Mapping[str, str]) -> str:
    """Commit in the submodule, and then that commit of it; gives the commit of the submodule."""
    commit = inner.push(files)
    git(outer.work / path, "-c", "protocol.file.allow=always", "pull", "--quiet", "origin", "main")
    outer.push({}, "Move it")
    return commit


def content(host: Stack, name: str) -> str:
    return (host.remote.clone / name).read_text()


def test_another_commit_of_a_submodule_is_deployed(host: Stack, rules: Remote) -> None:
    bind(host.remote.work, "web/rules", "../rules/remote.git")
    host.remote.push({}, "Add it")
    assert host.deploy().returncode == 0
    assert content(host, "web/rules/a.rules") == "v1\n"
    host.made()
    git(host.remote.clone, "config", "diff.ignoreSubmodules", "all")
    move(host.remote, "web/rules", rules, {"a.rules": "v2\n"})
    said = host.deploy("--dry-run").stdout
    assert ("Would change web/rules\n" in said, "Would run make gitopsWeb\n" in said) == (True, True)
    assert host.deploy().returncode == 0
    assert content(host, "web/rules/a.rules") == "v2\n"
    assert host.made() == ["web"]
    assert (host.board()["status"], host.board()["changed_files"]) == ("synced", ["web/rules"])
    assert host.deploy().returncode == 0
    assert host.made() == []


def test_a_new_submodule_a_moved_url_and_one_in_a_submodule_are_deployed(host: Stack, rules: Remote) -> None:
    host.deploy()
    host.made()
    more = remote(host.folder / "more", {"b.rules": "v1\n"})
    bind(rules.work, "more", "../../more/remote.git")
    rules.push({}, "Add more")
    bind(host.remote.work, "redis/[x] :(top)", "../rules/remote.git", "own", update="none")
    host.remote.push({}, "Add it")
    assert host.deploy().returncode == 0
    folder = "redis/[x] :(top)"
    assert content(host, f"{folder}/more/b.rules") == "v1\n"
    assert host.made() == ["redis"]
    shutil.move(host.folder / "rules/remote.git", host.folder / "rules/moved.git")
    shutil.move(host.folder / "more/remote.git", host.folder / "more/moved.git")
    git(rules.work, "remote", "set-url", "origin", str(host.folder / "rules/moved.git"))
    git(rules.work / "more", "pull", "--quiet", str(host.folder / "more/moved.git"), "main")
    git(rules.work, "config", "--file", ".gitmodules", "submodule.more.url", "../../more/moved.git")
    git(more.work, "remote", "set-url", "origin", str(host.folder / "more/moved.git"))
    more.push({"b.rules": "v2\n"})
    git(rules.work / "more", "pull", "--quiet", str(host.folder / "more/moved.git"), "main")
    rules.push({}, "Move more")
    git(host.remote.work, "config", "--file", ".gitmodules", "submodule.own.url", "../rules/moved.git")
    git(host.remote.work / folder, "pull", "--quiet", str(host.folder / "rules/moved.git"), "main")
    host.remote.push({}, "Move it")
    done = host.deploy()
    assert (done.returncode, host.made()) == (0, ["redis"]), done.stdout
    assert content(host, f"{folder}/more/b.rules") == "v2\n"


def test_a_submodule_that_cannot_be_had_stops_the_update_and_is_said_and_comes_later(
    host: Stack, rules: Remote
) -> None:
    bind(host.remote.work, "web/rules", "../rules/remote.git")
    host.remote.push({}, "Add it")
    host.deploy()
    host.made()
    move(host.remote, "web/rules", rules, {"a.rules": "v2\n"})
    shutil.move(host.folder / "rules", host.folder / "away")
    done = host.deploy()
    assert (done.returncode, host.made()) == (2, [])
    assert host.board()["status"] == "failed"
    assert "git submodule ended with exit code" in host.board()["validation_message"]
    assert "remote.git" in host.board()["validation_message"]
    shutil.move(host.folder / "away", host.folder / "rules")
    assert host.deploy().returncode == 0
    assert host.made() == ["web"]


def test_a_clone_of_a_submodule_that_was_ended_is_begun_anew(host: Stack, rules: Remote) -> None:
    """As SIGKILL leaves it: git itself says for ever that it cannot find a revision there."""
    host.deploy()
    git(host.folder, "init", "--quiet", "half")
    half = host.remote.clone / ".git/modules/web/rules"
    half.parent.mkdir(parents=True)
    shutil.move(host.folder / "half/.git", half)
    bind(host.remote.work, "web/rules", "../rules/remote.git")
    host.remote.push({}, "Add it")
    done = host.deploy()
    assert done.returncode == 0, done.stdout
    assert content(host, "web/rules/a.rules") == "v1\n"
    assert rules.work.exists()


def test_a_commit_without_a_url_is_never_called_in_sync(host: Stack) -> None:
    """As of a repository that somebody made inside and added by mistake."""
    commit = git(host.remote.work, "rev-parse", "HEAD")
    git(host.remote.work, "update-index", "--add", "--cacheinfo", f"160000,{commit},sub")
    git(host.remote.work, "commit", "--quiet", "--message", "Sub")
    git(host.remote.work, "push", "--quiet", "origin", "HEAD:main")
    assert host.deploy().returncode == 2
    assert "No url found for submodule path 'sub' in .gitmodules" in host.board()["validation_message"]
    assert host.board()["status"] == "failed"


def test_what_somebody_did_in_a_submodule_is_put_back_or_said(host: Stack, rules: Remote) -> None:
    rules.push({"b.rules": "v1\n"})
    bind(host.remote.work, "web/rules", "../rules/remote.git")
    host.remote.push({}, "Add it")
    host.deploy()
    clone = host.remote.clone / "web/rules"
    recorded = git(clone, "rev-parse", "HEAD")
    git(clone, "checkout", "--quiet", "HEAD~1")
    old = git(clone, "rev-parse", "HEAD")
    doctor = host.agent("doctor", "--config", host.folder / "config.json").stdout
    assert f"Its submodules: web/rules is at commit {old[:12]}, not {recorded[:12]}. The next deploy checks" in doctor
    assert "Its files: well." in doctor
    assert host.deploy().returncode == 0
    assert content(host, "web/rules/b.rules") == "v1\n"
    assert host.board()["status"] == "synced"
    (clone / "a.rules").write_text("by hand\n")
    doctor = host.agent("doctor", "--config", host.folder / "config.json").stdout
    assert "1 edited by hand, which can stop a pull: web/rules/a.rules; git checkout takes them back." in doctor
    assert "Its submodules: well." in doctor
    assert host.deploy().returncode == 0
    row = host.board()
    assert (row["status"], row["changed_files"]) == ("out_of_sync", ["web/rules/a.rules"])


def test_the_way_back_takes_submodules_along(host: Stack, rules: Remote) -> None:
    bind(host.remote.work, "web/rules", "../rules/remote.git")
    host.remote.push({}, "Add it")
    check = {"command": "! grep bad web/rules/a.rules", "retries": 0, "delay": 0}
    host.configure(checksAfter=[check], rollback=True)
    assert host.deploy().returncode == 0
    host.made()
    move(host.remote, "web/rules", rules, {"a.rules": "bad\n"})
    done = host.deploy()
    assert (done.returncode, host.made()) == (1, ["web", "web"]), done.stdout
    assert content(host, "web/rules/a.rules") == "v1\n"
    assert "the checks pass there" in host.board()["validation_message"]


@pytest.mark.usefixtures("rules")
def test_the_config_can_leave_them_out_and_then_the_report_says_so(host: Stack) -> None:
    host.configure(submodules=False)
    bind(host.remote.work, "web/rules", "../rules/remote.git")
    host.remote.push({}, "Add it")
    said = "Submodules are left out, as the config says: web/rules."
    done = host.deploy()
    assert done.returncode == 0
    assert said in done.stdout
    assert host.board()["validation_message"] == f"make gitopsAll succeeded. {said}"
    assert list((host.remote.clone / "web/rules").iterdir()) == []
    assert host.deploy().returncode == 0
    assert host.board()["validation_message"].count(said) == 1


@pytest.fixture
def bound(server: Server, rules: Remote) -> Server:
    """A server whose clone has a submodule with one in it, as it is recorded."""
    remote(server.folder / "more", {"b.rules": "v1\n"})
    bind(rules.work, "more", "../../more/remote.git")
    rules.push({}, "Add more")
    bind(server.remote.work, "rules", "../../rules/remote.git")
    server.remote.push({}, "Add it")
    git(server.clone, "-c", "protocol.file.allow=always", "pull", "--quiet", "--recurse-submodules")
    git(server.clone, "-c", "protocol.file.allow=always", "submodule", "--quiet", "update", "--init", "--recursive")
    assert server.check().returncode == 0
    return server


def test_a_check_compares_the_commit_of_a_submodule(bound: Server, rules: Remote) -> None:
    old = git(bound.clone / "rules", "rev-parse", "HEAD")
    new = move(bound.remote, "rules", rules, {"a.rules": "v2\n"})
    done = bound.check("--diff")
    assert (done.returncode, bound.verdict()) == (1, ("out_of_sync", ["rules"]))
    assert f"rules: is at commit {old[:12]}, not {new[:12]}" in done.stdout


@pytest.mark.parametrize("name", ["rules", "rules/more"])
def test_a_check_sees_a_submodule_that_is_not_checked_out(bound: Server, name: str) -> None:
    shutil.rmtree(bound.clone / name)
    (bound.clone / name).mkdir()
    done = bound.check()
    assert (done.returncode, bound.verdict()) == (1, ("out_of_sync", [name]))
    assert f"{name}: is not checked out" in done.stdout


def test_a_check_compares_the_files_of_submodules(bound: Server) -> None:
    (bound.clone / "rules/a.rules").write_text("by hand\n")
    (bound.clone / "rules/more/b.rules").unlink()
    done = bound.check("--diff")
    assert bound.verdict() == ("out_of_sync", ["rules/a.rules", "rules/more/b.rules"])
    assert "-v1\n+by hand\n" in done.stdout


def test_a_check_leaves_out_what_the_config_does(bound: Server) -> None:
    (bound.clone / "rules/a.rules").write_text("by hand\n")
    bound.members["submodules"] = False
    done = bound.check()
    assert done.returncode == 0
    assert "Submodules are not compared: rules." in done.stdout
