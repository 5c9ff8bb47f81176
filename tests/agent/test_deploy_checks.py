"""The hooks and the health checks of a deployment."""

import contextlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

from tests.agent.agents import git
from tests.agent.stack import FILES, HEALTHY, ONCE, Stack, said


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
