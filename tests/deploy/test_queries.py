"""What the dashboards ask of the service, held against the plugin's needs and a running service."""

import json
import re
from datetime import datetime, timedelta
from typing import Any

import pytest
import requests

from tests.deploy.grafana_files import (
    BOARDS,
    HERE,
    PANELS,
    TARGETS,
    asked,
    choices,
    parameters,
    targets,
    variables,
)
from tests.process.service import Service


@TARGETS
def test_a_query_has_every_key_that_the_plugin_needs(board: Any, target: Any) -> None:
    assert target.keys() == {
        "refId", "datasource", "type", "source", "parser", "format", "url", "url_options", "root_selector", "columns",
    }  # fmt: skip
    assert target["datasource"] == HERE
    assert (target["type"], target["source"], target["parser"]) == ("json", "url", "backend")
    assert target["format"] in {"table", "timeseries", "dataframe"}
    assert target["root_selector"] == ""
    options = target["url_options"]
    assert options.keys() == {"method", "data", "params", "headers"}
    assert (options["method"], options["data"], options["headers"]) == ("GET", "", [])
    assert all(parameter.keys() == {"key", "value"} for parameter in options["params"])
    assert target["columns"]
    for column in target["columns"]:
        assert column.keys() == {"selector", "text", "type"}
        assert column["type"] in {"string", "number", "timestamp", "boolean"}
    texts = [column["text"] for column in target["columns"]]
    assert len(set(texts)) == len(texts)
    if board is None:
        assert "$" not in json.dumps(target)  # nobody fills anything in for an alert


@pytest.mark.parametrize("target", [pytest.param(target, id=name) for name, _, target in targets()])
def test_a_query_names_a_route_and_parameters_that_are_there(service: Service, target: Any) -> None:
    paths = requests.get(f"{service.url}/openapi.json", timeout=60).json()["paths"]
    known = {parameter["name"] for parameter in paths[target["url"]]["get"]["parameters"]}
    assert parameters(target).keys() <= known


@TARGETS
def test_every_column_is_in_the_rows_and_of_its_type(service: Service, board: Any, target: Any) -> None:
    kinds = {"string": str, "number": int, "boolean": bool, "timestamp": str}
    for chosen in choices(board):
        rows = asked(service, board, target, chosen)
        assert rows, chosen
        for column in target["columns"]:
            values = [row[column["selector"]] for row in rows]
            assert {type(value) for value in values} <= {kinds[column["type"]], type(None)}, column
            assert any(value is not None for value in values), column
            if column["type"] == "timestamp":
                assert all(datetime.fromisoformat(value).utcoffset() == timedelta(0) for value in values if value)


@TARGETS
def test_a_query_gives_what_was_chosen_and_all_of_it(service: Service, board: Any, target: Any) -> None:
    for chosen in choices(board):
        for row in asked(service, board, target, chosen):
            for name in parameters(target).keys() & row.keys() & chosen.keys():
                wanted = chosen[name].strip("{}").split(",")
                assert wanted == ["*"] or row[name] in wanted


@pytest.mark.parametrize(
    ("name", "variable", "groups", "offered"),
    [
        ("fleet", "server_group", "*", ["db", "web"]),
        ("fleet", "server_type", "*", ["nginx", "post gres & co"]),
        ("fleet", "server_type", "web", ["nginx"]),
        ("fleet", "environment", "{web,db}", ["prod", "test"]),
        ("server", "host", "db", ["srv-01", "srv-02"]),
    ],
)
def test_a_variable_offers_each_value_once_that_the_choices_before_it_leave(
    service: Service, name: str, variable: str, groups: str, offered: list[str]
) -> None:
    board = BOARDS[name]
    target = variables(board)[variable]["query"]["infinityQuery"]
    rows = asked(service, board, target, choices(board)[2] | {"server_group": groups})
    assert sorted(row[target["columns"][0]["selector"]] for row in rows) == offered


def test_the_list_of_servers_is_as_long_as_the_problems_until_all_are_chosen(service: Service) -> None:
    board = BOARDS["fleet"]
    [target] = [panel["targets"][0] for panel in board["panels"] if panel["type"] == "table"]

    def listed(what: str) -> list[tuple[str, str, int]]:
        rows = asked(service, board, target, choices(board)[2] | {"listed": what})
        return [(row["server_group"], row["host"], row["problem"]) for row in rows]

    everything = [("db", "srv-01", 0), ("db", "srv-02", 1), ("web", "srv-01", 1), ("web", "srv-02", 0)]
    assert listed("*") == everything
    assert listed(variables(board)["listed"]["current"]["value"]) == [row for row in everything if row[2]]


@PANELS
def test_a_panel_asks_for_each_variable_that_its_route_knows(service: Service, panel: Any) -> None:
    paths = requests.get(f"{service.url}/openapi.json", timeout=60).json()["paths"]
    board = next(board for board in BOARDS.values() if panel in board["panels"])
    [target] = panel["targets"]
    known = {parameter["name"] for parameter in paths[target["url"]]["get"]["parameters"]}
    # Only the rows of a status would make a timeline that never leaves it.
    wanted = known & variables(board).keys() - ({"status"} if target["url"].startswith("/history") else set())
    asked_for = parameters(target)
    assert {name: asked_for.get(name) for name in wanted} == {name: f"${{{name}}}" for name in wanted}
    if "from" in known:
        assert (asked_for["from"], asked_for["to"]) == ("${__timeFrom}", "${__timeTo}")
    if "${__interval}" in asked_for.values():
        assert panel["interval"] == "1m"  # else a short range asks for milliseconds, which is no step


@pytest.mark.parametrize(
    ("board", "panel"),
    [(board, panel) for board in BOARDS.values() for panel in board["panels"] if panel["targets"][0]["format"] == "timeseries"],
    ids=lambda value: value["title"],
)  # fmt: skip
def test_a_series_has_ascending_times_and_is_split_by_identity_alone(service: Service, board: Any, panel: Any) -> None:
    [target] = panel["targets"]
    for chosen in choices(board):
        rows = asked(service, board, target, chosen)
        for column in target["columns"]:
            assert all(row[column["selector"]] is not None for row in rows)
        assert [row["time"] for row in rows] == sorted(row["time"] for row in rows)
        texts = {column["selector"] for column in target["columns"] if column["type"] == "string"}
        assert texts <= {"server_group", "host"}
        if texts:
            assert [column["type"] for column in target["columns"]].count("number") == 1
    assert [column["type"] for column in target["columns"]].count("timestamp") == 1


def test_hosts_of_one_name_in_two_groups_are_two_lines(service: Service) -> None:
    [panel] = [panel for panel in BOARDS["fleet"]["panels"] if panel["type"] == "state-timeline"]
    [target] = panel["targets"]
    rows = asked(service, BOARDS["fleet"], target, choices(BOARDS["fleet"])[2])
    names = [column["selector"] for column in target["columns"] if column["type"] == "string"]
    lines = {tuple(row[name] for name in names) for row in rows}
    shown = panel["fieldConfig"]["defaults"]["displayName"]
    names_shown = [
        re.sub(r"\$\{__field\.labels\.(\w+)\}", lambda match, line=line: line[names.index(match[1])], shown)  # type: ignore[misc]  # a default in a lambda
        for line in lines
    ]
    assert sorted(names_shown) == ["db/srv-01", "db/srv-02", "web/gone", "web/srv-01", "web/srv-02"]
    assert panel["fieldConfig"]["defaults"]["custom"]["spanNulls"] is True
