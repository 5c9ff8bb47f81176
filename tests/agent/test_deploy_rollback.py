"""The way back to the last good commit, where a check fails after an update."""

import pytest

from tests.agent.agents import git
from tests.agent.stack import FILES, HEALTHY, ONCE, Stack, said


def rolling_back(host: Stack) -> tuple[str, str]:
    """A host that rolled back a bad commit; gives the good one and the bad one."""
    host.configure(checksAfter=[HEALTHY], rollback=True, after=['echo "$GITOPS_RESULT" >> "$HOME/said"'])
    assert host.deploy().returncode == 0
    good = git(host.remote.clone, "rev-parse", "HEAD")
    bad = host.remote.push({"redis/redis.conf": "bad", "README.md": "bad"}, "Bad idea")
    host.made()
    said(host.folder)
    assert host.deploy().returncode == 1
    return good, bad


def test_a_failing_check_brings_back_the_last_good_commit(host: Stack) -> None:
    good, bad = rolling_back(host)
    assert git(host.remote.clone, "rev-parse", "HEAD") == good
    assert (host.remote.clone / "redis/redis.conf").read_text() == FILES["redis/redis.conf"]
    assert host.made() == ["redis", "redis"], "once for the bad commit, and once for the good one"
    assert said(host.folder) == ["failure"]
    row = host.board()
    assert (row["status"], row["validation_status"], row["commit_sha"]) == ("failed", "failed", good)
    assert row["changed_files"] == ["README.md", "redis/redis.conf"]
    message = row["validation_message"]
    assert "Check checksAfter[0] ended with exit code 1" in message
    assert message.endswith(f"Commit {bad[:12]} was rolled back to {good[:12]}; the checks pass there.")


def test_a_commit_that_was_rolled_back_is_not_taken_again(host: Stack) -> None:
    good, _ = rolling_back(host)
    row = host.board()
    host.made()
    assert host.deploy().returncode == 1
    assert (host.made(), git(host.remote.clone, "rev-parse", "HEAD")) == ([], good)
    again = host.board()
    assert {**again, "timestamp": 0, "last_pipeline_run": 0} == {**row, "timestamp": 0, "last_pipeline_run": 0}
    assert "was rolled back" in host.deploy("--dry-run").stdout


def test_the_next_commit_is_taken_again(host: Stack) -> None:
    rolling_back(host)
    host.made()
    fixed = host.remote.push({"redis/redis.conf": "port 1"}, "Mend it")
    assert host.deploy().returncode == 0
    assert host.made() == ["redis"]
    row = host.board()
    assert (row["status"], row["validation_status"], row["commit_sha"]) == ("synced", "passed", fixed)
    assert row["changed_files"] == ["README.md", "redis/redis.conf"]


def test_a_bad_commit_that_was_forced_away_is_forgotten(host: Stack) -> None:
    rolling_back(host)
    git(host.remote.work, "reset", "--quiet", "--hard", "HEAD~1")
    git(host.remote.work, "commit", "--quiet", "--allow-empty", "--message", "Another way")
    git(host.remote.work, "push", "--quiet", "--force", "origin", "HEAD:main")
    assert host.deploy().returncode == 0
    assert host.board()["commit_sha"] == git(host.remote.work, "rev-parse", "HEAD")


def test_a_service_whose_make_failed_is_made_again_by_the_rollback(host: Stack) -> None:
    """Its checksum never advanced, so by checksums alone it would seem untouched."""
    host.configure(checksAfter=[HEALTHY], rollback=True)
    host.deploy()
    host.made()
    host.remote.push({"redis/redis.conf": "bad"})
    host.on_up("redis", '[ "$(git log -1 --format=%s)" = First ]')
    assert host.deploy().returncode == 1
    assert host.made() == ["redis", "redis"]


def test_a_rollback_whose_make_fails_is_tried_again(host: Stack) -> None:
    host.configure(checksAfter=[HEALTHY], rollback=True)
    host.deploy()
    host.made()
    host.remote.push({"redis/redis.conf": "bad"})
    host.on_up("redis", "! grep 6379 redis/redis.conf")
    assert host.deploy().returncode == 1
    assert host.made() == ["redis", "redis"]
    host.on_up("redis", "")
    assert host.deploy().returncode == 1
    assert host.made() == ["redis"]
    assert "was rolled back" in host.board()["validation_message"]
    host.deploy()
    assert host.made() == []


def test_without_a_good_commit_there_is_no_way_back(host: Stack) -> None:
    host.configure(checksAfter=[{"command": "false", **ONCE}], rollback=True)
    assert host.deploy().returncode == 1
    row = host.board()
    assert row["validation_message"].endswith("There is no other good commit to go back to.")
    assert row["status"] == "failed"


def test_a_rollback_does_not_overwrite_what_was_edited_here(host: Stack) -> None:
    host.configure(checksAfter=[HEALTHY], rollback=True)
    host.deploy()
    bad = host.remote.push({"redis/redis.conf": "bad"})
    host.on_up("redis", "echo bad edit >> redis/redis.conf")
    assert host.deploy().returncode == 1
    assert (host.remote.clone / "redis/redis.conf").read_text() == "badbad edit\n"
    for _ in range(2):
        message = host.board()["validation_message"]
        assert f"Commit {bad[:12]} could not be rolled back: git reset ended" in message
        assert "was rolled back" not in message
        assert host.deploy().returncode == 1
    host.on_up("redis", "")
    git(host.remote.clone, "checkout", "--quiet", "redis/redis.conf")
    assert host.deploy().returncode == 1
    assert (host.remote.clone / "redis/redis.conf").read_text() == FILES["redis/redis.conf"]


@pytest.mark.parametrize("place", ["before a rollback", "after a rollback"])
def test_a_run_killed_around_the_rollback_is_finished_by_the_next(host: Stack, place: str) -> None:
    """The check itself kills the agent, at its first or second call."""
    host.configure(checksAfter=[HEALTHY], rollback=True)
    host.deploy()
    good = git(host.remote.clone, "rev-parse", "HEAD")
    bad = host.remote.push({"redis/redis.conf": "bad"})
    last = place == "after a rollback"
    kill = f"grep bad redis/redis.conf && {'exit 1' if last else ':'}; [ -e $HOME/killed ] || {{ touch $HOME/killed; kill -9 $PPID; }}; ! grep bad redis/redis.conf"
    host.configure(checksAfter=[{"command": kill, **ONCE}], rollback=True)
    assert host.deploy().returncode == -9
    assert host.deploy().returncode == 1
    assert git(host.remote.clone, "rev-parse", "HEAD") == good
    assert f"Commit {bad[:12]} was rolled back" in host.board()["validation_message"]
    assert host.board()["status"] == "failed"
    assert host.deploy().returncode == 1


def test_a_run_killed_the_moment_it_went_back_does_not_take_the_bad_commit_again(host: Stack) -> None:
    host.configure(checksAfter=[HEALTHY], rollback=True)
    host.deploy()
    good = git(host.remote.clone, "rev-parse", "HEAD")
    hook = host.remote.clone / ".git/hooks/reference-transaction"
    went_back = f'[ "$1" = committed ] && grep -q " {good} refs/heads/main"'
    hook.write_text(f"#!/bin/sh\nif {went_back}; then kill -9 $(cut -d ' ' -f 4 /proc/$PPID/stat); fi\n")
    hook.chmod(0o755)
    host.remote.push({"redis/redis.conf": "bad"})
    assert host.deploy().returncode == -9
    hook.unlink()
    host.made()
    assert host.deploy().returncode == 1
    assert git(host.remote.clone, "rev-parse", "HEAD") == good
    assert host.made() == ["redis"], "for the good commit"
    assert git(host.remote.clone, "reflog", "main").count("merge") == 1
