"""Debian's own promtool accepts what we ship for Prometheus, and plays the alerts."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.process.service import ROOT

FOLDER = ROOT / "deploy/prometheus"

pytestmark = pytest.mark.skipif(
    not shutil.which("promtool"), reason="promtool is not installed (apt-get install prometheus)"
)


def promtool(*arguments: str) -> tuple[int, str]:
    """The exit status of promtool among the files that we ship, and all that it said."""
    done = subprocess.run(["promtool", *arguments], cwd=FOLDER, capture_output=True, text=True, check=False, timeout=60)
    return done.returncode, done.stdout + done.stderr


def alerts() -> list[Any]:
    """The alert rules that we ship, without those that only record."""
    [group] = yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"]
    return [rule for rule in group["rules"] if "alert" in rule]


def test_promtool_accepts_the_configuration_and_the_rules() -> None:
    for arguments in (("config", "prometheus.yml"), ("rules", "alerts.yml")):
        status, said = promtool("check", *arguments)
        assert status == 0, said
        assert "SUCCESS" in said


def test_the_alerts_do_what_their_test_says() -> None:
    status, said = promtool("test", "rules", "alerts_test.yml")
    assert status == 0, said


def test_the_test_of_the_alerts_knows_each_alert() -> None:
    tests = yaml.safe_load((FOLDER / "alerts_test.yml").read_text())["tests"]
    tested = {one["alertname"] for test in tests for one in test.get("alert_rule_test", []) if one["exp_alerts"]}
    assert tested == {rule["alert"] for rule in alerts()}


def test_every_alert_waits_and_has_a_link_that_begins_with_the_one_address() -> None:
    for rule in alerts():
        assert int(rule["for"].removesuffix("m")) > 0
        assert rule["annotations"]["dashboard_url"].startswith("{{ $externalLabels.gitops_status_url }}/")


@pytest.mark.parametrize(
    ("broken", "told"),
    [
        (0, {}),
        (1, {"GitOpsServerProblem": 1}),
        (3, {"GitOpsServerProblem": 3}),
        (4, {"GitOpsGroupProblem": 1}),
        (300, {"GitOpsGroupProblem": 1}),
    ],
)
@pytest.mark.parametrize("kind", ["problem", "stale"])
def test_one_bad_commit_is_one_alert_and_a_few_servers_are_one_each(
    tmp_path: Path, kind: str, broken: int, told: dict[str, int]
) -> None:
    """Of a group of 30 servers, or of 300, some fail at once, or fall silent, and are well again after 20 minutes."""
    labels = 'job="gitops-status", instance="a:5000", server_group="web"'
    hosts = {f'{{{labels}, host="web-{number}"}}': int(number < broken) for number in range(max(broken, 30))}
    for_20_minutes = {
        f"gitops_group_problems{{{labels}}}": broken,
        **{f"gitops_server_problem{host}": value for host, value in hosts.items()},
        **{f"gitops_server_stale{host}": value for host, value in hosts.items() if kind == "stale"},
    }
    if kind == "stale":
        told = {name.replace("ServerProblem", "ServerStale"): number for name, number in told.items()}

    def expected(query: str, minute: int, numbers: dict[str, int]) -> dict[str, Any]:
        samples = [{"labels": f'{{alertname="{name}"}}', "value": number} for name, number in numbers.items()]
        return {"expr": f"count by (alertname) ({query})", "eval_time": f"{minute}m", "exp_samples": samples}

    firing = 'ALERTS{alertstate="firing", server_group="web"}'
    play = {
        "rule_files": [str(FOLDER / "alerts.yml")],
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "1m",
                "input_series": [
                    {"series": series, "values": f"0x4 {value}x19 0x40"} for series, value in for_20_minutes.items()
                ],
                "promql_expr_test": [
                    expected(firing, 14, {}),
                    expected(firing, 15, told),
                    expected(firing, 24, told),
                    expected(firing, 36, {}),
                    expected(f"max_over_time({firing}[1h])", 60, told),
                ],
            }
        ],
    }
    (tmp_path / "play.yml").write_text(json.dumps(play))  # which is YAML, and sooner written
    status, said = promtool("test", "rules", str(tmp_path / "play.yml"))
    assert status == 0, said
