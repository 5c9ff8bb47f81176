"""Grafana's alert rules, and what makes them fire."""

import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from tests.deploy.grafana_files import BY_UID, PROVISIONED, RULE, RULES, SOURCES, asked, queries, variables
from tests.process.service import Service, running

BY_RULE = {rule["uid"]: rule for rule in RULES}


@RULE
def test_a_rule_refers_to_what_is_there(rule: Any) -> None:
    found = queries(rule)
    assert len(found) == len(rule["data"])
    for name, query in found.items():
        model = query["model"]
        assert model["refId"] == name
        assert query["datasourceUid"] == model["datasource"]["uid"]
        assert query["relativeTimeRange"].keys() == {"from", "to"}
        if query["datasourceUid"] == "__expr__":
            assert model["datasource"]["type"] == "__expr__"
            used = (
                {model["expression"]}
                if model["type"] == "threshold"
                else set(re.findall(r"\$(\w)", model["expression"]))
            )
            assert used == found.keys() - {name}
        else:
            assert query["relativeTimeRange"]["from"] > query["relativeTimeRange"]["to"]  # else Grafana refuses it
    assert found[rule["condition"]]["datasourceUid"] == "__expr__"
    assert rule["panelId"] in {panel["id"] for panel in BY_UID[rule["dashboardUid"]]["panels"]}
    assert len(BY_RULE) == len({rule["title"] for rule in RULES}) == len(RULES)


@RULE
def test_a_rule_selects_identity_and_one_number(rule: Any) -> None:
    columns = [query["model"]["columns"] for query in queries(rule).values() if "columns" in query["model"]]
    for kinds in ([column["type"] for column in part] for part in columns):
        assert kinds.count("number") == 1
        assert set(kinds) <= {"number", "string"}
    identity = {column["text"] for column in columns[0] if column["type"] == "string"}
    assert identity <= {"server_group", "host"}
    assert set(re.findall(r"\$labels\.(\w+)", json.dumps(rule["annotations"]))) <= identity


@RULE
def test_a_rule_waits_and_links_to_a_dashboard_of_what_it_is_about(rule: Any) -> None:
    assert int(rule["for"].removesuffix("m")) > 0
    address, link = rule["annotations"]["dashboard_url"].split("}}", 1)
    assert address == "{{ externalURL "  # which ends in a slash
    board = BY_UID[urlsplit(link).path.removeprefix("d/")]
    chosen = dict(re.findall(r"var-(\w+)=\{\{ \$labels\.(\w+) \}\}", link))
    columns = queries(rule)["A"]["model"]["columns"]
    assert chosen == {column["text"]: column["text"] for column in columns if column["type"] == "string"}
    assert chosen.keys() <= variables(board).keys()


def test_the_rules_about_servers_say_nothing_while_the_service_is_away() -> None:
    for rule in (BY_RULE["gitops-server-problem"], BY_RULE["gitops-group-problem"]):
        assert (rule["for"], rule["noDataState"], rule["execErrState"]) == ("10m", "OK", "KeepLast")
    away = BY_RULE["gitops-status-away"]
    assert (away["noDataState"], away["execErrState"]) == ("Alerting", "Alerting")


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service with groups of six servers, of which as many fail as the group's name says."""
    with running(tmp_path_factory.mktemp("fleet")) as service:
        for broken in (0, 1, 3, 4, 6):
            reports = [
                {
                    "server_group": f"broken-{broken}",
                    "host": f"srv-{number}",
                    "status": "failed" if number < broken else "synced",
                }
                for number in range(6)
            ]
            requests.post(f"{service.url}/status/pipeline", json=reports, timeout=60).raise_for_status()
        yield service


def firing(service: Service, uid: str, *, already: bool = False) -> list[tuple[str, ...]]:
    """Of what a rule fires by what the service says now; `already` if each that it could be about fires or is about to."""
    rule = BY_RULE[uid]
    found = queries(rule)
    rows = {}
    for name, query in found.items():
        if query["datasourceUid"] != "__expr__":
            [number] = [column["selector"] for column in query["model"]["columns"] if column["type"] == "number"]
            texts = [column["selector"] for column in query["model"]["columns"] if column["type"] == "string"]
            answer = asked(service, None, query["model"], {})
            rows[name] = {tuple(row[text] for text in texts): row[number] for row in answer}
    condition = found[rule["condition"]]["model"]
    if condition["type"] == "math":
        assert condition["expression"] == "$A * ($B <= 3)"
        return [labels for labels, value in rows["A"].items() if value * (rows["B"][labels[:1]] <= 3)]
    [bounds] = condition["conditions"]
    evaluator, [limit] = bounds["evaluator"]["type"], bounds["evaluator"]["params"]
    if already and "unloadEvaluator" in bounds:  # until that is fulfilled, it goes on
        assert bounds["unloadEvaluator"]["type"] == "lt"
        [end] = bounds["unloadEvaluator"]["params"]
        return [labels for labels, value in rows["A"].items() if value >= end]
    return [labels for labels, value in rows["A"].items() if (value > limit if evaluator == "gt" else value < limit)]


def test_more_than_three_servers_of_a_group_are_one_alert_and_fewer_are_one_each(fleet: Service) -> None:
    assert firing(fleet, "gitops-group-problem") == [("broken-4",), ("broken-6",)]
    assert firing(fleet, "gitops-server-problem") == [
        ("broken-1", "srv-0"), ("broken-3", "srv-0"), ("broken-3", "srv-1"), ("broken-3", "srv-2"),
    ]  # fmt: skip


def test_a_group_that_is_told_is_told_until_none_is_left(fleet: Service) -> None:
    assert firing(fleet, "gitops-group-problem", already=True) == [
        ("broken-1",), ("broken-3",), ("broken-4",), ("broken-6",),
    ]  # fmt: skip


def test_a_service_that_answers_is_not_away(fleet: Service) -> None:
    assert firing(fleet, "gitops-status-away") == []


def test_nothing_is_sent_anywhere_and_no_secret_is_in_a_file() -> None:
    assert PROVISIONED["alerting"].keys() == {"apiVersion", "groups"}
    for source in SOURCES.values():
        assert all(re.fullmatch(r"\$[A-Z_]+", value) for value in source.get("secureJsonData", {}).values())
