"""Other programs: what they say, when they are ended, and what they leave behind."""

import shlex
import threading
from pathlib import Path

import pytest

from agent import programs
from agent.errors import AgentError
from agent.programs import run
from tests.process.service import has_ended, wait_until


def test_output_and_errors_are_kept_apart() -> None:
    done = run("echo out; echo err >&2; exit 3", "/", 10)
    assert (done.code, done.output, done.errors, done.is_late) == (3, b"out\n", b"err\n", False)


def test_each_line_is_given_at_once_and_only_the_last_ones_are_kept() -> None:
    lines: list[str] = []
    done = run("echo err >&2; seq 1500; printf 'no end'", "/", 10, None, lines.append)
    assert lines == ["err", *map(str, range(1, 1501)), "no end"]
    assert done.text.splitlines() == lines[-1000:]


def test_what_a_program_left_behind_gives_no_line_on_when_it_has_ended(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A thread that writes to the log while Python ends would abort it."""
    monkeypatch.setattr(programs, "GRACE", 0.05)
    lines, count = list[str](), tmp_path / "count"
    talks = "n=0; while [ ! -e stop ]; do n=$((n + 1)); echo $n; echo $n >new; mv new count; done"
    try:
        assert (
            run(
                f"setsid sh -c {shlex.quote(talks)} & until [ -e count ]; do :; done",
                str(tmp_path),
                60,
                {},
                lines.append,
            ).code
            == 0
        )
        known, goal = len(lines), int(count.read_text()) + 20
        wait_until(lambda: int(count.read_text()) > goal, "it says more")
        assert len(lines) == known > 0
    finally:
        (tmp_path / "stop").touch()


def test_much_output_holds_nothing_up() -> None:
    done = run("head -c 1000000 /dev/zero; head -c 1000000 /dev/zero >&2", "/", 10)
    assert (len(done.output), len(done.errors)) == (1_000_000, 1_000_000)


def test_who_takes_too_long_is_ended_with_all_that_it_started() -> None:
    done = run("sleep 1000 & echo $!; sleep 1000", "/", 1)
    assert (done.is_late, done.why) == (True, "took too long and was ended")
    wait_until(lambda: has_ended(int(done.output)), "what it started has ended too")


def test_who_takes_too_long_may_tidy_up_first_and_what_does_not_end_is_made_to(tmp_path: Path) -> None:
    """As git removes its locks, and docker-compose lets go of what it has begun."""
    tidy = f"trap 'sleep 0.1; echo tidy > {tmp_path}/said; exit 1' TERM; echo $$ > {tmp_path}/tidy; while :; do sleep 0.05; done"
    deaf = f"trap '' TERM; echo $$ > {tmp_path}/deaf; while :; do sleep 0.05; done"
    assert run(f"sh -c {shlex.quote(tidy)} & sh -c {shlex.quote(deaf)} & sleep 1000", "/", 1).is_late
    assert (tmp_path / "said").read_text() == "tidy\n"
    for name in ("tidy", "deaf"):
        wait_until(lambda name=name: has_ended(int((tmp_path / name).read_text())), f"{name} has ended")  # type: ignore[misc]  # a default


def test_how_a_program_failed_is_said_without_what_nobody_may_see() -> None:
    assert run("exit 3", "/", 10).ending == "ended with exit code 3."
    said = "echo out; printf '\\033[31mhttp://user:secret@host is away\\007\\n' >&2; exit 3"
    assert run(said, "/", 10).ending == "ended with exit code 3: http://***@host is away\ufffd"
    assert run("printf '1\\n2\\n'; exit 3", "/", 10).ending == "ended with exit code 3: 1\n2"


def test_a_program_is_not_told_the_token_nor_of_the_repository_whose_hook_started_us(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("STATUS_TOKEN", "GIT_DIR", "GIT_INDEX_FILE", "GIT_SSH_COMMAND"):
        monkeypatch.setenv(name, "told")
    told = run("env", "/", 10, {"GIT_INDEX_FILE": "ours"}).text.splitlines()
    assert {"GIT_INDEX_FILE=ours", "GIT_SSH_COMMAND=told"} <= set(told)
    assert not [line for line in told if line.startswith(("STATUS_TOKEN=", "GIT_DIR="))]


def test_when_all_were_ended_nothing_begins(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As a thread might, that was about to start the next make when the operator ended the run."""
    monkeypatch.setattr(programs, "_over", threading.Event())  # for the tests after this one
    programs.end_all()
    with pytest.raises(AgentError, match="Nothing is started any more"):
        run(["touch", str(tmp_path / "begun")], "/", 10)
    assert not (tmp_path / "begun").exists()


def test_what_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(AgentError, match=r"There is no no-such-program: install it, or name its folder in PATH\."):
        run(["no-such-program"], "/", 1)
    with pytest.raises(AgentError, match="/bin/sh cannot be run in") as caught:
        run("echo secret", str(tmp_path / "nowhere"), 1)
    assert "secret" not in str(caught.value)
