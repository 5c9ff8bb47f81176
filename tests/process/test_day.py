"""The day that `make demo` plays: what the service knew at each step of it, and that the demo itself runs."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.process.day import DayError, Story, play
from tests.process.document import example, workflow_steps
from tests.process.service import ROOT

HEADING = "Woodpecker 3.15 or newer"

# What the day calls, but the two that may be absent: rsyslogd and jq.
TOOLS = ["awk", "cat", "cmp", "cp", "curl", "env", "find", "git", "grep", "head", "mkdir", "mktemp", "rm", "sh", "sort"]
TOOLS += ["tail", "tar", "timeout", "touch", "tr", "uname"]

needs_rsyslogd = pytest.mark.skipif(
    shutil.which("rsyslogd", path=os.environ["PATH"] + ":/usr/sbin") is None,
    reason="rsyslogd is not installed; .ci/run installs it",
)
needs_jq = pytest.mark.skipif(shutil.which("jq") is None, reason="jq is not installed; .ci/run installs it")


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Story:
    """The day, played once."""
    return play(tmp_path_factory.mktemp("day"), lambda _line: None)


@needs_rsyslogd
@needs_jq
def test_a_commit_that_rsyslogd_refuses_is_shown_as_failed_with_its_words(day: Story) -> None:
    refused = day.refused
    assert (refused["status"], refused["validation_status"], refused["problem"]) == ("failed", "failed", 1)
    assert "config validation run" in refused["validation_message"]
    assert "10-forward.conf, on or before line 6: parameter 'targt' not known" in refused["validation_message"]
    assert refused["changed_files"] == ["files/etc/rsyslog.conf", "files/etc/rsyslog.d/10-forward.conf"]
    assert refused["commit_message"] == "Forward everything to the central log host"


@needs_rsyslogd
@needs_jq
def test_the_mended_commit_is_deployed_and_green(day: Story) -> None:
    deployed = day.deployed
    assert (deployed["status"], deployed["validation_status"], deployed["problem"]) == ("synced", "passed", 0)
    assert "End of config validation run" in deployed["validation_message"]
    assert deployed["changed_files"] == ["files/etc/rsyslog.d/10-forward.conf"]
    assert len(deployed["commit_sha"]) == 40
    assert deployed["commit_sha"] != day.refused["commit_sha"]
    assert (deployed["repo_name"], deployed["updated_by"]) == ("rsyslog-config", "woodpecker")
    assert (deployed["drift_status"], deployed["last_cron_check"]) == (None, None)


def test_an_edit_by_hand_is_found_and_the_deployment_is_still_known(day: Story) -> None:
    drifted = day.drifted
    assert (drifted["status"], drifted["drift_status"], drifted["problem"]) == ("out_of_sync", "out_of_sync", 1)
    assert drifted["changed_files"] == ["server/etc/rsyslog.conf"]
    assert drifted["check_interval"] == 900
    assert drifted["last_cron_check"] is not None
    of_the_deployment = ("pipeline_status", "validation_status", "commit_sha", "branch", "last_pipeline_run")
    assert {name: drifted[name] for name in of_the_deployment} == {
        name: day.deployed[name] for name in of_the_deployment
    }


def test_grafana_gets_the_flat_rows_of_the_groups_it_asked_for(day: Story) -> None:
    seen = {f"{row['server_group']}/{row['host']}": (row["status"], row["changed_files_count"]) for row in day.grafana}
    assert seen == {"nginx-prod/nginx-01": ("synced", 0), "rsyslog-prod/rsyslog-01": ("out_of_sync", 1)}
    assert not any(isinstance(value, list | dict) for row in day.grafana for value in row.values())


def test_a_v1_client_reads_the_drift_in_its_own_words(day: Story) -> None:
    assert day.legacy == {
        "repo": "rsyslog-config",
        "server": "rsyslog-01",
        "sync_status": "OUT_OF_SYNC",
        "drift_count": 1,
        "deployed_files": [],
        "drifted_files": ["server/etc/rsyslog.conf"],
        "last_check": day.drifted["last_cron_check"],
    }


def test_the_board_is_green_again_in_the_evening_and_the_file_says_the_same(day: Story) -> None:
    restored = day.restored
    assert (restored["status"], restored["changed_files"], restored["problem"]) == ("synced", [], 0)
    assert (day.summary["total"], day.summary["synced"], day.summary["problem"]) == (3, 3, 0)
    ((key, stored),) = json.loads("{" + day.line.rstrip(",") + "}").items()
    assert key == "rsyslog-prod/rsyslog-01"
    assert {name: restored[name] for name in stored.keys() & restored.keys()} == {
        name: stored[name] for name in stored.keys() & restored.keys()
    }


def test_where_rsyslogd_and_jq_are_absent_the_day_says_so_and_goes_on(tmp_path: Path) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    for tool in TOOLS:
        found = shutil.which(tool)
        assert found, tool
        (programs / tool).symlink_to(found)
    (tmp_path / "day").mkdir()
    told: list[str] = []
    story = play(tmp_path / "day", told.append, path=str(programs))
    assert [line.partition(":")[0] for line in told if "not installed" in line] == ["SKIPPED", "SKIPPED"]
    assert story.refused == {}
    assert (story.deployed["status"], story.deployed["validation_status"]) == ("synced", "skipped")
    assert story.drifted["status"] == "out_of_sync"
    assert story.restored["problem"] == 0


def test_without_git_or_curl_there_is_no_day(tmp_path: Path) -> None:
    with pytest.raises(DayError, match="The day needs git"):
        play(tmp_path, lambda _line: None, path=str(tmp_path))


def test_the_steps_are_those_that_a_reader_of_yaml_finds() -> None:
    workflow = example(HEADING, "yaml")
    commands = {step["name"]: step["commands"] for step in yaml.safe_load(workflow)["steps"]}
    tools = commands["report"].pop(0)
    assert tools.startswith("apk add ")
    found = {name: script.splitlines() for name, script in workflow_steps(workflow).items()}
    assert found == {name: "\n".join(lines).splitlines() for name, lines in commands.items()}


def test_the_demo_runs_with_the_standard_library_and_what_the_service_runs_on(tmp_path: Path) -> None:
    hide = "import sys; sys.modules.update(dict.fromkeys(('requests', 'yaml', 'pytest'))); import runpy; "
    demo = hide + "runpy.run_module('tests.process.day', run_name='__main__')"
    environment = {"PATH": os.environ["PATH"], "TMPDIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", demo], cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")
    for told in (
        "./deploy.sh",
        "rsyslog-prod/rsyslog-01: synced",
        "rsyslog-prod/rsyslog-01: out_of_sync",
        "server/etc/rsyslog.conf",
        '"sync_status": "OUT_OF_SYNC"',
        '"problem": 0',
        '"rsyslog-prod/rsyslog-01":{',
    ):
        assert told in done.stdout
    assert "Traceback" not in done.stdout
    assert list(tmp_path.iterdir()) == [], "the demo leaves nothing behind"
