"""Runs that end before their time, runs at the same time, and many files."""

import json
import os
import shlex
import signal
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from tests.agent.agents import noted_git
from tests.agent.stack import Stack, pipes
from tests.process.service import wait_until


def held_at_redis(host: Stack) -> tuple[subprocess.Popen[str], Path]:
    """A run that has updated logstash and stands still in the middle of redis, and the pipe that lets it go on."""
    host.deploy()
    host.made()
    host.remote.push(dict.fromkeys(("logstash/pipeline/logstash.conf", "redis/redis.conf", "web/nginx.conf"), "new"))
    here, go = pipes(host.folder, "here", "go")
    host.on_up("redis", f'echo > "{here}"; read line < "{go}"')
    process = host.start()
    here.read_text()
    state = host.folder / "state/servers" / host.group / "h1/deploy.json"
    wait_until(lambda: "gitopsLogstash" not in json.loads(state.read_text())["undone"], "that logstash is made is kept")
    return process, go


def test_a_run_that_was_killed_is_reported_as_failed_by_the_next_which_does_the_rest(host: Stack) -> None:
    process, go = held_at_redis(host)
    process.kill()
    process.communicate()
    go.write_text("\n")
    host.on_up("redis", "")
    assert host.made() == ["logstash", "redis"]
    done = host.deploy()
    assert done.returncode == 0
    assert f"process {process.pid}, ended before its time." in done.stdout
    assert host.made() == ["redis", "web"], "what was finished is not done again"
    assert host.history() == ["synced", "failed", "synced"]
    assert host.board()["changed_files"] == ["logstash/pipeline/logstash.conf", "redis/redis.conf", "web/nginx.conf"]
    host.deploy()
    assert host.history() == ["synced", "failed", "synced"], "it is reported once"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_run_that_is_stopped_leaves_no_make_behind(host: Stack, number: signal.Signals) -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell that started us by "&" had it ignored
    host.configure(parallel=2)
    process, go = held_at_redis(host)
    process.send_signal(number)
    process.communicate(timeout=60)
    assert process.returncode == 128 + number
    with pytest.raises(OSError, match="No such device"):  # nobody reads there any more
        os.open(go, os.O_WRONLY | os.O_NONBLOCK)
    host.on_up("redis", "")
    host.made()
    assert host.deploy().returncode == 0
    assert "redis" in host.made()
    assert host.history() == ["synced", "failed", "synced"]


def test_a_run_outlives_its_terminal_under_nohup(host: Stack) -> None:
    host = replace(host, agent=replace(host.agent, program=["nohup", *host.agent.program]))
    process, go = held_at_redis(host)
    process.send_signal(signal.SIGHUP)
    go.write_text("\n")
    process.communicate(timeout=60)
    assert process.returncode == 0


@pytest.mark.parametrize("out", ["| true", "> /dev/full", ">&-"])
def test_a_log_that_cannot_be_written_stops_nothing(host: Stack, out: str) -> None:
    """As when the logger behind cron's pipe dies, in the middle of a make that talks."""
    host.on_up("", "seq 20000")
    words = [*host.agent.program, "deploy", "--config", host.folder / "config.json"]
    line = f"{{ {shlex.join(map(str, words))}; echo $? >status; }} {out}"
    done = subprocess.run(
        ["sh", "-c", line], cwd=host.folder, env=host.agent.environment(), capture_output=True, check=False, timeout=60
    )
    assert done.stderr == b""
    assert (host.folder / "status").read_text() == "0\n"
    assert host.made() == ["all"]
    assert host.board()["status"] == "synced"


def test_a_change_taken_back_while_the_run_was_dead_is_made_again(host: Stack) -> None:
    process, go = held_at_redis(host)
    process.kill()
    process.communicate()
    go.write_text("\n")
    host.on_up("redis", "")
    host.made()
    host.remote.push({"redis/redis.conf": "port 6379\n"})
    assert host.deploy().returncode == 0
    assert host.made() == ["redis", "web"]


def test_a_second_run_at_the_same_time_leaves_at_once(host: Stack) -> None:
    process, go = held_at_redis(host)
    row = host.board()
    second = host.deploy()
    assert second.returncode == 3
    assert "Another run works on" in second.stdout
    assert host.deploy("--dry-run").returncode == 3
    assert host.board() == row
    assert process.poll() is None
    go.write_text("\n")
    process.communicate()
    assert process.returncode == 0
    assert host.made() == ["logstash", "redis", "web"]


def test_services_are_updated_at_once_where_the_config_says_so(host: Stack) -> None:
    """Each waits for the other: one after the other they would never end."""
    host.configure(parallel=2, makeTimeout=20)
    host.deploy()
    host.remote.push(dict.fromkeys(("logstash/pipeline/logstash.conf", "redis/redis.conf"), "new"))
    ours, theirs = pipes(host.folder, "ours", "theirs")
    host.on_up("logstash", f'echo > "{ours}"; read line < "{theirs}"')
    host.on_up("redis", f'read line < "{ours}"; echo > "{theirs}"; exit 1')
    saved = host.saved()
    assert host.deploy().returncode == 1
    assert host.saved()["service_logstash"] != saved["service_logstash"]
    assert host.saved()["service_redis"] == saved["service_redis"]
    assert host.board()["validation_message"].startswith("make gitopsRedis ended with exit code 2")


def test_in_parallel_what_succeeded_is_kept_at_once(host: Stack) -> None:
    """Though one that was begun before it still runs when the agent is killed."""
    host.configure(parallel=2)
    host.deploy()
    saved = host.saved()
    host.remote.push(dict.fromkeys(("logstash/pipeline/logstash.conf", "redis/redis.conf"), "new"))
    here, go = pipes(host.folder, "here", "go")
    host.on_up("logstash", f'echo > "{here}"; read line < "{go}"')
    process = host.start()
    here.read_text()
    wait_until(lambda: host.saved()["service_redis"] != saved["service_redis"], "redis is kept")
    process.kill()
    process.communicate()
    go.write_text("\n")
    assert host.saved()["service_logstash"] == saved["service_logstash"]


def test_where_nothing_changed_a_thousand_files_need_no_more_calls_of_git_than_five(host: Stack) -> None:
    calls = noted_git(host.agent)
    host.deploy()
    calls()
    assert "Nothing changed" in host.deploy().stdout
    few = calls()
    host.remote.push({f"web/{number % 10}/{number}.conf": "port\n" for number in range(1_000)})
    assert host.deploy().returncode == 0
    calls()
    assert "Nothing changed" in host.deploy().stdout
    assert calls() == few
