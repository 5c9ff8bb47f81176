"""The runs of `check`: what stays unknown, what is reported and kept, how many files they take, and how they end."""

import json
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

from tests.agent.agents import Agent, git, noted_git, remote
from tests.agent.servers import FILES, Server, unprivileged
from tests.process.service import running, wait_until


def test_a_remote_that_cannot_be_reached_is_unknown_and_never_drift(server: Server, tmp_path: Path) -> None:
    (server.clone / "compose.yml").write_text("edited")
    server.check()
    (tmp_path / "git/remote.git").rename(tmp_path / "git/away.git")
    done = server.check()
    assert done.returncode == 2
    assert server.verdict() == ("unknown", ["compose.yml"])  # the service keeps what it knew
    assert "git fetch ended with exit code" in done.stdout


def test_a_branch_that_is_gone_is_unknown(server: Server) -> None:
    git(server.remote.work, "push", "--quiet", "origin", "HEAD:refs/heads/other")
    bare = server.remote.work.parent / "remote.git"
    git(bare, "symbolic-ref", "HEAD", "refs/heads/other")
    git(bare, "branch", "--delete", "--force", "main")
    done = server.check()
    assert (done.returncode, server.verdict()[0]) == (2, "unknown")
    assert "is on no branch that the remote has." in done.stdout


def test_a_clone_that_is_on_no_branch_is_unknown(server: Server) -> None:
    git(server.clone, "checkout", "--quiet", "--detach")
    done = server.check()
    assert (done.returncode, server.verdict()[0]) == (2, "unknown")
    assert "is on no branch that the remote has." in done.stdout


def test_a_clone_that_is_not_there_is_unknown(server: Server) -> None:
    shutil.rmtree(server.clone)
    assert server.check().returncode == 2
    assert server.verdict()[0] == "unknown"


def test_a_remote_that_hangs_is_unknown_when_its_time_is_over(server: Server) -> None:
    server.members["gitTimeout"] = 1
    git(server.clone, "remote", "set-url", "origin", "ssh://git@example.com/x")
    done = server.check(env={"GIT_SSH_COMMAND": "sleep 1000; :"})
    assert done.returncode == 2
    assert "git fetch took too long and was ended" in done.stdout
    assert server.verdict()[0] == "unknown"


def test_a_file_that_cannot_be_read_is_unknown_and_never_drift(server: Server) -> None:
    (server.clone / "run.sh").chmod(0)
    server.agent = Agent(server.folder, [*unprivileged(), *server.agent.program])
    done = server.check()
    assert done.returncode == 2
    assert server.verdict()[0] == "unknown"
    assert "run.sh cannot be read: Permission denied." in done.stdout


def test_while_another_run_works_on_the_clone_nothing_is_done_or_reported(server: Server) -> None:
    with subprocess.Popen(["flock", server.clone, "sh", "-c", "echo locked; read _"], stdin=-1, stdout=-1) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == b"locked\n"
        done = server.check()
        holder.communicate(b"\n")
    assert done.returncode == 3
    assert "Another run works on" in done.stdout
    assert "error" in server.record()


def test_a_wrong_config_reports_nothing_and_says_why(server: Server) -> None:
    server.members["files"] = [{"command": "true", "target": "/etc/"}]
    done = server.check()
    assert done.returncode == 2
    assert "files[0].target must be a file, as the command prints one." in done.stderr


def test_several_repositories_have_a_report_each_and_one_exit_status(server: Server, tmp_path: Path) -> None:
    common = ("statusUrl", "stateDir")
    second, third = remote(tmp_path / "second", FILES), remote(tmp_path / "third", FILES)
    servers = [
        {"serverGroup": server.group, "host": host, "deploymentRepo": str(each.clone)}
        for host, each in (("web1", server.remote), ("web2", second), ("web3", third))
    ]
    server.members = {**{name: server.members[name] for name in common}, "repositories": servers, "checkEvery": 0}
    (second.clone / "run.sh").unlink()
    assert server.check().returncode == 1
    shutil.rmtree(server.clone)
    assert server.check().returncode == 2
    records = [server.record(host) for host in ("web1", "web2", "web3")]
    assert [record["status"] for record in records] == ["unknown", "out_of_sync", "synced"]
    assert [record["check_interval"] for record in records] == [None] * 3


def test_the_verdict_is_kept_for_a_deployment_that_finds_nothing_to_do(server: Server) -> None:
    def kept() -> Any:
        return json.loads((server.folder / "state/servers" / server.group / "web1/drift.json").read_text())

    server.check()
    assert kept() == {"status": "synced", "changed_files": []}
    (server.clone / "run.sh").unlink()
    server.check()
    assert kept() == {"status": "out_of_sync", "changed_files": ["run.sh"]}
    git(server.clone, "checkout", "--quiet", "--detach")
    server.check()
    assert kept() == {"status": "unknown", "changed_files": None}


def test_drift_is_reported_though_the_verdict_cannot_be_kept(server: Server) -> None:
    (server.folder / "state/servers" / server.group / "web1/drift.json/in-the-way").mkdir(parents=True)
    (server.clone / "run.sh").unlink()
    done = server.check()
    assert done.returncode == 2
    assert "drift.json cannot be written" in done.stdout
    assert server.verdict() == ("out_of_sync", ["run.sh"])


def test_a_server_whose_checks_stopped_is_stale(server: Server, tmp_path: Path) -> None:
    """Its interval is in the report, so the service knows when the next one was due."""
    server.members["checkEvery"] = 1
    with running(tmp_path, workers=1) as service:
        server.url = server.members["statusUrl"] = service.url
        server.check()
        record = server.record()
        assert (record["check_interval"], record["stale"]) == (60, False)
        service.stop()
    store = tmp_path / "status.json"
    past = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 200))
    # Of the check alone: the service was there all the time, and notes that it was.
    name, text = '"last_cron_check":"', store.read_text()
    store.write_text(text.replace(name + record["last_cron_check"], name + past))
    with running(tmp_path, workers=1) as service:
        server.url = service.url
        assert server.record()["stale"] is True


def test_a_log_for_machines_has_an_object_a_line_diffs_too(server: Server) -> None:
    server.members["log"] = "json"
    (server.clone / "redis/redis.conf").write_text("port 6379\nrequirepass hunter2\n")
    lines = [json.loads(line) for line in server.check("--diff").stdout.splitlines()]
    assert {line["server"] for line in lines} == {f"{server.group}/web1"}
    (diff,) = [line["diff"] for line in lines if "diff" in line]
    assert diff == (
        "--- redis/redis.conf (git)\n+++ redis/redis.conf (server)\n@@ -1,2 +1,2 @@\n"
        " port 6379\n-save 60\n+requirepass ********"
    )


def test_a_thousand_files_need_no_more_calls_of_git_than_three(server: Server) -> None:
    calls = noted_git(server.agent)
    (server.clone / "compose.yml").write_text("edited")
    server.check()
    few = calls()
    git(server.clone, "checkout", "--quiet", "compose.yml")
    server.remote.push({f"{n % 11}/{n}.conf": f"{n}\n" for n in range(1_210)})
    git(server.clone, "pull", "--quiet")
    (server.clone / "7/7.conf").write_text("8\n")
    done = server.check()
    assert server.verdict() == ("out_of_sync", ["7/7.conf"])
    assert ": 1213 files." in done.stdout
    assert calls() == few
    for folder in range(10):
        shutil.rmtree(server.clone / str(folder))
    assert server.check().returncode == 1
    status, files = server.verdict()
    assert (status, len(files), files[-1]) == ("out_of_sync", 1000, "… and 101 more")


def test_a_check_that_is_ended_leaves_nothing_behind(server: Server, tmp_path: Path) -> None:
    started = tmp_path / "started"
    server.members["files"] = [{"command": f"pwd > {started}; sleep 60", "target": str(tmp_path / "x")}]
    process = server.agent.start("check", "--config", server.config())
    wait_until(lambda: started.exists() and started.read_text().endswith("\n"), "the template runs")
    folder = Path(started.read_text().strip())
    assert (folder / "compose.yml").exists()
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM
    assert not folder.parent.exists()
    assert "error" in server.record()
