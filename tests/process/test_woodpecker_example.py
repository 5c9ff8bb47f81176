"""The workflows for Woodpecker of INTEGRATION_EXAMPLES.md, run as they stand there, against a real service."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.process.examples import (
    AUTH,
    NASTY_MESSAGE,
    TOKEN,
    Woodpecker,
    assert_schema_allows,
    block,
    needs_jq,
    record,
    write_program,
)
from tests.process.service import Service, running


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running(tmp_path_factory.mktemp("service"), environment=AUTH) as service:
        yield service


def woodpecker(folder: Path, service: Service, *, knows_the_status: bool, **changed: str) -> Woodpecker:
    variables = {
        "CI_REPO_NAME": "rsyslog-config",
        "CI_COMMIT_SHA": "8d3d1c0b7b1f4c8f9a0e",
        "CI_COMMIT_BRANCH": "main",
        "CI_COMMIT_MESSAGE": NASTY_MESSAGE,
        "CI_PIPELINE_URL": "https://ci.example.com/repos/7/pipeline/8",
        "CI_PIPELINE_FILES": '["files/etc/rsyslog.conf","README.md"]',
    }
    write_program(folder / "validate.sh", "echo checked")
    write_program(folder / "deploy.sh", "exit 0")
    return Woodpecker(folder, variables | changed, {"status_url": service.url, "status_token": TOKEN}, knows_the_status)


def test_woodpecker_takes_the_workflows(tmp_path: Path) -> None:
    modern, older = block("Woodpecker 3.15 or newer", "yaml"), block("Woodpecker 3.0 to 3.14", "yaml")
    assert_schema_allows(tmp_path, "vendor.woodpecker-ci", modern, older)


@needs_jq
def test_woodpecker_reports_a_deployment_that_succeeded(tmp_path: Path, service: Service) -> None:
    ci = woodpecker(tmp_path, service, knows_the_status=True)
    assert ci.run(block("Woodpecker 3.15 or newer", "yaml"))
    stored = record(service, "rsyslog-prod", "rsyslog-01")
    expected = {
        "status": "synced",
        "pipeline_status": "synced",
        "validation_status": "passed",
        "validation_message": "checked",
        "server_type": "rsyslog",
        "environment": "prod",
        "repo_name": "rsyslog-config",
        "commit_sha": "8d3d1c0b7b1f4c8f9a0e",
        "branch": "main",
        "commit_message": NASTY_MESSAGE,
        "pipeline_url": "https://ci.example.com/repos/7/pipeline/8",
        "changed_files": ["files/etc/rsyslog.conf", "README.md"],
        "updated_by": "woodpecker",
    }
    assert {name: stored[name] for name in expected} == expected, ci.output
    assert not (tmp_path / "pwned").exists()


@needs_jq
def test_woodpecker_reports_a_failed_validation_with_the_end_of_its_log(tmp_path: Path, service: Service) -> None:
    ci = woodpecker(tmp_path, service, knows_the_status=True)
    log = (
        r"""awk 'BEGIN { while (i++ < 9999) printf "\303\274" }'; printf '\n\033[31m"/etc/x": line 1\033[0m'; exit 1"""
    )
    write_program(tmp_path / "validate.sh", log)
    assert not ci.run(block("Woodpecker 3.15 or newer", "yaml"))
    stored = record(service, "rsyslog-prod", "rsyslog-01")
    assert (stored["status"], stored["validation_status"]) == ("failed", "failed"), ci.output
    assert stored["validation_message"].endswith('ü\n[31m"/etc/x": line 1[0m')
    assert "line 1" in ci.output


@needs_jq
def test_woodpecker_reports_a_deployment_that_failed(tmp_path: Path, service: Service) -> None:
    ci = woodpecker(tmp_path, service, knows_the_status=True, CI_PIPELINE_FILES="")
    write_program(tmp_path / "deploy.sh", "exit 1")
    assert not ci.run(block("Woodpecker 3.15 or newer", "yaml"))
    stored = record(service, "rsyslog-prod", "rsyslog-01")
    assert (stored["status"], stored["validation_status"]) == ("failed", "passed"), ci.output
    assert stored["changed_files"] == []


@needs_jq
def test_woodpecker_without_a_result_is_unknown_and_not_green(tmp_path: Path, service: Service) -> None:
    ci = woodpecker(tmp_path, service, knows_the_status=False)
    ci.run(block("Woodpecker 3.15 or newer", "yaml"))
    assert record(service, "rsyslog-prod", "rsyslog-01")["status"] == "unknown", ci.output


@needs_jq
def test_woodpecker_stays_green_and_says_why_when_a_report_is_refused(tmp_path: Path, service: Service) -> None:
    ci = woodpecker(tmp_path, service, knows_the_status=True, CI_PIPELINE_URL="no address")
    assert ci.run(block("Woodpecker 3.15 or newer", "yaml"))
    assert "pipeline_url must be an http or https address" in ci.output


@needs_jq
@pytest.mark.parametrize(("exit_code", "status"), [(0, "synced"), (1, "failed")])
def test_an_older_woodpecker_reports_in_two_steps(
    tmp_path: Path, service: Service, exit_code: int, status: str
) -> None:
    ci = woodpecker(tmp_path, service, knows_the_status=False)
    write_program(tmp_path / "deploy.sh", f"exit {exit_code}")
    assert ci.run(block("Woodpecker 3.0 to 3.14", "yaml")) == (exit_code == 0)
    stored = record(service, "rsyslog-prod", "rsyslog-01")
    assert (stored["status"], stored["commit_message"]) == (status, NASTY_MESSAGE), ci.output
