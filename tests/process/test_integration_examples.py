"""Every code block of INTEGRATION_EXAMPLES.md has a test: here those of Ansible, Jenkins, GitHub, Grafana and old clients."""

import json
import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import requests
import yaml

from tests.process.examples import (
    AUTH,
    NASTY_MESSAGE,
    TOKEN,
    assert_schema_allows,
    block,
    blocks,
    blocks_asked_for,
    git,
    needs_jq,
    record,
    run,
    start_ansible,
)
from tests.process.service import Service, free_port, running


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running(tmp_path_factory.mktemp("service"), environment=AUTH) as service:
        yield service


def test_no_block_is_without_a_test() -> None:
    files = [
        Path(__file__).with_name(f"test_{name}.py")
        for name in ("integration_examples", "woodpecker_example", "drift_example", "agent_examples")
    ]
    assert set().union(*map(blocks_asked_for, files)) == set(blocks())


# Ansible


def test_ansible_reports_every_host_of_a_play_whatever_became_of_it(tmp_path: Path, service: Service) -> None:
    plays = {
        "mixed": {
            "ok-01": "",
            "refused-01": "validator=false",
            "unreachable-01": "ansible_connection=ssh ansible_host=127.0.0.1 ansible_port=1",
        },
        "all-fail": {"refused-02": "validator=false"},
        "no-service": {"ok-02": ""},
    }
    runs = {}
    with ExitStack() as stack:
        for name, hosts in plays.items():
            (tmp_path / name).mkdir()
            if name == "mixed":
                git(tmp_path / name, "init", "--quiet")
                git(tmp_path / name, "commit", "--quiet", "--allow-empty", "--message=one")
            url = f"http://127.0.0.1:{free_port()}" if name == "no-service" else service.url
            process = start_ansible(tmp_path / name, block("Ansible", "yaml"), url, TOKEN, hosts)
            runs[name] = stack.enter_context(process)
        output = {name: run.communicate(timeout=60)[0] for name, run in runs.items()}

    hosts_reported = [*plays["mixed"], *plays["all-fail"]]
    stored = {host: record(service, "rsyslog-prod", host) for host in hosts_reported}
    statuses = {host: stored[host]["status"] for host in stored}
    assert statuses == {host: "synced" if host.startswith("ok") else "failed" for host in stored}, output
    assert stored["ok-01"]["validation_status"] == "passed"
    assert stored["ok-01"]["commit_sha"] == git(tmp_path / "mixed", "rev-parse", "HEAD")
    assert stored["refused-02"]["commit_sha"] == ""
    assert stored["refused-01"]["validation_message"] == "Copy the configuration: failed to validate"
    assert stored["unreachable-01"]["validation_message"].startswith("Reach the host: ")
    assert {name: run.returncode for name, run in runs.items()} == {"mixed": 2, "all-fail": 2, "no-service": 0}
    assert (tmp_path / "no-service/ok-02.conf").exists(), "a report that fails must not stop a deployment"


# Jenkins and GitHub Actions


def jenkins_report_step() -> str:
    """The shell script of `post { always { … } }`, as Groovy reads it."""
    jenkinsfile = block("Jenkins", "groovy")
    assert jenkinsfile.count("{") == jenkinsfile.count("}")
    found = re.search(r"\n {4}post \{\n {8}always \{.*?sh '''(.*?)'''", jenkinsfile, re.DOTALL)
    assert found
    script = found[1].replace("\\\n", "")
    assert "\\" not in script, "Groovy has its own meaning for a backslash"
    return script


@needs_jq
@pytest.mark.parametrize(("result", "status"), [("SUCCESS", "synced"), ("FAILURE", "failed"), ("ABORTED", "unknown")])
def test_jenkins_reports_each_result(tmp_path: Path, service: Service, result: str, status: str) -> None:
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "commit", "--quiet", "--allow-empty", "--message", NASTY_MESSAGE)
    environment = {
        "STATUS_URL": service.url,
        "STATUS_TOKEN": TOKEN,
        "RESULT": result,
        "GIT_COMMIT": "abc1234",
        "GIT_BRANCH": "origin/main",
        "BUILD_URL": "https://jenkins.example.com/job/nginx/7/",
    }
    done = run(["sh", "-xe"], tmp_path, environment, jenkins_report_step())
    assert done.returncode == 0, done.stderr
    stored = record(service, "nginx-prod", "nginx-01")
    assert (stored["status"], stored["commit_message"]) == (status, NASTY_MESSAGE)
    assert (stored["commit_sha"], stored["updated_by"]) == ("abc1234", "jenkins")


@needs_jq
def test_jenkins_builds_on_when_the_report_is_refused(tmp_path: Path, service: Service) -> None:
    done = run(["sh", "-xe"], tmp_path, {"STATUS_URL": service.url + "/none"}, jenkins_report_step())
    assert done.returncode == 0
    assert "GitOps Status did not accept the report" in done.stdout


def test_github_takes_the_workflow(tmp_path: Path) -> None:
    assert_schema_allows(tmp_path, "vendor.github-workflows", block("GitHub Actions", "yaml"))


@needs_jq
@pytest.mark.parametrize(("result", "status"), [("success", "synced"), ("failure", "failed"), ("cancelled", "unknown")])
def test_github_reports_each_result(tmp_path: Path, service: Service, result: str, status: str) -> None:
    step = yaml.safe_load(block("GitHub Actions", "yaml"))["jobs"]["deploy"]["steps"][-1]
    assert (step["if"], step["continue-on-error"]) == ("always()", True)
    assert "${{" not in step["run"], "a commit message must not become part of the script"
    values = {
        "secrets.STATUS_URL": service.url,
        "secrets.STATUS_TOKEN": TOKEN,
        "job.status": result,
        "github.event.head_commit.message": NASTY_MESSAGE,
        "github.server_url": "https://github.com",
        "github.repository": "acme/nginx-config",
        "github.run_id": "42",
    }
    environment = {
        name: re.sub(r"\$\{\{ (.*?) \}\}", lambda match: values[match[1]], text) for name, text in step["env"].items()
    }
    environment |= {"GITHUB_SHA": "abc1234", "GITHUB_REF_NAME": "main"}
    done = run(["bash", "-e"], tmp_path, environment, step["run"])
    assert done.returncode == 0, done.stderr
    stored = record(service, "nginx-prod", "nginx-02")
    assert (stored["status"], stored["commit_message"], stored["branch"]) == (status, NASTY_MESSAGE, "main")
    assert stored["pipeline_url"] == "https://github.com/acme/nginx-config/actions/runs/42"


# Grafana and the old dialect


def test_grafana_gets_a_datasource_that_reaches_the_service(service: Service) -> None:
    (datasource,) = yaml.safe_load(block("Grafana Infinity", "yaml"))["datasources"]
    url, options = datasource["url"], datasource["jsonData"]
    assert (datasource["type"], datasource["access"]) == ("yesoreyeram-infinity-datasource", "proxy")
    assert not url.endswith("/")
    assert options["allowedHosts"] == [url]
    assert options["customHealthCheckEnabled"] is True
    health = requests.get(options["customHealthCheckUrl"].replace(url, service.url), timeout=60)
    assert (health.status_code, bool(health.content)) == (200, True)


def test_grafana_finds_every_column_with_its_type_in_a_real_row(service: Service) -> None:
    target = json.loads(block("Grafana Infinity", "json"))
    expected = {"type": "json", "source": "url", "parser": "backend", "format": "table", "root_selector": ""}
    assert {name: target[name] for name in expected} == expected
    assert target["url_options"] == {"method": "GET", "data": "", "params": [], "headers": []}
    (datasource,) = yaml.safe_load(block("Grafana Infinity", "yaml"))["datasources"]
    assert target["datasource"] == {"type": datasource["type"], "uid": datasource["uid"]}

    report = {"server_group": "grafana", "host": "g-01", "status": "synced"}
    headers = {"X-API-Key": TOKEN}
    requests.post(service.url + "/status/pipeline", json=report, headers=headers, timeout=60).raise_for_status()
    row = requests.get(service.url + target["url"], params={"server_group": "grafana"}, timeout=60).json()[0]
    types = {"string": str, "number": int, "boolean": bool, "timestamp": str}
    for column in target["columns"]:
        assert set(column) == {"selector", "text", "type"}
        assert type(row[column["selector"]]) is types[column["type"]], column
    assert {"server_group", "host", "problem"} <= {column["selector"] for column in target["columns"]}


def test_a_legacy_client_writes_and_reads_as_ever(tmp_path: Path, service: Service) -> None:
    script = block("A legacy rsyslog client", "sh")
    done = run(["sh", "-e"], tmp_path, {"STATUS_URL": service.url}, script)
    assert done.returncode == 0, done.stderr
    posted = json.loads(script.partition("-d '")[2].partition("'")[0])
    decoder = json.JSONDecoder()
    answered, end = decoder.raw_decode(done.stdout)
    assert decoder.decode(done.stdout[end:]) == answered == posted
    stored = record(service, "rsyslog-lab", "rsyslog-lab")
    assert (stored["status"], stored["updated_by"]) == ("out_of_sync", "legacy")
