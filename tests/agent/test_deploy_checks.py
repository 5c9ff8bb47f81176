"""Hooks, health checks, and the way back."""

import contextlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from tests.agent.agents import git
from tests.agent.stack import FILES, Stack

ONCE = {"retries": 0, "delay": 0}
# The stack is well as long as nobody writes `bad` into the config of redis.
HEALTHY = {"command": "echo looking; ! grep bad redis/redis.conf", **ONCE}


def said(folder: Path) -> list[str]:
    path = folder / "said"
    lines = path.read_text().splitlines() if path.exists() else []
    path.unlink(missing_ok=True)
    return lines


@contextlib.contextmanager
def answering(*statuses: int) -> Iterator[tuple[str, list[str]]]:
    """A server that answers with these statuses, the last for ever, and the paths that it was asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            status = statuses[min(len(asked), len(statuses)) - 1]
            self.send_response(status)
            self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", asked
        finally:
            server.shutdown()
            thread.join()


def test_hooks_run_before_and_after_an_update_only_and_know_about_it(host: Stack) -> None:
    tell = 'echo "{} $GITOPS_GROUP/$GITOPS_HOST $GITOPS_COMMIT $GITOPS_OLD_COMMIT $GITOPS_TARGETS $GITOPS_RESULT" >> "$HOME/said"'
    host.configure(before=[tell.format("before")], after=[tell.format("after"), "pwd -P > $HOME/where"])
    assert host.deploy().returncode == 0
    first = git(host.remote.clone, "rev-parse", "HEAD")
    server = f"{host.group}/h1"
    assert said(host.folder) == [f"before {server} {first}  gitopsAll ", f"after {server} {first}  gitopsAll success"]
    assert (host.folder / "where").read_text().strip() == str(host.remote.clone.resolve())
    host.deploy()
    assert said(host.folder) == []
    second = host.remote.push({"redis/redis.conf": "new"})
    host.on_up("redis", "exit 1")
    host.deploy()
    assert said(host.folder)[1] == f"after {server} {second} {first} gitopsRedis failure"


def test_a_failing_hook_before_stops_the_update_until_it_succeeds(host: Stack) -> None:
    host.configure(
        before=["echo is not there; test -e $HOME/disk", "echo second >> $HOME/said"],
        after=["echo after >> $HOME/said"],
    )
    assert host.deploy().returncode == 1
    assert (host.made(), said(host.folder)) == ([], [])
    row = host.board()
    assert row["status"] == "failed"
    assert row["validation_message"] == "Hook before[0] ended with exit code 1: is not there"
    (host.folder / "disk").touch()
    assert host.deploy().returncode == 0
    assert (host.made(), said(host.folder)) == (["all"], ["second", "after"])


def test_a_failing_hook_after_is_reported_stops_no_other_and_is_tried_again(host: Stack) -> None:
    host.configure(after=["test -e $HOME/mail", "echo after >> $HOME/said"])
    assert host.deploy().returncode == 1
    assert said(host.folder) == ["after"]
    assert host.board()["validation_message"] == "Hook after[0] ended with exit code 1."
    (host.folder / "mail").touch()
    host.made()
    assert host.deploy().returncode == 0
    assert (host.made(), host.board()["status"]) == ([], "synced")


def test_what_a_command_of_the_config_holds_is_not_said(host: Stack) -> None:
    secret = {"command": ": hunter2; exit 1", **ONCE}
    host.configure(
        before=[": hunter2"],
        after=[": hunter2; exit 1"],
        checksAfter=[secret, {"url": "http://127.0.0.1:1/?key=hunter2", **ONCE}],
    )
    done = host.deploy()
    assert done.returncode == 1
    assert "hunter2" not in done.stdout + done.stderr + str(host.board())


def test_a_failing_check_before_stops_the_update(host: Stack) -> None:
    host.configure(checksBefore=[HEALTHY])
    assert host.deploy().returncode == 0
    assert host.board()["validation_status"] == "passed"
    host.remote.push({"redis/redis.conf": "bad"})
    host.made()
    assert host.deploy().returncode == 1
    row = host.board()
    assert (host.made(), row["status"], row["validation_status"]) == ([], "failed", "failed")
    assert row["validation_message"] == "Check checksBefore[0] ended with exit code 1: looking\nbad"
    host.remote.push({"redis/redis.conf": FILES["redis/redis.conf"]}, "Take it back")
    assert host.deploy().returncode == 0
    row = host.board()
    assert (host.made(), row["status"]) == ([], "synced"), "nothing was begun, so nothing is to be made"


def test_an_http_check_is_tried_again_until_it_answers_as_it_should(host: Stack) -> None:
    with answering(500, 404, 200) as (url, asked):
        host.configure(checksAfter=[{"url": f"{url}/health?key=1", "retries": 2, "delay": 0}])
        assert host.deploy().returncode == 0
        assert asked == ["/health?key=1"] * 3
    assert (host.board()["status"], host.board()["validation_status"]) == ("synced", "passed")


def test_an_http_check_that_never_answers_as_it_should_fails(host: Stack) -> None:
    with answering(200) as (url, asked):
        nobody = {"url": "http://127.0.0.1:1", **ONCE}
        host.configure(checksAfter=[{"url": f"{url}/a", "status": 204, "retries": 1, "delay": 0}, nobody])
        assert host.deploy().returncode == 1
        assert asked == ["/a", "/a"]
    first, second = host.board()["validation_message"].splitlines()
    assert first == f"Check checksAfter[0] got status 200 and not 204 from {url}/a."
    assert second.startswith("Check checksAfter[1] got no answer from http://127.0.0.1:1")
    assert "refused" in second


def test_a_redirect_is_an_answer(host: Stack) -> None:
    with answering(302) as (url, asked):
        host.configure(checksAfter=[{"url": url, "status": 302, **ONCE}])
        assert host.deploy().returncode == 0
        assert len(asked) == 1
        host.configure(checksAfter=[{"url": url, **ONCE}])
        host.remote.push({"compose.yml": "new"})
        assert host.deploy().returncode == 1


def test_a_check_that_takes_too_long_fails(host: Stack) -> None:
    host.configure(checksAfter=[{"command": "sleep 60", "timeout": 1, **ONCE}])
    assert host.deploy().returncode == 1
    assert host.board()["validation_message"] == "Check checksAfter[0] took too long and was ended."


def test_a_check_that_failed_after_an_update_is_asked_again_by_the_next_run(host: Stack) -> None:
    host.configure(checksAfter=[{"command": "test -e $HOME/well", **ONCE}], after=["echo after >> $HOME/said"])
    for _ in range(2):
        assert host.deploy().returncode == 1
        row = host.board()
        assert (row["status"], row["validation_status"]) == ("failed", "failed")
    (host.folder / "well").touch()
    assert host.deploy().returncode == 0
    row = host.board()
    assert (row["status"], row["validation_status"]) == ("synced", "passed")
    assert host.made() == ["all"], "only the check was asked again"
    assert said(host.folder) == ["after"]
    assert host.history() == ["failed", "synced"]


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
    assert git(host.remote.clone, "reflog", "main").count("pull") == 1
