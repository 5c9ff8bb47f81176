"""`gitops-agent report`, as scripts call it."""

import contextlib
import json
import os
import re
import shlex
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.agent.agents import Agent, ask, config, remote
from tests.process.service import ROOT, Service, free_port, running, wait_until
from tests.small_disk import small_disk

ADMIN_TOKEN = "an-admin-token-of-the-tests"


@dataclass(frozen=True)
class Report:
    """`gitops-agent report` to a service, with its state in a folder of the test's, unless the arguments say otherwise."""

    agent: Agent
    url: str

    def __call__(self, *arguments: str | Path, **options: Any) -> subprocess.CompletedProcess[str]:
        """Run it to its end."""
        return self.agent(*self._whole(arguments), **options)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start it and go on."""
        return self.agent.start(*self._whole(arguments))

    @property
    def waiting(self) -> list[Path]:
        """The files of the spool, in order."""
        return sorted((self.agent.folder / "state/spool").glob("*.json"))

    def _whole(self, arguments: tuple[str | Path, ...]) -> list[str | Path]:
        given: list[str | Path] = ["--state-dir", self.agent.folder / "state", "--url", self.url] if arguments else []
        return ["report", *arguments[:1], *given, *arguments[1:]]


@pytest.fixture
def report(agent: Agent, service: Service) -> Report:
    return Report(agent, service.url)


def test_a_pipeline_report_with_all_its_fields(report: Report, service: Service, group: str) -> None:
    done = report(
        "pipeline", "--server-group", group, "--host", "web-01", "--status", "failed",
        "--changed-file", "/etc/a.conf", "--changed-file", "/etc/ü.conf", "--validation-status", "failed",
        "--validation-message", "line 3", "--commit-sha", "abc1234", "--branch", "main", "--updated-by", "jenkins",
        "--pipeline-url", "https://ci.example.com/7", "--commit-message", "Schön", "--project-name", "fleet",
        "--repo-name", "web", "--server-type", "nginx", "--environment", "prod",
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    record = ask(f"{service.url}/status/{group}/web-01")
    wanted = {
        "status": "failed", "changed_files": ["/etc/a.conf", "/etc/ü.conf"], "validation_status": "failed",
        "validation_message": "line 3", "commit_sha": "abc1234", "branch": "main", "updated_by": "jenkins",
        "pipeline_url": "https://ci.example.com/7", "commit_message": "Schön", "project_name": "fleet",
        "repo_name": "web", "server_type": "nginx", "environment": "prod",
    }  # fmt: skip
    assert {name: record[name] for name in wanted} == wanted
    assert report.waiting == []


def test_the_calls_of_the_manual_do_what_they_say(report: Report, service: Service, group: str) -> None:
    folder = report.agent.folder
    clone = remote(folder, {"a.conf": "1"}).clone
    (clone / "a.conf").write_text("by hand")
    (folder / "nginx.log").write_text("line 3\n")
    (folder / "bin").mkdir()
    program = folder / "bin/gitops-agent"
    program.write_text(f'#!/bin/sh\nexec {shlex.join(report.agent.program)} "$@" --state-dir {folder}/state\n')
    program.chmod(0o755)
    [shell] = re.findall("```sh\n(gitops-agent report .*?)```", (ROOT / "docs/AGENT.md").read_text(), re.DOTALL)
    here = shell.replace("--server-group web ", f"--server-group {group} ").replace("/opt/stack", str(clone))
    told = {"STATUS_URL": service.url, "CI_COMMIT_SHA": "abc1234", "CI_PIPELINE_URL": "https://ci.example.com/7"}
    environment = report.agent.environment() | told
    done = subprocess.run(["sh", "-e", "-c", here], cwd=folder, env=environment, capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    record = ask(f"{service.url}/status/{group}/web-01")
    assert (record["pipeline_status"], record["validation_message"], record["commit_sha"]) == (
        "failed",
        "line 3",
        "abc1234",
    )
    assert (record["status"], record["changed_files"], record["check_interval"]) == ("out_of_sync", ["a.conf"], 900)


def test_a_cron_report_says_drift_by_the_files_that_it_names(report: Report, service: Service, group: str) -> None:
    server = ("--server-group", group, "--host", "web-01", "--check-interval", "300", "--environment", "lab")
    done = report("cron", *server, "--changed-files-from", "-", input="/etc/a b.conf\n/etc/c\n\n")
    assert done.returncode == 0, done.stderr
    record = ask(f"{service.url}/status/{group}/web-01")
    assert (record["drift_status"], record["changed_files"]) == ("out_of_sync", ["/etc/a b.conf", "/etc/c"])
    assert (record["check_interval"], record["environment"]) == (300, "lab")
    assert report("cron", *server, "--changed-files-from", "/dev/null").returncode == 0
    record = ask(f"{service.url}/status/{group}/web-01")
    assert (record["drift_status"], record["changed_files"]) == ("synced", [])
    assert report("cron", *server, "--check-interval", "0").returncode == 0
    assert ask(f"{service.url}/status/{group}/web-01")["check_interval"] is None


def test_names_from_a_file_may_stand_between_nul_bytes_and_be_no_utf_8(
    report: Report, service: Service, group: str
) -> None:
    names = report.agent.folder / "names"
    names.write_bytes(b"/etc/\xff\0/etc/two\nlines\0")
    done = report("cron", "--server-group", group, "--host", "a", "--changed-file", os.fsdecode(b"/etc/\xfe"), "--changed-files-from", names)  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert ask(f"{service.url}/status/{group}/a")["changed_files"] == ["/etc/\\xfe", "/etc/\\xff", "/etc/two\nlines"]


def test_a_config_of_one_repository_says_where_and_what(agent: Agent, service: Service, group: str) -> None:
    path = config(
        agent.folder / "gitops-config.json", statusUrl=service.url, stateDir=str(agent.folder / "elsewhere"),
        serverGroup=group, host="web-07", serverType="nginx", deploymentRepo="/opt/stack",
    )  # fmt: skip
    assert agent("report", "pipeline", "--status", "synced").returncode == 0
    assert agent("report", "cron", "--host", "web-08", "--config", path, cwd="/").returncode == 0
    rows = ask(f"{service.url}/status/{group}")
    assert [(row["host"], row["server_type"]) for row in rows] == [("web-07", "nginx"), ("web-08", "unknown")]
    assert (agent.folder / "elsewhere/spool").is_dir()


def test_with_an_address_no_config_is_read_unless_it_is_named(agent: Agent, service: Service, group: str) -> None:
    (agent.folder / "gitops-config.json").write_text("{")
    arguments = ("report", "cron", "--server-group", group, "--host", "a", "--state-dir", agent.folder)
    assert agent(*arguments, "--url", service.url).returncode == 0
    done = agent(*arguments)
    assert done.returncode == 2
    assert "gitops-config.json is no JSON" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["pipeline", "--server-group", "a", "--host", "b"], "--status"),
        (["pipeline", "--server-group", "a", "--host", "b", "--status", "green"], "green"),
        (["cron", "--host", "b"], "--server-group is needed: 1 to 253 of"),
        (["cron", "--server-group", "a"], "--host is needed"),
        (["cron", "--server-group", "a/b", "--host", "b"], "--server-group is needed"),
        (["cron", "--server-group", "a", "--host", "b", "--check-interval", "-1"], "must be whole seconds"),
        (["cron", "--server-group", "a", "--host", "b", "--check-interval", "31536001"], "must be whole seconds"),
        (["cron", "--server-group", "a", "--host", "b", "--changed-files-from", "no-such"], "no-such cannot be read"),
        (["pipeline", "--server-group", "a", "--host", "b", "--status", "synced", "--pipeline-url", "ci/7"], "--pipeline-url must be an http"),
        (["cron", "--server-group", "a", "--host", "b", "--url", "file:///etc/passwd"], "must begin with http"),
        (["cron", "--server-group", "a", "--host", "b", "--url", "http://me:secret@example.com"], "hold no password"),
        ([], "pipeline|cron"),
    ],
    ids=str,
)  # fmt: skip
def test_wrong_use_is_status_2_with_a_sentence_and_nothing_waits(
    report: Report, arguments: list[str], words: str
) -> None:
    done = report(*arguments)
    assert done.returncode == 2, done.stderr
    assert words in done.stderr
    assert report.waiting == []


def test_without_an_address_it_is_wrong_use(agent: Agent) -> None:
    done = agent("report", "cron", "--server-group", "a", "--host", "b")
    assert done.returncode == 2
    assert done.stderr == "gitops-agent: Say where GitOps Status is: --url, STATUS_URL, or statusUrl in the config.\n"


def test_one_that_waits_is_status_0_with_a_warning_and_one_that_is_lost_status_1(
    report: Report, service: Service
) -> None:
    arguments = ("cron", "--server-group", "a", "--host", "b", "--url", f"{service.url}/nowhere")
    done = report(*arguments)
    assert (done.returncode, done.stdout) == (0, "")
    assert "WARNING The cron report of a/b waits." in done.stderr
    assert "There is no GitOps Status at that address." in done.stderr
    assert len(report.waiting) == 1
    done = report(*arguments, "--state-dir", "/dev/null/x")
    assert done.returncode == 1
    assert "/dev/null/x/spool" in done.stderr
    assert "The cron report is lost." in done.stderr


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service that asks for tokens."""
    environment = {"STATUS_AUTH": "writes", "STATUS_ADMIN_TOKEN": ADMIN_TOKEN}
    with running(tmp_path_factory.mktemp("guarded"), workers=1, environment=environment) as service:
        yield service


def test_a_report_with_a_wrong_token_waits_until_there_is_a_right_one(
    agent: Agent, guarded: Service, group: str
) -> None:
    report = Report(agent, guarded.url)
    arguments = ("cron", "--server-group", group, "--host", "a")
    done = report(*arguments, env={"STATUS_TOKEN": "gst_wrong"})
    assert done.returncode == 0
    assert "see STATUS_TOKEN or tokenFile" in done.stderr
    assert "gst_wrong" not in done.stderr
    token = agent.folder / "token"
    token.write_text(ADMIN_TOKEN)
    token.chmod(0o600)
    done = report(*arguments, "--status", "failed", "--token-file", token)
    assert (done.returncode, done.stderr) == (0, "")
    rows = ask(f"{guarded.url}/history?server_group={group}")
    assert [(row["status"], row["actor"]) for row in rows] == [("failed", "admin")]


def test_a_report_of_a_process_that_was_killed_before_it_was_sent_goes_out_with_the_next(
    agent: Agent, tmp_path: Path
) -> None:
    port = free_port()
    report = Report(agent, f"http://127.0.0.1:{port}")
    arguments = ("pipeline", "--server-group", "web", "--status", "synced", "--host")
    for count, host in enumerate(("z", "y"), 1):
        process = report.start(*arguments, host)
        wait_until(lambda count=count: len(report.waiting) == count, "the report is on disk")  # type: ignore[misc]  # a default
        process.kill()
        process.communicate()
        assert process.returncode == -signal.SIGKILL
    (tmp_path / "service").mkdir()
    with running(tmp_path / "service", workers=1, port=port) as service:
        done = report(*arguments, "x")
        assert [row["host"] for row in ask(f"{service.url}/history")] == ["z", "y", "x"]
    assert done.returncode == 0
    assert done.stderr.count("had to wait, and is delivered.") == 2
    assert report.waiting == []


def test_twenty_at_once_lose_none_and_the_newest_of_each_server_stays(
    report: Report, service: Service, group: str
) -> None:
    """While nothing is delivered, and then while everything is."""
    arguments = ("pipeline", "--server-group", group, "--status", "synced")
    nowhere = ("--url", f"{service.url}/nowhere")
    for commit, count in (("older", 4), ("newer", 20)):
        _all_at_once(
            [report.start(*arguments, "--host", f"h-{n}", "--commit-sha", commit, *nowhere) for n in range(count)]
        )
    held = [json.loads(path.read_text())["report"] for path in report.waiting]
    assert sorted(one["host"] for one in held) == sorted(f"h-{n}" for n in range(20))
    assert {one["commit_sha"] for one in held} == {"newer"}
    _all_at_once([report.start(*arguments, "--host", f"h-{n}", "--commit-sha", "newest") for n in range(10, 30)])
    rows = ask(f"{service.url}/status/{group}")
    assert {row["host"]: row["commit_sha"] for row in rows} == {
        f"h-{n}": "newer" if n < 10 else "newest" for n in range(30)
    }
    assert report.waiting == []


def _all_at_once(processes: list[subprocess.Popen[str]]) -> None:
    ended = [process.communicate(timeout=60) for process in processes]
    assert [process.returncode for process in processes] == [0] * len(processes), ended


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "disk", "size=64k") as folder:
        yield folder


@pytest.mark.parametrize("trouble", ["No space left on device", "Read-only file system"])
def test_where_the_disk_takes_nothing_it_is_said_and_the_report_is_sent(
    report: Report, service: Service, group: str, disk: Path, trouble: str
) -> None:
    arguments = ("cron", "--server-group", group, "--host", "a", "--state-dir", disk)
    assert report(*arguments, "--url", f"{service.url}/nowhere").returncode == 0
    if trouble.startswith("No"):
        with (disk / "ballast").open("ab", buffering=0) as ballast, contextlib.suppress(OSError):
            while ballast.write(bytes(4096)):
                pass
    else:
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    done = report(*arguments, "--status", "failed")
    assert done.returncode == 0, done.stderr
    assert f"cannot be written: {trouble}. So the report is sent, and cannot wait." in done.stderr
    assert ask(f"{service.url}/status/{group}/a")["status"] == "failed"
    if trouble.startswith("No"):  # the older report of that server shall not come after the newer
        assert list((disk / "spool").iterdir()) == []
