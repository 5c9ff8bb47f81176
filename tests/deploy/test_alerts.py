"""Grafana's alert rules, and what makes them fire."""

import json
import operator
import re
from typing import Any

from tests.deploy.grafana_files import BY_UID, PROVISIONED, RULE, RULES, SOURCES, asked, queries
from tests.process.service import Service


@RULE
def test_a_rule_refers_to_what_is_there(rule: Any) -> None:
    found = queries(rule)
    assert len(found) == len(rule["data"])
    assert rule["condition"] in found
    for name, query in found.items():
        assert query["model"]["refId"] == name
        assert query["datasourceUid"] == query["model"]["datasource"]["uid"]
        assert query["relativeTimeRange"].keys() == {"from", "to"}
        if query["datasourceUid"] == "__expr__":
            assert query["model"]["datasource"]["type"] == "__expr__"
            assert query["model"]["type"] == "threshold"
            assert query["model"]["expression"] in found.keys() - {name}
        else:
            assert query["relativeTimeRange"]["from"] > query["relativeTimeRange"]["to"]  # else Grafana refuses it
    assert found[rule["condition"]]["datasourceUid"] == "__expr__"
    assert rule["panelId"] in {panel["id"] for panel in BY_UID[rule["dashboardUid"]]["panels"]}
    assert len({rule["uid"] for rule in RULES}) == len({rule["title"] for rule in RULES}) == len(RULES)


@RULE
def test_a_rule_selects_identity_and_one_number(rule: Any) -> None:
    columns = queries(rule)["A"]["model"]["columns"]
    kinds = [column["type"] for column in columns]
    assert kinds.count("number") == 1
    assert set(kinds) <= {"number", "string"}
    identity = {column["text"] for column in columns if column["type"] == "string"}
    assert identity <= {"server_group", "host"}
    assert set(re.findall(r"\$labels\.(\w+)", json.dumps(rule["annotations"]))) <= identity


def firing(service: Service, rule: Any) -> list[dict[str, Any]]:
    """The rows that fulfil the condition of a rule."""
    found = queries(rule)
    [evaluator] = [condition["evaluator"] for condition in found[rule["condition"]]["model"]["conditions"]]
    [limit] = evaluator["params"]
    target = found[found[rule["condition"]]["model"]["expression"]]["model"]
    [number] = [column["selector"] for column in target["columns"] if column["type"] == "number"]
    fulfils = {"gt": operator.gt, "lt": operator.lt}[evaluator["type"]]
    return [row for row in asked(service, None, target, {}) if fulfils(row[number], limit)]


def test_servers_with_a_problem_fire_after_ten_minutes_and_no_other(service: Service) -> None:
    [rule] = [rule for rule in RULES if rule["uid"] == "gitops-server-problem"]
    keys = [(row["server_group"], row["host"]) for row in firing(service, rule)]
    assert keys == [("db", "srv-02"), ("web", "srv-01")]
    assert rule["for"] == "10m"
    assert (rule["noDataState"], rule["execErrState"]) == ("OK", "KeepLast")


def test_a_service_that_is_away_fires_and_one_that_answers_does_not(service: Service) -> None:
    [rule] = [rule for rule in RULES if rule["uid"] == "gitops-status-away"]
    assert firing(service, rule) == []
    assert (rule["noDataState"], rule["execErrState"]) == ("Alerting", "Alerting")


def test_nothing_is_sent_anywhere_and_no_secret_is_in_a_file() -> None:
    assert PROVISIONED["alerting"].keys() == {"apiVersion", "groups"}
    for source in SOURCES.values():
        assert all(re.fullmatch(r"\$[A-Z_]+", value) for value in source.get("secureJsonData", {}).values())
