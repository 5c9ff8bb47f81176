"""What the system refuses is a sentence and a report, and never a traceback."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from agent.errors import AgentError, in_words
from tests.agent.agents import Agent
from tests.agent.stack import Stack, pipes
from tests.process.service import free_port

NO_LOCK = (
    "{0} cannot be locked, nor can {1}: No locks available. Without a lock two runs could work at once: "
    "have one of them on a file system that grants locks."
)


def on(kind: str) -> Sequence[str]:
    """The agent on a system of that kind."""
    return (sys.executable, "-m", "tests.agent.odd_system", kind)


def run(host: Stack, program: Sequence[str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """A command with the host's config."""
    done = Agent(host.folder, program)(*arguments, "--config", host.folder / "config.json")
    assert "Traceback" not in done.stdout + done.stderr
    return done


def lock_of(host: Stack) -> Path:
    return host.folder / "state/servers" / host.group / "h1/lock"


@pytest.mark.parametrize("kind", ["nfs", "syncless"])
def test_where_a_file_can_be_locked_or_a_folder_need_not_be_synced_all_goes_on(host: Stack, kind: str) -> None:
    for command in ("deploy", "check"):
        done = run(host, on(kind), command)
        assert (done.returncode, done.stderr) == (0, "")
        assert "WARNING" not in done.stdout
        assert host.board()["status"] == "synced"
    assert run(host, on(kind), "report", "cron").returncode == 0
    assert lock_of(host).exists() == (kind == "nfs")


def test_such_a_lock_keeps_others_out_and_ends_with_its_process(host: Stack) -> None:
    here, gate = pipes(host.folder, "here", "gate")
    host.on_up("", f'echo > "{here}"; read _ < "{gate}"')
    with Agent(host.folder, on("nfs")).start("deploy", "--config", host.folder / "config.json") as first:
        here.read_text()
        second = run(host, on("nfs"), "check")
        assert second.returncode == 3
        assert f"Another run works on {host.remote.clone}; this one leaves." in second.stdout
        first.kill()
        first.wait()
        gate.write_text("go\n")
    host.on_up("", "")
    assert run(host, on("nfs"), "deploy").returncode == 0


def test_without_any_lock_nothing_is_done_and_the_board_says_why(host: Stack) -> None:
    sentence = NO_LOCK.format(host.remote.clone, lock_of(host))
    done = run(host, on("lockless"), "deploy")
    assert (done.returncode, host.made()) == (2, [])
    assert sentence in done.stdout
    board = host.board()
    assert (board["status"], board["validation_message"]) == ("failed", sentence)
    done = run(host, on("lockless"), "check")
    assert done.returncode == 2
    assert sentence in done.stdout
    assert (host.board()["drift_status"], host.board()["status"]) == ("unknown", "unknown")
    done = run(host, on("lockless"), "deploy", "--dry-run")
    assert (done.returncode, sentence in done.stdout) == (2, True)


def test_without_a_lock_on_the_spool_what_waits_is_sent_and_that_is_said(host: Stack) -> None:
    host.configure(statusUrl=f"http://127.0.0.1:{free_port()}")
    assert run(host, host.agent.program, "report", "pipeline", "--status", "failed").returncode == 0
    host.configure()
    done = run(host, on("lockless"), "report", "cron")
    spool = host.folder / "state/spool"
    assert done.returncode == 0
    assert NO_LOCK.format(spool, spool / "lock") + " So the reports are sent without one." in done.stderr
    assert host.board()["pipeline_status"] == "failed"
    assert host.board()["drift_status"] == "synced"
    assert [path.name for path in spool.glob("*.json")] == []


def test_where_no_folder_can_be_listed_the_report_is_sent_all_the_same(host: Stack) -> None:
    for command in (["deploy"], ["check"], ["report", "cron"]):
        done = run(host, on("worn"), *command)
        assert done.returncode == 0
        assert "spool cannot be read: Input/output error. So the report is sent" in done.stdout + done.stderr
    assert (host.board()["pipeline_status"], host.board()["drift_status"]) == ("synced", "synced")
    (host.folder / "state/spool").mkdir()
    done = run(host, on("worn"), "status")
    assert (done.returncode, done.stderr) == (
        2, f"gitops-agent: {host.folder}/state/spool cannot be read: Input/output error.\n",
    )  # fmt: skip


def test_a_run_that_may_not_end_what_it_started_says_so_on_the_board(host: Stack) -> None:
    [gate] = pipes(host.folder, "gate")
    host.on_up("", f'read _ < "{gate}"')
    host.configure(makeTimeout=1)
    done = run(host, on("guarded"), "deploy")
    gate.write_text("go\n")
    assert done.returncode == 2
    board = host.board()
    assert board["status"] == "failed"
    assert board["validation_message"] == "The system refuses something: Operation not permitted."


def test_what_no_place_expects_to_be_refused_is_a_sentence_of_the_command(tmp_path: Path) -> None:
    path = tmp_path / "etc/cron.d/gitops-agent"
    path.mkdir(parents=True)
    done = Agent(tmp_path)("install", "--remove", "--root", tmp_path)
    assert (done.returncode, done.stderr) == (2, f"gitops-agent: {path}: Is a directory.\n")


def test_a_run_that_gets_no_thread_says_so_on_the_board(host: Stack) -> None:
    limits = 'ulimit -s 67108864 && ulimit -v 16777216 && exec "$@"'  # a thread wants a stack that has no room
    narrow = ["sh", "-c", limits, "sh", *host.agent.program]
    done = run(host, narrow, "deploy")
    assert done.returncode == 2
    sentence = "The system has no room for more: can't start new thread."
    assert sentence in done.stdout
    board = host.board()
    assert (board["status"], board["validation_message"]) == ("failed", sentence)


def test_a_command_that_cannot_even_say_it_has_its_status(agent: Agent) -> None:
    for closed in ("2>&-", "2>/dev/full"):
        mute = Agent(agent.folder, ["sh", "-c", f'exec "$@" {closed}', "sh", *agent.program])
        done = mute("deploy", "--config", "/nowhere")
        assert (done.returncode, done.stdout, done.stderr) == (2, "", "")


def test_a_fault_of_ours_is_not_taken_for_a_refusal() -> None:
    with pytest.raises(RuntimeError, match="dictionary changed"), in_words():
        raise RuntimeError("dictionary changed size during iteration")
    with pytest.raises(AgentError, match=r"^The system has no room for more: out of memory\.$"), in_words():
        raise MemoryError
    with pytest.raises(AgentError, match=r"^The system refuses something: too odd\.$"), in_words():
        raise OSError("too odd")
