"""Deployments that go wrong: a pull or a make that fails or hangs, what it printed, and what is tried again."""

import json
import os
import signal
from pathlib import Path

import pytest

from tests.agent.agents import git
from tests.agent.stack import Stack
from tests.process.service import has_ended


def test_a_checksum_advances_only_after_its_make_succeeded(host: Stack) -> None:
    host.deploy()
    host.made()
    before = host.saved()
    host.remote.push({"logstash/pipeline/logstash.conf": "new", "redis/redis.conf": "new"})
    host.on_up("logstash", "echo it broke; exit 7")
    done = host.deploy()
    assert done.returncode == 1
    assert host.made() == ["logstash", "redis"], "a failing one does not stop the next"
    after = host.saved()
    assert after["service_logstash"] == before["service_logstash"]
    assert after["service_redis"] != before["service_redis"]
    row = host.board()
    assert row["status"] == "failed"
    assert row["validation_message"].startswith("make gitopsLogstash ended with exit code 2: ")
    assert "it broke" in row["validation_message"]
    assert "[gitopsLogstash] it broke" in done.stdout
    host.on_up("logstash", "")
    assert host.deploy().returncode == 0
    assert host.made() == ["logstash"], "what failed is tried again, and nothing else"
    row = host.board()
    assert row["status"] == "synced"
    assert row["changed_files"] == ["logstash/pipeline/logstash.conf", "redis/redis.conf"]


def test_what_failed_is_made_again_though_its_change_was_taken_back(host: Stack) -> None:
    """Nobody knows what a make that failed has left behind."""
    host.deploy()
    host.made()
    host.remote.push({"redis/redis.conf": "new"})
    host.on_up("redis", "exit 1")
    host.deploy()
    host.remote.push({"redis/redis.conf": "port 6379\n"}, "Take it back")
    host.on_up("redis", "")
    host.made()
    assert host.deploy().returncode == 0
    assert host.made() == ["redis"]


def test_a_first_run_that_failed_is_a_first_run_again(host: Stack) -> None:
    host.on_up("", "exit 1")
    assert host.deploy().returncode == 1
    assert not host.checksums.exists()
    host.on_up("", "")
    host.made()
    assert host.deploy().returncode == 0
    assert host.made() == ["all"]


def test_a_failed_full_update_is_tried_again(host: Stack) -> None:
    host.deploy()
    saved = host.checksums.read_text()
    host.remote.push({"compose.yml": "new", "redis/redis.conf": "new"})
    host.on_up("", "exit 1")
    assert host.deploy().returncode == 1
    assert host.checksums.read_text() == saved
    host.on_up("", "")
    host.made()
    host.deploy()
    assert host.made() == ["all"]


@pytest.mark.parametrize("content", ["{", "[]", '{"compose": 1}'])
def test_damaged_checksums_are_left_as_they_are_and_said(host: Stack, content: str) -> None:
    host.deploy()
    host.made()
    host.checksums.write_text(content)
    done = host.deploy()
    assert done.returncode == 2
    assert (host.made(), host.checksums.read_text()) == ([], content)
    assert str(host.checksums) in host.board()["validation_message"]
    assert "remove it" in host.board()["validation_message"].lower()
    host.checksums.unlink()
    assert host.deploy().returncode == 0
    assert host.made() == ["all"]
    assert host.board()["status"] == "synced"


def test_a_pull_that_fails_stops_everything(host: Stack) -> None:
    host.deploy()
    host.made()
    git(host.remote.clone, "remote", "set-url", "origin", str(host.folder / "nowhere"))
    (host.remote.clone / "redis/local.conf").write_text("not of git")
    done = host.deploy()
    assert (done.returncode, host.made()) == (2, [])
    row = host.board()
    assert (row["status"], row["validation_status"]) == ("failed", "skipped")
    assert "nowhere' does not appear to be a git repository" in row["validation_message"]
    git(host.remote.clone, "remote", "set-url", "origin", str(host.folder / "remote.git"))
    assert host.deploy().returncode == 0
    assert host.board()["status"] == "synced"


def test_a_branch_that_went_another_way_is_not_taken(host: Stack) -> None:
    host.deploy()
    commit = host.remote.push({"redis/redis.conf": "one"})
    host.deploy()
    git(host.remote.work, "reset", "--quiet", "--hard", "HEAD~1")
    git(host.remote.work, "commit", "--quiet", "--allow-empty", "--message", "Another way")
    git(host.remote.work, "push", "--quiet", "--force", "origin", "HEAD:main")
    assert host.deploy("--dry-run").returncode == 2
    assert host.deploy().returncode == 2
    row = host.board()
    assert (row["status"], row["commit_sha"]) == ("failed", commit)
    assert "has commits that the remote's branch has not. They were made here or" in row["validation_message"]


def test_a_branch_that_was_forced_back_is_not_called_deployed(host: Stack) -> None:
    """Of which `git pull` says that all is up to date."""
    host.deploy()
    host.remote.push({"redis/redis.conf": "bad"})
    host.deploy()
    host.made()
    git(host.remote.work, "push", "--quiet", "--force", "origin", "HEAD~1:main")
    told = "has commits that the remote's branch has not. They were made here or forced away there: git reset --keep"
    dry = host.deploy("--dry-run")
    assert (dry.returncode, "forced away there: git reset --keep" in dry.stdout) == (2, True)
    assert (host.deploy().returncode, host.made()) == (2, [])
    row = host.board()
    assert (row["status"], told in row["validation_message"]) == ("failed", True)
    git(host.remote.clone, "reset", "--quiet", "--keep", "@{upstream}")
    assert (host.deploy().returncode, host.made()) == (0, ["redis"])
    assert host.board()["status"] == "synced"


def test_what_was_edited_here_is_not_overwritten(host: Stack) -> None:
    host.deploy()
    host.remote.push({"redis/redis.conf": "theirs"})
    (host.remote.clone / "redis/redis.conf").write_text("ours")
    assert "redis/redis.conf" in host.deploy("--dry-run").stdout
    assert host.deploy().returncode == 2
    assert (host.remote.clone / "redis/redis.conf").read_text() == "ours"
    assert "would be overwritten by merge" in host.board()["validation_message"]


def test_a_pull_has_its_time_limit(host: Stack) -> None:
    host.configure(gitTimeout=1)
    slow = host.folder / "bin/git-upload-pack"
    slow.write_text("#!/bin/sh\nexec sleep 1000\n")
    slow.chmod(0o755)
    git(host.remote.clone, "config", "remote.origin.uploadpack", str(slow))
    assert host.deploy().returncode == 2
    assert host.board()["validation_message"] == "git fetch took too long and was ended."


def test_the_password_of_a_remote_is_said_nowhere(host: Stack) -> None:
    """Some versions of git leave it out of their messages, others do not."""
    host.deploy()
    refusing = host.folder / "bin/refusing"
    refusing.write_text(
        "#!/bin/sh\necho \"fatal: unable to access 'https://ada:hunter2@git.example.com/x'\" >&2\nexit 1\n"
    )
    refusing.chmod(0o755)
    git(host.remote.clone, "config", "remote.origin.uploadpack", str(refusing))
    done = host.deploy()
    assert done.returncode == 2
    assert "fatal: unable to access 'https://***@git.example.com/x'" in host.board()["validation_message"]
    assert "hunter2" not in done.stdout + done.stderr + json.dumps(host.board())


def test_without_a_clone_it_says_so_and_reports_it(host: Stack) -> None:
    host.configure(deploymentRepo="/nowhere/at/all")
    done = host.deploy()
    assert done.returncode == 2
    assert host.board()["validation_message"] == "/nowhere/at/all cannot be opened: No such file or directory."
    host.configure(deploymentRepo=str(host.folder))
    assert host.deploy().returncode == 2
    assert "not a git repository" in host.board()["validation_message"]


def test_a_make_that_takes_too_long_is_ended_with_all_that_it_started(host: Stack) -> None:
    host.configure(makeTimeout=1)
    host.on_up("", f'echo $$ > "{host.folder}/pid"; sleep 1000')
    assert host.deploy().returncode == 1
    assert host.board()["validation_message"].startswith("make gitopsAll took too long and was ended")
    assert has_ended(int((host.folder / "pid").read_text()))


def test_a_program_that_make_leaves_behind_holds_nothing_up(host: Stack) -> None:
    host.on_up("", f'setsid sleep 1000 & echo $! > "{host.folder}/pid"')
    assert host.deploy().returncode == 0
    pid = int((host.folder / "pid").read_text())
    assert not has_ended(pid), "it may be the very thing that was deployed"
    os.kill(pid, signal.SIGKILL)


def test_no_make_is_a_sentence(host: Stack) -> None:
    programs = host.folder / "few"
    programs.mkdir()
    for name in ("git", "sh"):
        (programs / name).symlink_to(Path("/usr/bin") / name)
    done = host.deploy(env={"PATH": str(programs)})
    assert done.returncode == 2
    assert host.board()["validation_message"].startswith("There is no make: install it")


def test_colours_and_odd_bytes_of_make_lose_no_report(host: Stack) -> None:
    host.on_up("", "printf '\\033[31mred\\033[0m 10%%\\r100%%\\n\\377\\001\\n'; exit 1")
    assert host.deploy().returncode == 1
    lines = host.board()["validation_message"].splitlines()
    assert "100%" in lines
    assert "\\xff\ufffd" in lines


def test_more_than_the_service_takes_is_cut(host: Stack) -> None:
    host.remote.push({f"many/{number}": "" for number in range(1_005)})
    host.on_up("", "seq -f 'line %.0f' 2000; exit 1")
    assert host.deploy().returncode == 1
    row = host.board()
    assert row["changed_files_count"] == 1_000
    assert "line 2000\n" in row["validation_message"], "the end is where the error stands"
    assert len(row["validation_message"]) <= 4_096
