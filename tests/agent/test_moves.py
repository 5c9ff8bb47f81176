"""Every move of a clone, whatever takes it there: submodules go along, and files that git only calls edited."""

import os
import shutil
from pathlib import Path

import pytest

from tests.agent.agents import Agent, Remote, git, remote, write
from tests.agent.broken import checked, dies
from tests.agent.stack import FILES, HEALTHY, Stack, pipes
from tests.agent.submodule import TRUST, bind

NAME = "redis/redis.conf"
CRLF, LF = b"port 1\r\n", b"port 1\n"


@pytest.fixture
def agent(tmp_path: Path) -> Agent:
    return Agent(tmp_path, more=TRUST)


@pytest.fixture
def rules(host: Stack) -> Remote:
    """What a host that was deployed has as a submodule."""
    rules = remote(host.folder / "rules", {"a.rules": "v1\n"})
    work = host.remote.work
    bind(work, "web/rules", "../rules/remote.git")
    host.remote.push({}, "Add it")
    assert host.deploy().returncode == 0
    host.made()
    return rules


def moved(host: Stack, rules: Remote, content: str) -> None:
    """Have another commit of the submodule in the developer's clone, not committed there."""
    rules.push({"a.rules": content})
    git(host.remote.work / "web/rules", "-c", "protocol.file.allow=always", "pull", "--quiet", "origin", "main")


def rule(host: Stack) -> str:
    return (host.remote.clone / "web/rules/a.rules").read_text()


def forced(host: Stack) -> None:
    """Replace the last commit of the branch by what the developer's clone has now."""
    git(host.remote.work, "reset", "--quiet", "--soft", "HEAD~1")
    git(host.remote.work, "commit", "--quiet", "--all", "--message", "Another way")
    git(host.remote.work, "push", "--quiet", "--force", "origin", "HEAD:main")


def test_submodules_go_along_where_a_force_push_is_followed_and_where_a_ref_leads(host: Stack, rules: Remote) -> None:
    moved(host, rules, "v2\n")
    host.remote.push({}, "Move it")
    git(host.remote.work, "push", "--quiet", "origin", "HEAD~1:refs/heads/stable")
    assert (host.deploy().returncode, rule(host)) == (0, "v2\n")
    moved(host, rules, "v3\n")
    forced(host)
    host.configure(forcePush="follow")
    assert (host.deploy().returncode, rule(host)) == (0, "v3\n")
    host.configure(ref="stable")
    assert (host.deploy().returncode, rule(host)) == (0, "v1\n")
    assert host.made() == ["web"] * 3
    assert checked(host) == "synced"


def test_a_submodule_in_which_git_is_at_work_when_the_agent_dies_is_waited_for(host: Stack, rules: Remote) -> None:
    moved(host, rules, "v2\n")
    host.remote.push({}, "Move it")
    here, go = pipes(host.folder, "here", "go")
    hook = host.remote.clone / ".git/modules/web/rules/hooks/post-checkout"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f'#!/bin/sh\necho > "{here}"\nread line < "{go}"\n')
    hook.chmod(0o755)
    process = host.start()
    here.read_text()
    process.kill()
    process.communicate()
    host.configure(gitTimeout=1)
    assert host.deploy().returncode == 2
    assert "works in the clone" in host.board()["validation_message"]
    go.write_text("\n")
    hook.unlink()
    assert checked(host) != "synced"
    host.configure()
    assert (host.deploy().returncode, rule(host), host.made()) == (0, "v2\n", ["web"])


def test_what_somebody_edited_in_a_submodule_stays_and_stops_nothing_else(host: Stack, rules: Remote) -> None:
    (host.remote.clone / "web/rules/a.rules").write_text("by hand\n")
    moved(host, rules, "v2\n")
    host.remote.push({NAME: "port 2\n"}, "Move it")
    done = host.deploy()
    assert (done.returncode, rule(host), host.made()) == (2, "by hand\n", [])
    assert "Put back" not in done.stdout
    git(host.remote.clone / "web/rules", "checkout", "--quiet", "a.rules")
    assert (host.deploy().returncode, rule(host), sorted(host.made())) == (0, "v2\n", ["redis", "web"])


def test_what_the_operator_says_of_recursion_brings_no_submodule_that_the_config_leaves_out(
    host: Stack, rules: Remote
) -> None:
    host.configure(submodules=False)
    for name in ("submodule.recurse", "fetch.recurseSubmodules"):
        git(host.remote.clone, "config", name, "true")
    moved(host, rules, "v2\n")
    host.remote.push({}, "Move it")
    moved(host, rules, "v3\n")
    shutil.move(host.folder / "rules", host.folder / "away")
    done = host.deploy()
    assert (done.returncode, done.stderr, rule(host)) == (0, "", "v1\n"), done.stdout
    git(host.remote.work, "push", "--quiet", "origin", "HEAD~1:refs/heads/stable")
    write(host.remote.work, {NAME: "port 2\n"})
    forced(host)
    for members in ({"forcePush": "follow"}, {"ref": "stable"}):
        host.configure(submodules=False, **members)
        done = host.deploy()
        assert (done.returncode, done.stderr, rule(host)) == (0, "", "v1\n"), done.stdout


def crlf(host: Stack) -> str:
    """Deploy a file with CRLF that git would keep with LF, by attributes of a later commit; gives the commit."""
    work = host.remote.work
    (work / NAME).write_bytes(CRLF)
    git(work, "commit", "--quiet", "--all", "--message", "CRLF")
    write(work, {".gitattributes": "*.conf text\n"})
    git(work, "add", ".gitattributes")
    git(work, "commit", "--quiet", "--message", "Attributes")
    git(work, "push", "--quiet", "origin", "HEAD:main")
    assert host.deploy().returncode == 0
    host.made()
    looked_at_anew(host)
    return git(work, "rev-parse", "HEAD")


def looked_at_anew(host: Stack) -> None:
    """Have git look into the file and not only at its times."""
    os.utime(host.remote.clone / NAME, (1, 1))
    assert git(host.remote.clone, "diff", "--name-only", "HEAD") == NAME


def mended(host: Stack, *push: str) -> None:
    """Push the commit by which the file is kept with LF."""
    git(host.remote.work, "add", "--renormalize", ".")
    git(host.remote.work, "commit", "--quiet", "--message", "Mend it")
    git(host.remote.work, "push", "--quiet", "origin", *(push or ("HEAD:main",)))


def test_a_force_push_is_followed_over_an_unedited_file(host: Stack) -> None:
    crlf(host)
    host.remote.push({"web/nginx.conf": "one\n"})
    assert host.deploy().returncode == 0
    git(host.remote.work, "reset", "--quiet", "--hard", "HEAD~1")
    mended(host, "--force", "HEAD:main")
    host.configure(forcePush="follow")
    done = host.deploy()
    assert (done.returncode, host.board()["status"]) == (0, "synced"), done.stdout
    assert (host.remote.clone / NAME).read_bytes() == LF


@pytest.mark.parametrize("kind", ["heads", "tags"])
def test_a_ref_leads_over_an_unedited_file(host: Stack, kind: str) -> None:
    crlf(host)
    mended(host, f"HEAD:refs/{kind}/stable")
    host.configure(ref="stable")
    done = host.deploy()
    assert (done.returncode, host.board()["status"]) == (0, "synced"), done.stdout
    assert (host.remote.clone / NAME).read_bytes() == LF
    assert checked(host) == "synced"


def test_the_way_back_leads_over_an_unedited_file(host: Stack) -> None:
    work = host.remote.work
    host.configure(checksAfter=[HEALTHY], rollback=True)
    assert host.deploy().returncode == 0
    (work / NAME).write_bytes(b"bad\r\n")
    git(work, "commit", "--quiet", "--all", "--message", "CRLF")
    write(work, {".gitattributes": "*.conf text\n"})
    git(work, "add", ".gitattributes")
    git(work, "commit", "--quiet", "--message", "Attributes")
    git(work, "push", "--quiet", "origin", "HEAD:main")
    host.on_up("redis", f'touch -d @1 "{host.remote.clone}/{NAME}"')
    done = host.deploy()
    assert done.returncode == 1
    assert "the checks pass there" in host.board()["validation_message"], done.stdout
    assert (host.remote.clone / NAME).read_text() == FILES[NAME]


def test_death_while_an_unedited_file_is_replaced_loses_nothing(host: Stack) -> None:
    crlf(host)
    mended(host)
    dies(host, '[ "$1" = prepared ] && grep -q refs/heads/main')
    assert checked(host) != "synced"
    assert (host.deploy().returncode, host.made()) == (0, ["redis"])
    assert (host.remote.clone / NAME).read_bytes() == LF
    assert checked(host) == "synced"


def test_an_unedited_file_whose_new_content_somebody_has_staged_is_edited(host: Stack) -> None:
    crlf(host)
    clone = host.remote.clone
    (clone / NAME).write_bytes(b"port 2\n")
    git(clone, "add", NAME)
    (clone / NAME).write_bytes(CRLF)
    mended(host)
    done = host.deploy()
    assert done.returncode == 2
    assert (clone / NAME).read_bytes() == CRLF
    assert git(clone, "show", f":{NAME}") == "port 2"


def test_what_a_broken_pull_left_is_named_from_the_folder_that_is_deployed(host: Stack) -> None:
    host.remote.push({**{f"hosts/a/{name}": content for name, content in FILES.items()}, "hosts/b/b.conf": "b\n"})
    git(host.remote.clone, "pull", "--quiet")
    host.configure(deploymentRepo=str(host.remote.clone / "hosts/a"))
    assert host.deploy().returncode == 0
    host.remote.push({f"hosts/a/{NAME}": "port 2\n", "hosts/b/b.conf": "new\n"})
    dies(host, '[ "$1" = prepared ] && grep -q refs/heads/main')
    done = host.deploy()
    assert done.returncode == 0
    for name in (NAME, "../b/b.conf"):
        assert f"Put back what a broken pull left: {name}\n" in done.stdout
    assert git(host.remote.clone, "status", "--porcelain") == ""
