"""Debian's own promtool and Prometheus understand what we say, and the alerts that we ship."""

import json
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from tests.process.service import ROOT, Service, free_port, running, wait_until, wait_until_it_answers

FOLDER = ROOT / "deploy/prometheus"
EVIL = 'a"b\\c\nd"} 1\n# {\t\r ä 💥'

pytestmark = pytest.mark.skipif(
    not (shutil.which("prometheus") and shutil.which("promtool")),
    reason="prometheus and promtool are not installed (apt-get install prometheus)",
)


def promtool(*arguments: str, given: str = "") -> tuple[int, str]:
    """The exit status of promtool among the files that we ship, and all that it said."""
    done = subprocess.run(
        ["promtool", *arguments], cwd=FOLDER, input=given, capture_output=True, text=True, check=False, timeout=60
    )
    return done.returncode, done.stdout + done.stderr


def report(service: Service, path: str = "/status/pipeline", **fields: Any) -> None:
    body = {"server_group": "web", "host": "web-01", **fields}
    requests.post(service.url + path, json=body, timeout=20).raise_for_status()


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    with running(tmp_path) as service:
        report(service, status="failed", server_type="nginx", environment=EVIL)
        report(service, "/status/cron", host="web-02", environment="prod")
        yield service


class Prometheus:
    """A running Prometheus, asked over its HTTP API."""

    def __init__(self, url: str) -> None:
        self.url = url

    def get(self, path: str, **parameters: str) -> Any:
        """What the API answers."""
        answer = requests.get(f"{self.url}/api/v1/{path}", params=parameters, timeout=20).json()
        assert answer["status"] == "success", answer
        return answer["data"]

    def values(self, query: str) -> dict[str, float]:
        """The value that each server has in the answer to a query."""
        found = self.get("query", query=query)["result"]
        return {one["metric"].get("host", ""): float(one["value"][1]) for one in found}

    def firing(self) -> set[tuple[str, str]]:
        """Which alerts there are, pending ones too, and about which host."""
        return {(one["labels"]["alertname"], one["labels"].get("host", "")) for one in self.get("alerts")["alerts"]}


@pytest.fixture
def prometheus(service: Service, tmp_path: Path) -> Iterator[Prometheus]:
    """Prometheus with the configuration that we ship, but for the target and the pace."""
    settings = yaml.safe_load((FOLDER / "prometheus.yml").read_text())
    [job] = settings["scrape_configs"]
    assert job["static_configs"] == [{"targets": ["gitops-status:5000"]}]
    job["static_configs"] = [{"targets": [service.url.removeprefix("http://")]}]
    settings["global"] = dict.fromkeys(settings["global"], "200ms")
    folder = tmp_path / "prometheus"
    shutil.copytree(FOLDER, folder)
    (folder / "prometheus.yml").write_text(yaml.safe_dump(settings))
    address = f"127.0.0.1:{free_port()}"
    with (tmp_path / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(
            [
                "prometheus",
                f"--config.file={folder / 'prometheus.yml'}",
                f"--storage.tsdb.path={tmp_path / 'series'}",
                f"--web.listen-address={address}",
            ],
            stdout=log, stderr=log,
        )  # fmt: skip
    try:
        ready = f"http://{address}/-/ready"
        wait_until_it_answers(ready, process)
        wait_until(lambda: requests.get(ready, timeout=20).ok, "Prometheus is ready")
        yield Prometheus(f"http://{address}")
    finally:
        process.kill()
        process.wait()


def test_promtool_finds_nothing_in_the_metrics(service: Service) -> None:
    text = requests.get(service.url + "/metrics", timeout=20).text
    assert promtool("check", "metrics", given=text) == (0, "")


def test_promtool_accepts_the_configuration_and_the_rules() -> None:
    for arguments in (("config", "prometheus.yml"), ("rules", "alerts.yml")):
        status, said = promtool("check", *arguments)
        assert status == 0, said
        assert "SUCCESS" in said


def test_the_alerts_do_what_their_test_says() -> None:
    status, said = promtool("test", "rules", "alerts_test.yml")
    assert status == 0, said


def test_the_test_of_the_alerts_knows_each_alert() -> None:
    [group] = yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"]
    tests = yaml.safe_load((FOLDER / "alerts_test.yml").read_text())["tests"]
    tested = {one["alertname"] for test in tests for one in test["alert_rule_test"] if one["exp_alerts"]}
    assert tested == {rule["alert"] for rule in group["rules"]}


def test_prometheus_reads_what_the_service_says(prometheus: Prometheus) -> None:
    wait_until(lambda: bool(prometheus.values("gitops_server_problem")), "it has scraped")
    assert prometheus.values("gitops_server_problem") == {"web-01": 1, "web-02": 0}
    assert prometheus.values('gitops_server_status{status="failed"} == 1') == {"web-01": 1}
    assert prometheus.values("sum by (host) (gitops_server_status)") == {"web-01": 1, "web-02": 1}
    now = time.time()
    assert prometheus.values("gitops_server_last_check_timestamp_seconds")["web-02"] == pytest.approx(now, abs=30)
    [found] = prometheus.get("query", query='gitops_server_problem{host="web-01"}')["result"]
    assert found["metric"]["environment"] == EVIL
    known = {one for one in prometheus.get("metadata") if one.startswith("gitops_")}
    assert len(known) == 13


def test_a_deleted_server_is_gone_from_prometheus_too(service: Service, prometheus: Prometheus) -> None:
    wait_until(lambda: len(prometheus.values("gitops_server_problem")) == 2, "it has scraped")
    requests.delete(f"{service.url}/status/web/web-01", timeout=20).raise_for_status()
    wait_until(lambda: prometheus.values("gitops_server_problem") == {"web-02": 0}, "the series end")


def test_the_shipped_alerts_hear_of_a_problem_and_of_a_service_that_died(
    service: Service, prometheus: Prometheus
) -> None:
    wait_until(lambda: prometheus.firing() == {("GitOpsServerProblem", "web-01")}, "the problem is pending")
    report(service, status="synced", server_type="nginx", environment=EVIL)
    wait_until(lambda: prometheus.firing() == set(), "it is over")
    service.signal(signal.SIGKILL)
    wait_until(lambda: prometheus.firing() == {("GitOpsStatusNotReady", "")}, "the service is missed")
    [alert] = prometheus.get("alerts")["alerts"]
    assert service.url.removeprefix("http://") in alert["annotations"]["summary"], json.dumps(alert)
