"""Debian's own Prometheus understands what we say, and hears of what it should by the alerts that we ship."""

import json
import re
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator
from datetime import datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
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


def report(service: Service, path: str = "/status/pipeline", **fields: Any) -> None:
    body = {"server_group": "web", "host": "web-01", **fields}
    requests.post(service.url + path, json=body, timeout=60).raise_for_status()


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
        answer = requests.get(f"{self.url}/api/v1/{path}", params=parameters, timeout=60).json()
        assert answer["status"] == "success", answer
        return answer["data"]

    def values(self, query: str) -> dict[str, float]:
        """The value that each server has in the answer to a query."""
        found = self.get("query", query=query)["result"]
        return {one["metric"].get("host", ""): float(one["value"][1]) for one in found}

    def firing(self) -> set[tuple[str, str]]:
        """Which alerts there are, pending ones too, and about which host."""
        return {(one["labels"]["alertname"], one["labels"].get("host", "")) for one in self.get("alerts")["alerts"]}


class Alertmanager(HTTPServer):
    """Takes what Prometheus sends to an Alertmanager."""

    def __init__(self) -> None:
        self.alerts: list[Any] = []
        super().__init__(("127.0.0.1", 0), _Alerts)


class _Alerts(BaseHTTPRequestHandler):
    server: Alertmanager

    def do_POST(self) -> None:
        self.server.alerts += json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def alertmanager() -> Iterator[Alertmanager]:
    with Alertmanager() as server:
        threading.Thread(target=server.serve_forever).start()
        yield server
        server.shutdown()


@pytest.fixture
def prometheus(service: Service, alertmanager: Alertmanager, tmp_path: Path) -> Iterator[Prometheus]:
    """Prometheus with the configuration that we ship, but for the addresses and the pace."""
    settings = yaml.safe_load((FOLDER / "prometheus.yml").read_text())
    [job] = settings["scrape_configs"]
    assert job["static_configs"] == [{"targets": ["gitops-status:5000"]}]
    job["static_configs"] = [{"targets": [service.url.removeprefix("http://")]}]
    settings["global"] |= {"scrape_interval": "200ms", "evaluation_interval": "200ms"}
    assert settings["global"]["external_labels"] == {"gitops_status_url": "http://localhost:5000"}
    settings["global"]["external_labels"] = {"gitops_status_url": service.url}
    settings["alerting"]["alertmanagers"] = [
        {"static_configs": [{"targets": [f"127.0.0.1:{alertmanager.server_port}"]}]}
    ]
    folder = tmp_path / "prometheus"
    shutil.copytree(FOLDER, folder)
    (folder / "prometheus.yml").write_text(yaml.safe_dump(settings))
    rules = (folder / "alerts.yml").read_text()
    (folder / "alerts.yml").write_text(re.sub(r"(?<= for: )\d+m", "1s", rules))
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
        wait_until(lambda: requests.get(ready, timeout=60).ok, "Prometheus is ready")
        yield Prometheus(f"http://{address}")
    finally:
        process.kill()
        process.wait()


def test_promtool_finds_nothing_in_the_metrics(service: Service) -> None:
    text = requests.get(service.url + "/metrics", timeout=60).content
    done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, check=False, timeout=60)
    assert (done.returncode, done.stdout + done.stderr) == (0, b"")


def test_prometheus_reads_what_the_service_says(service: Service, prometheus: Prometheus) -> None:
    wait_until(lambda: bool(prometheus.values("gitops_server_problem")), "it has scraped")
    assert prometheus.values("gitops_server_problem") == {"web-01": 1, "web-02": 0}
    assert prometheus.values('gitops_server_status{status="failed"} == 1') == {"web-01": 1}
    assert prometheus.values("sum by (host) (gitops_server_status)") == {"web-01": 1, "web-02": 1}
    checked = datetime.fromisoformat(
        requests.get(f"{service.url}/status/web/web-02", timeout=60).json()["last_cron_check"]
    )
    assert prometheus.values("gitops_server_last_check_timestamp_seconds") == {"web-02": checked.timestamp()}
    [found] = prometheus.get("query", query='gitops_server_problem{host="web-01"}')["result"]
    assert found["metric"]["environment"] == EVIL
    table = (ROOT / "docs/API.md").read_text().partition("\n| metric |")[2].partition("\n\n")[0]
    known = {one for one in prometheus.get("metadata") if one.startswith("gitops_")}
    assert known <= set(re.findall(r"gitops_\w+", table))


def test_a_deleted_server_is_gone_from_prometheus_too(service: Service, prometheus: Prometheus) -> None:
    wait_until(lambda: len(prometheus.values("gitops_server_problem")) == 2, "it has scraped")
    requests.delete(f"{service.url}/status/web/web-01", timeout=60).raise_for_status()
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


def page(url: str) -> str:
    """What a person sees who follows a link."""
    answer = requests.get(url, headers={"Accept": "text/html"}, timeout=60)
    assert answer.status_code == 200, url
    assert answer.headers["Content-Type"].startswith("text/html")
    return answer.text


def test_an_alert_arrives_with_a_link_to_the_servers_page_whatever_its_name(
    service: Service, prometheus: Prometheus, alertmanager: Alertmanager
) -> None:
    report(service, server_group="A.b_c:d-1", host="2.E_f:g-3", status="failed", validation_message="No disk is left.")

    def arrived() -> list[Any]:
        return [alert for alert in alertmanager.alerts if alert["labels"].get("host") == "2.E_f:g-3"]

    wait_until(lambda: bool(arrived()), f"Prometheus at {prometheus.url} sends it")
    alert = arrived()[0]
    assert "No disk is left." in page(alert["annotations"]["dashboard_url"])
    assert alert["labels"].keys() == {
        "alertname", "severity", "job", "server_group", "host", "server_type", "environment",
    }  # fmt: skip


def test_a_group_with_many_problems_arrives_as_one_alert_with_a_link_to_them(
    service: Service, prometheus: Prometheus, alertmanager: Alertmanager
) -> None:
    hosts = [f"db-{number}" for number in range(5)]
    for host in hosts:
        report(service, server_group="db:1", host=host, status="failed")
    report(service, server_group="db:1", host="well", status="synced")

    def arrived() -> list[Any]:
        return [alert for alert in alertmanager.alerts if alert["labels"]["alertname"] == "GitOpsGroupProblem"]

    wait_until(lambda: bool(arrived()), f"Prometheus at {prometheus.url} sends it")
    shown = page(arrived()[0]["annotations"]["dashboard_url"])
    assert all(host in shown for host in hosts)
    assert "/servers/db:1/well" not in shown
