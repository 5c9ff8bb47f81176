"""`status` says what the agent did and knows, without asking git or the service."""

import re
import shutil

from tests.agent.stack import Stack, pipes
from tests.process.service import free_port


def said(host: Stack) -> str:
    """What it says, without the moments."""
    done = host.agent("status", "--config", host.folder / "config.json")
    assert (done.returncode, done.stderr) == (0, "")
    return re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "T", done.stdout)


def lines(host: Stack) -> list[str]:
    """Each line without time, level and server."""
    return [re.sub(r"^T \w+ +(\[\S+\] )?", "", line) for line in said(host).splitlines()]


def test_where_nothing_ran_it_says_so(host: Stack) -> None:
    assert lines(host) == [
        f"This is {host.group}/h1 on the board, as the config says.",
        "Last deploy: never",
        "Last check: never, or not since the last update",
        "No report waits.",
    ]


def test_it_names_the_last_deploy_the_last_check_and_what_drifted(host: Stack) -> None:
    assert host.deploy().returncode == 0
    commit = host.remote.push({"web/nginx.conf": "events { }\n"}, "Say it otherwise")
    assert host.deploy().returncode == 0
    (host.remote.clone / "web/nginx.conf").write_text("by hand")
    assert host.agent("check", "--config", host.folder / "config.json").returncode == 1
    shutil.rmtree(host.folder / "remote.git")
    assert lines(host) == [
        f"This is {host.group}/h1 on the board, as the config says.",
        "Last deploy: T",
        f"It was synced with {commit[:12]} of main: Say it otherwise",
        "Last check: T",
        "It was out_of_sync.",
        "  web/nginx.conf",
        "No report waits.",
    ]


def test_it_names_a_commit_that_is_held_back_and_why(host: Stack) -> None:
    host.configure(checksAfter=[{"command": "! grep -q bad web/nginx.conf", "retries": 0}], rollback=True)
    host.deploy()
    bad = host.remote.push({"web/nginx.conf": "bad"})
    assert host.deploy().returncode == 1
    told = lines(host)
    assert told[2].startswith("It was failed with ")
    assert f"Commit {bad[:12]} is held back, and the branch has to go on." in told
    assert any(f"Commit {bad[:12]} was rolled back to " in line for line in told)


def test_it_tells_a_run_that_goes_on_from_one_that_died(host: Stack) -> None:
    here, gate = pipes(host.folder, "here", "gate")
    host.on_up("", f'echo > "{here}"; read _ < "{gate}"')
    with host.start() as run:
        here.read_text()
        assert "A run that began at T goes on." in lines(host)
        run.kill()
        run.wait()
        gate.write_text("go\n")
    assert "A run that began at T ended before its time." in lines(host)


def test_it_names_the_reports_that_wait(host: Stack) -> None:
    host.configure(statusUrl=f"http://127.0.0.1:{free_port()}")
    host.agent("report", "cron", "--config", host.folder / "config.json")
    assert lines(host)[-1] == f"The cron report of {host.group}/h1 of T waits to be sent."
