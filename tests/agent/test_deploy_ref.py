"""A branch that was forced away and is followed, and a clone that is pinned to a branch, a tag or a commit."""

import json

import pytest

from tests.agent.agents import git, write
from tests.agent.stack import Stack


def forced(host: Stack, content: str) -> str:
    """Replace the last commit of the branch by another; gives it."""
    git(host.remote.work, "reset", "--quiet", "--hard", "HEAD~1")
    write(host.remote.work, {"redis/redis.conf": content})
    git(host.remote.work, "commit", "--quiet", "--all", "--message", "Another way")
    git(host.remote.work, "push", "--quiet", "--force", "origin", "HEAD:main")
    return git(host.remote.work, "rev-parse", "HEAD")


def well(host: Stack, commit: str, branch: str = "main") -> None:
    """The next run deploys a commit, and the check finds it."""
    done = host.deploy()
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    row = host.board()
    assert (row["status"], row["commit_sha"], row["branch"]) == ("synced", commit, branch)
    assert host.agent("check", "--config", host.folder / "config.json").returncode == 0
    assert host.agent("doctor", "--config", host.folder / "config.json").returncode == 0


def test_a_forced_branch_is_followed_where_the_config_says_so_and_what_was_there_is_kept(host: Stack) -> None:
    host.configure(forcePush="follow")
    host.deploy()
    left = host.remote.push({"redis/redis.conf": "one"})
    host.deploy()
    host.made()
    commit = forced(host, "two")
    dry = host.deploy("--dry-run")
    assert (dry.returncode, f"Would leave {left[:12]}, and keep it as refs/gitops-agent/kept/{left}" in dry.stdout) == (
        0,
        True,
    )
    well(host, commit)
    words = f"What was taken does not hold commit {left[:12]}: it is kept as refs/gitops-agent/kept/{left}."
    assert words in host.board()["validation_message"]
    assert host.made() == ["redis"]
    assert git(host.remote.clone, "rev-parse", f"refs/gitops-agent/kept/{left}") == left
    assert git(host.remote.clone, "symbolic-ref", "HEAD") == "refs/heads/main"


def test_following_overwrites_nothing_that_was_edited(host: Stack) -> None:
    host.configure(forcePush="follow")
    host.deploy()
    host.remote.push({"redis/redis.conf": "one"})
    host.deploy()
    forced(host, "two")
    write(host.remote.clone, {"redis/redis.conf": "mine"})
    assert host.deploy().returncode == 2
    assert (host.remote.clone / "redis/redis.conf").read_text() == "mine"
    assert host.board()["status"] == "failed"


def test_a_pinned_branch_is_deployed_wherever_somebody_put_the_clone(host: Stack) -> None:
    host.configure(ref="main")
    host.deploy()
    git(host.remote.clone, "remote", "rename", "origin", "there")
    git(host.remote.clone, "checkout", "--quiet", "-b", "feature")
    write(host.remote.clone, {"web/nginx.conf": "feature"})
    git(host.remote.clone, "commit", "--quiet", "--all", "--message", "Feature")
    doctor = host.agent("doctor", "--config", host.folder / "config.json").stdout
    assert "Its history: it is that of feature, and ref is main. The next deploy puts the clone there." in doctor
    assert "Would put the clone on main" in host.deploy("--dry-run").stdout
    commit = host.remote.push({"redis/redis.conf": "new"})
    well(host, commit)
    assert "The clone stood on feature and was put on main." in host.board()["validation_message"]
    assert git(host.remote.clone, "log", "-1", "--format=%s", "feature") == "Feature", "it is still there"


def test_a_pinned_branch_that_this_clone_never_had_is_checked_out_and_can_be_pulled_by_hand(host: Stack) -> None:
    host.deploy()
    git(host.remote.work, "checkout", "--quiet", "-b", "release/1")
    git(host.remote.work, "commit", "--quiet", "--allow-empty", "--message", "Release")
    git(host.remote.work, "push", "--quiet", "origin", "release/1")
    host.configure(ref="release/1")
    well(host, git(host.remote.work, "rev-parse", "HEAD"), "release/1")
    git(host.remote.clone, "pull", "--quiet")


@pytest.mark.parametrize("refs", [("hotfix", "hotfix/login"), ("hotfix/login", "hotfix")])
def test_a_ref_is_taken_though_the_branch_before_has_its_name_in_the_way(host: Stack, refs: tuple[str, str]) -> None:
    host.deploy()
    before = ""
    for ref in refs:
        git(host.remote.work, "commit", "--quiet", "--allow-empty", "--message", ref)
        git(
            host.remote.work, "push", "--quiet", "origin", f"HEAD:refs/heads/{ref}", *([f":{before}"] if before else [])
        )
        host.configure(ref=ref)
        done = host.deploy()
        assert (done.returncode, done.stderr) == (0, ""), done.stdout
        assert (host.board()["status"], host.board()["branch"]) == ("synced", ref)
        before, left = ref, git(host.remote.work, "rev-parse", "HEAD~1")
    assert (
        f"The branch {refs[0]} was in the way of {ref}: its commit is kept as refs/gitops-agent/kept/{left}"
        in done.stdout
    )
    assert git(host.remote.clone, "rev-parse", f"refs/gitops-agent/kept/{left}") == left


def test_a_branch_of_the_same_commit_is_named_once_it_is_the_one(host: Stack) -> None:
    host.deploy()
    git(host.remote.work, "push", "--quiet", "origin", "HEAD:stable")
    host.configure(ref="stable")
    for _ in range(2):
        assert host.deploy().returncode == 0
        assert (host.board()["branch"], host.board()["status"]) == ("stable", "synced")
        assert host.board()["validation_message"].startswith("The clone stood on main and was put on stable.")


def test_a_clone_that_cannot_be_put_there_is_never_green(host: Stack) -> None:
    host.deploy()
    git(host.remote.clone, "checkout", "--quiet", "-b", "feature")
    host.configure(ref="main")
    host.remote.push({"redis/redis.conf": "new"})
    write(host.remote.clone, {"redis/redis.conf": "mine"})
    assert host.deploy().returncode == 2
    row = host.board()
    assert (row["status"], row["branch"]) == ("failed", "feature")
    assert "would be overwritten by checkout" in row["validation_message"]
    assert (host.remote.clone / "redis/redis.conf").read_text() == "mine"


def test_commits_of_the_pinned_branch_that_were_made_here_are_not_left(host: Stack) -> None:
    host.deploy()
    git(host.remote.clone, "commit", "--quiet", "--allow-empty", "--message", "Mine")
    git(host.remote.clone, "checkout", "--quiet", "-b", "feature", "HEAD~0")
    host.configure(ref="main")
    assert host.deploy().returncode == 2
    assert "has commits that the remote's branch has not" in host.board()["validation_message"]


@pytest.mark.parametrize("options", [[], ["--annotate", "--message", "Release"]])
def test_a_pinned_tag_is_deployed_and_followed_when_it_moves(host: Stack, options: list[str]) -> None:
    first = git(host.remote.work, "rev-parse", "HEAD")
    git(host.remote.work, "tag", *options, "v1")
    git(host.remote.work, "push", "--quiet", "origin", "v1")
    host.remote.push({"redis/redis.conf": "not yet"})
    host.deploy()
    host.configure(ref="v1")
    well(host, first, "v1")
    assert git(host.remote.clone, "rev-parse", "refs/heads/main") != first, "the branch is still there"
    git(host.remote.work, "tag", "--force", *options, "v1")
    git(host.remote.work, "push", "--quiet", "--force", "origin", "v1")
    well(host, git(host.remote.work, "rev-parse", "HEAD"), "v1")


def test_a_pinned_commit_is_deployed_whatever_the_branch_does_and_what_was_committed_here_is_kept(host: Stack) -> None:
    first = git(host.remote.work, "rev-parse", "HEAD")
    host.remote.push({"redis/redis.conf": "new"})
    host.deploy()
    host.configure(ref=first)
    well(host, first, first)
    git(host.remote.clone, "commit", "--quiet", "--allow-empty", "--message", "Mine")
    mine = git(host.remote.clone, "rev-parse", "HEAD")
    host.remote.push({"redis/redis.conf": "newer"})
    well(host, first, first)
    assert git(host.remote.clone, "rev-parse", f"refs/gitops-agent/kept/{mine}") == mine


def test_a_commit_that_this_clone_does_not_have_is_fetched(host: Stack) -> None:
    host.deploy()
    git(host.remote.work, "checkout", "--quiet", "-b", "other")
    git(host.remote.work, "commit", "--quiet", "--allow-empty", "--message", "Other")
    git(host.remote.work, "push", "--quiet", "origin", "other")
    commit = git(host.remote.work, "rev-parse", "HEAD")
    host.configure(ref=commit)
    well(host, commit, commit)


@pytest.mark.parametrize("ref", ["nowhere", "0" * 40])
def test_what_the_remote_does_not_have_is_a_sentence(host: Stack, ref: str) -> None:
    host.deploy()
    host.configure(ref=ref)
    assert host.deploy().returncode == 2
    assert ref in host.board()["validation_message"]
    assert host.agent("check", "--config", host.folder / "config.json").returncode == 2
    assert host.board()["drift_status"] == "unknown"
    assert json.dumps(host.board()).count("synced") == 0


@pytest.mark.parametrize(
    "members", [{"ref": "-x"}, {"ref": "a b"}, {"ref": "a..b"}, {"ref": "a^"}, {"forcePush": "yes"}]
)
def test_what_is_no_name_is_refused(host: Stack, members: dict[str, str]) -> None:
    host.configure(**members)
    done = host.deploy()
    assert (done.returncode, next(iter(members)) in done.stderr) == (2, True)
