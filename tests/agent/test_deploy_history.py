"""What happens at the remote: branches and tags of others, other names, cut histories, and a clone of somebody else."""

import pytest

from tests.agent.agents import git
from tests.agent.stack import Stack


def test_somebodys_branch_whose_name_is_in_the_way_stops_nothing(host: Stack) -> None:
    git(host.remote.work, "push", "--quiet", "origin", "HEAD:hotfix")
    git(host.remote.clone, "fetch", "--quiet")
    git(host.remote.work, "push", "--quiet", "origin", ":hotfix")
    git(host.remote.work, "push", "--quiet", "origin", "HEAD:hotfix/login")
    commit = host.remote.push({"redis/redis.conf": "new"})
    assert host.deploy().returncode == 0
    assert (host.board()["commit_sha"], host.board()["status"]) == (commit, "synced")


def test_the_branch_itself_is_taken_where_an_old_one_is_in_its_way(host: Stack) -> None:
    git(host.remote.work, "push", "--quiet", "origin", "HEAD:release/1")
    git(host.remote.clone, "fetch", "--quiet")
    git(host.remote.clone, "checkout", "--quiet", "release/1")
    git(host.remote.clone, "update-ref", "-d", "refs/remotes/origin/release/1")
    git(host.remote.clone, "update-ref", "refs/remotes/origin/release", "HEAD")  # as it was before
    done = host.deploy()
    assert done.returncode == 0, done.stdout
    assert "git fetch took the branch, and nothing else, as it ended with exit code 1" in done.stdout
    assert "cannot lock ref" in done.stdout
    assert host.board()["branch"] == "release/1"


def test_a_moved_tag_stops_nothing_and_is_not_silent(host: Stack) -> None:
    git(host.remote.clone, "config", "remote.origin.tagOpt", "--tags")
    git(host.remote.work, "tag", "live")
    git(host.remote.work, "push", "--quiet", "origin", "live")
    git(host.remote.clone, "fetch", "--quiet")
    commit = host.remote.push({"redis/redis.conf": "new"})
    git(host.remote.work, "tag", "--force", "live")
    git(host.remote.work, "push", "--quiet", "--force", "origin", "live")
    path = host.folder / "config.json"
    for words in (["deploy"], ["check"], ["deploy", "--dry-run"]):
        done = host.agent(*words, "--config", path)
        assert done.returncode == 0
        assert "(would clobber existing tag)" in done.stdout
    doctor = host.agent("doctor", "--config", path)
    assert (doctor.returncode, "(would clobber existing tag)" in doctor.stdout) == (1, True)
    assert host.board()["commit_sha"] == commit


def test_tags_of_the_branch_come_along_for_a_make_that_describes_the_commit(host: Stack) -> None:
    host.deploy()
    git(host.remote.work, "commit", "--quiet", "--allow-empty", "--message", "Release")
    git(host.remote.work, "tag", "v1")
    git(host.remote.work, "push", "--quiet", "origin", "HEAD:main", "v1")
    host.deploy()
    assert git(host.remote.clone, "describe", "--tags") == "v1"


def test_the_branch_is_called_main_also_where_a_tag_is(host: Stack) -> None:
    git(host.remote.work, "tag", "main")
    git(host.remote.work, "push", "--quiet", "origin", "refs/tags/main")
    git(host.remote.clone, "fetch", "--quiet", "--tags")
    git(host.remote.work, "commit", "--quiet", "--allow-empty", "--message", "New")
    git(host.remote.work, "push", "--quiet", "origin", "HEAD:refs/heads/main")
    commit = git(host.remote.work, "rev-parse", "HEAD")
    assert host.deploy().returncode == 0
    assert (host.board()["branch"], host.board()["commit_sha"]) == ("main", commit)


def test_a_refusal_is_said_in_gits_own_words(host: Stack) -> None:
    git(host.folder / "remote.git", "update-ref", "-d", "refs/heads/main")
    done = host.deploy()
    words = (
        "is on no branch that the remote has. git fetch ended with exit code 128: fatal: couldn't find remote ref refs/"
    )
    assert (done.returncode, words in done.stdout, words in host.board()["validation_message"]) == (2, True, True)
    assert words in host.agent("doctor", "--config", host.folder / "config.json").stdout
    assert host.agent("check", "--config", host.folder / "config.json").returncode == 2
    assert host.board()["drift_status"] == "unknown"


def test_a_branch_that_got_another_name_is_never_green(host: Stack) -> None:
    host.deploy()
    git(host.folder / "remote.git", "branch", "--move", "main", "trunk")
    assert host.deploy().returncode == 2
    assert (host.board()["status"], host.board()["branch"]) == ("failed", "main")
    git(host.remote.clone, "config", "branch.main.merge", "refs/heads/trunk")
    assert host.deploy().returncode == 0


def test_a_clone_that_belongs_to_somebody_else_is_named_with_the_cure(host: Stack) -> None:
    env = {"GIT_TEST_ASSUME_DIFFERENT_OWNER": "1"}
    words = f"detected dubious ownership in repository at '{host.remote.clone}'"
    assert host.deploy(env=env).returncode == 2
    assert words in host.board()["validation_message"]
    assert "git config --global --add safe.directory" in host.board()["validation_message"]
    doctor = host.agent("doctor", "--config", host.folder / "config.json", env=env)
    assert words in doctor.stdout
    assert host.agent("check", "--config", host.folder / "config.json", env=env).returncode == 2


@pytest.mark.parametrize("commits", [1, 3])
def test_a_shallow_clone_is_as_good_as_a_whole_one(host: Stack, commits: int) -> None:
    clone = host.folder / "shallow"
    git(host.folder, "clone", "--quiet", "--depth", "1", f"file://{host.folder}/remote.git", str(clone))
    host.configure(deploymentRepo=str(clone))
    for number in range(commits):
        commit = host.remote.push({"redis/redis.conf": str(number)})
    assert host.deploy().returncode == 0
    assert (host.board()["commit_sha"], host.board()["status"]) == (commit, "synced")
    git(host.remote.work, "commit", "--quiet", "--amend", "--message", "Another way")
    git(host.remote.work, "push", "--quiet", "--force", "origin", "HEAD:main")
    assert host.deploy().returncode == 2
    assert "has commits that the remote's branch has not" in host.board()["validation_message"]
