"""Pulls that end half-way, at each of their steps and behind each of git's locks: the next run takes the commit."""

import json
import os
import signal
import subprocess

import pytest

from tests.agent.agents import git, write
from tests.agent.broken import COMMIT, STEPS, checked, dies, gits, held, killed, lock, ready, took
from tests.agent.stack import HEALTHY, Stack, pipes
from tests.process.service import wait_until

LOCKS = [
    "index.lock", "HEAD.lock", "ORIG_HEAD.lock", "packed-refs.lock", "shallow.lock", "config.lock", "refs/heads/main.lock",
    "refs/remotes/origin/main.lock", "modules/a/index.lock", "modules/hooks/index.lock",
]  # fmt: skip


def test_locks_that_nobody_holds_are_named_by_the_doctor_and_removed_by_the_next_run(host: Stack) -> None:
    commit = ready(host)
    left = sorted(lock(host.remote.clone / ".git" / name) for name in LOCKS)
    names = " ".join(map(str, left))
    words = f"Its locks: no living process holds {names}. The next deploy or check removes it, or you: rm {names}"
    said = host.agent("doctor", "--config", host.folder / "config.json").stdout
    assert words in said, said
    for path in left:
        path.unlink()
    lock(left[0])
    assert f"Would remove {left[0]}" in host.deploy("--dry-run").stdout
    for path in left:
        lock(path)
    took(host, commit)


@pytest.mark.parametrize("index", [b"", b"\0" * 500])
def test_an_index_that_a_machine_left_empty_as_it_went_down_is_made_anew(host: Stack, index: bytes) -> None:
    commit = ready(host)
    (host.remote.clone / "web/nginx.conf").write_text("by hand")
    (host.remote.clone / ".git/index").write_bytes(index)
    assert checked(host) == "unknown"
    done = host.deploy()
    assert done.returncode == 0, done.stdout
    assert (host.board()["commit_sha"], host.board()["changed_files"]) == (commit, ["web/nginx.conf"])
    git(host.remote.clone, "checkout", "--quiet", "web/nginx.conf")
    assert git(host.remote.clone, "status", "--porcelain") == ""


def test_what_git_writes_lasts_when_the_power_goes(host: Stack) -> None:
    """Else objects and index may be empty then, and nothing but a new clone would help."""
    trace = host.folder / "trace"
    ready(host)
    host.deploy(env={"GIT_TRACE2_EVENT": str(trace)})
    events = [json.loads(line) for line in trace.read_text().splitlines()]
    names = {event["sid"]: event["name"] for event in events if event["event"] == "cmd_name"}
    flushed = {names[event["sid"]] for event in events if event.get("key") == "fsync/hardware-flush"}
    assert {"unpack-objects", "merge"} <= flushed


def test_a_check_needs_no_deploy_to_get_rid_of_a_lock(host: Stack) -> None:
    host.deploy()
    left = lock(host.remote.clone / ".git/refs/remotes/origin/main.lock")
    host.remote.push({"redis/redis.conf": "port 2\n"})
    assert checked(host) == "out_of_sync"
    assert not left.exists()


def test_a_lock_that_a_living_process_holds_stays_and_is_named(host: Stack) -> None:
    host.configure(gitTimeout=1)
    commit = ready(host)
    left = lock(host.remote.clone / ".git/index.lock")
    with left.open("w") as held:
        lock(left)
        assert host.deploy().returncode == 2
        assert f"{left} is held by process {os.getpid()} (" in host.board()["validation_message"]
        assert left.exists()
        held.write("")
    took(host, commit)


@pytest.mark.parametrize("words", [["commit"], ["-c", "a.b=c", "commit"]])
def test_a_lock_is_that_of_a_git_that_works_in_the_clone_with_an_editor_open(host: Stack, words: list[str]) -> None:
    host.configure(gitTimeout=1)
    commit = ready(host)
    here, go = pipes(host.folder, "here", "go")
    editor = f'sh -c \'echo > "{here}"; read line < "{go}"; false\''
    command = ["git", *words, "--allow-empty"]
    environment = {**host.agent.environment(), "GIT_EDITOR": editor}
    with subprocess.Popen(command, cwd=host.remote.clone / "web", env=environment, stderr=subprocess.PIPE) as theirs:
        here.read_text()
        left = lock(host.remote.clone / ".git/index.lock")
        assert host.deploy().returncode == 2
        assert f"is held by process {theirs.pid} (git commit): wait" in host.board()["validation_message"]
        assert left.exists()
        go.write_text("\n")
    took(host, commit)


@pytest.mark.parametrize("step", STEPS)
def test_agent_and_git_are_killed_at_a_step_and_the_next_run_takes_the_commit(host: Stack, step: str) -> None:
    """As by a machine that goes down."""
    commit = ready(host)
    killed(host, step)
    assert checked(host) != "synced", "no make was run for it"
    doctor = host.agent("doctor", "--config", host.folder / "config.json").stdout
    assert "edited by hand" not in doctor
    took(host, commit)
    assert checked(host) == "synced"


@pytest.mark.parametrize("step", ["prepared", "end"])
def test_a_git_that_outlived_its_agent_is_waited_for(host: Stack, step: str) -> None:
    """Else two would write at once, or what it does next would look like somebody's edits."""
    host.configure(gitTimeout=1)
    commit = ready(host)
    process, well = held(host, step)
    process.kill()
    process.communicate()
    [pid] = gits(host)
    assert host.deploy().returncode == 2
    assert f"process {pid} (git merge)" in host.board()["validation_message"]
    well()
    wait_until(lambda: not gits(host), "git has ended")
    host.configure()
    took(host, commit)


@pytest.mark.parametrize("moment", ["prepared", "committed"])
def test_death_on_the_way_back_to_the_pinned_branch_is_got_over(host: Stack, moment: str) -> None:
    host.configure(ref="main")
    commit = ready(host)
    git(host.remote.clone, "checkout", "--quiet", "-b", "feature")
    dies(host, f'[ "$1" = {moment} ] && grep -q " refs/heads/main"')
    assert checked(host) != "synced"
    took(host, commit)


@pytest.mark.parametrize("step", STEPS)
def test_the_agent_is_stopped_at_a_step_and_leaves_no_lock(host: Stack, step: str) -> None:
    commit = ready(host)
    process, well = held(host, step)
    process.terminate()
    process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM
    assert not list(host.remote.clone.glob(".git/**/*.lock"))
    well()
    took(host, commit)


def test_a_pull_whose_time_is_over_is_put_back_at_once_and_taken_by_the_next_run(host: Stack) -> None:
    """A slow filter, a run with two tries, and a third one with a fast filter."""
    host.configure(gitTimeout=1)
    commit = ready(host)
    git(host.remote.clone, "config", "filter.loud.smudge", "sleep 1000")
    for _ in range(2):
        assert host.deploy().returncode == 2
        assert host.board()["validation_message"].startswith("git merge took too long and was ended")
    git(host.remote.clone, "config", "filter.loud.smudge", "tr a-z A-Z")
    host.configure()
    took(host, commit)


def test_behind_a_lock_of_the_branch_the_files_go_back(host: Stack) -> None:
    """Git has written files and index by then. Who holds the lock lives, and lets go later."""
    host.configure(gitTimeout=1)
    commit = ready(host)
    left = host.remote.clone / ".git/refs/heads/main.lock"
    hook = host.remote.clone / ".git/hooks/post-index-change"  # the lock comes when the run has begun
    hook.write_text(f'#!/bin/sh\ntouch "{left}"\n')
    hook.chmod(0o755)
    assert host.deploy().returncode == 2
    assert "main.lock': File exists" in host.board()["validation_message"]
    hook.unlink()
    lock(left)
    assert checked(host) != "synced"
    took(host, commit)


def test_what_somebody_edited_in_what_a_broken_pull_left_is_never_lost(host: Stack) -> None:
    commit = ready(host)
    killed(host, "prepared")
    edited = {"redis/redis.conf": "port 1\nmine\n", "web/new/page.html": "mine", "web/mine.conf": "mine"}
    write(host.remote.clone, edited)
    host.deploy()
    assert {name: (host.remote.clone / name).read_text() for name in edited} == edited
    assert host.board()["status"] != "synced"
    (host.remote.clone / "web/new/page.html").unlink()
    git(host.remote.clone, "checkout", "redis/redis.conf")
    (host.remote.clone / "web/mine.conf").unlink()
    assert host.deploy().returncode == 0
    assert host.board()["commit_sha"] == commit


def test_files_that_were_half_written_are_ours(host: Stack) -> None:
    """Of any length, with NUL bytes behind where the power went."""
    halves = {
        f"web/half{size}{len(rest)}.html": (size, rest) for size in (0, 10, 30_000) for rest in (b"", b"\0" * 100)
    }
    ready(host)
    commit = host.remote.push(dict.fromkeys(halves, COMMIT["web/index.html"]))
    killed(host, "files")
    for name, (size, rest) in halves.items():
        (host.remote.clone / name).write_bytes(COMMIT["web/index.html"].upper().encode()[:size] + rest)
    took(host, commit)


def test_a_rollback_that_is_killed_is_done_by_the_next_run(host: Stack) -> None:
    host.configure(checksAfter=[HEALTHY], rollback=True)
    host.deploy()
    good = git(host.remote.clone, "rev-parse", "HEAD")
    bad = host.remote.push({"redis/redis.conf": "bad", "web/new.conf": "bad"})
    dies(host, f'[ "$1" = prepared ] && grep -q " {good} refs/heads/main"')
    assert host.deploy().returncode == 1
    assert git(host.remote.clone, "rev-parse", "HEAD") == good
    assert git(host.remote.clone, "status", "--porcelain") == ""
    assert (
        f"Commit {bad[:12]} was rolled back to {good[:12]}; the checks pass there."
        in host.board()["validation_message"]
    )
    assert not json.loads((host.folder / "state/servers" / host.group / "h1/deploy.json").read_text())["move"]
