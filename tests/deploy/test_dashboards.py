"""The dashboards, held against Grafana's own types, and each part of them against the others."""

import copy
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import jsonschema
import pytest

from domain.server import STATUS_CODES
from tests.deploy.grafana_files import (
    BOARD,
    BOARDS,
    BY_UID,
    COMPOSE,
    HERE,
    PANELS,
    SCHEMA,
    board_targets,
    panels,
    titles,
    variables,
)


def problems(board: Any) -> list[str]:
    return [error.message for error in jsonschema.Draft7Validator(SCHEMA).iter_errors(board)]


@BOARD
def test_a_dashboard_is_of_grafanas_types(board: Any) -> None:
    assert problems(board) == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("title",), 1), (("schemaVersion",), "41"), (("pannels",), []), (("time", "from"), 0),
        (("panels", 0, "gridPos", "w"), "24"), (("panels", 0, "type"), "stats"), (("panels", 0, "tilte"), "x"),
        (("panels", 0, "options", "colorMode"), "rainbow"), (("panels", 0, "options", "xField"), "Group"),
        (("panels", 0, "fieldConfig", "defaults", "thresholds", "mode"), "x"),
        (("panels", 0, "fieldConfig", "defaults", "custom"), {"fillOpacity": 1}),
        (("panels", 0, "fieldConfig", "defaults", "mappings"), [{"type": "value", "options": {"a": {"color": 1}}}]),
        (("panels", 0, "transformations"), [{"options": {}}]), (("templating", "list", 0, "type"), "infinity"),
        (("templating", "list", 0, "refresh"), "2"), (("annotations", "list", 0, "enable"), 1),
    ],
)  # fmt: skip
def test_a_dashboard_of_other_types_is_refused(path: tuple[str | int, ...], value: Any) -> None:
    board = copy.deepcopy(BOARDS["fleet"])
    *above, last = path
    inner = board
    for key in above:
        inner = inner[key]
    inner[last] = value
    assert problems(BOARDS["fleet"]) == []
    assert problems(board)


def test_the_types_are_those_of_the_grafana_that_runs() -> None:
    version = COMPOSE["grafana"]["image"].partition(":")[2]
    assert f"@grafana/schema@{version} " in Path(__file__).with_name("grafana").joinpath("make_schema.sh").read_text()


@BOARD
def test_a_dashboard_can_be_provisioned(board: Any) -> None:
    assert board["schemaVersion"] == 41
    assert not {"__inputs", "__requires", "id"} & board.keys()
    assert len(BY_UID) == len(BOARDS)


@BOARD
def test_no_panel_lies_on_another_or_outside(board: Any) -> None:
    cells = [
        (x, y)
        for panel in board["panels"]
        for place in [panel["gridPos"]]
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(set(cells)) == len(cells)
    assert {x for x, _ in cells} <= set(range(24))
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])


@BOARD
def test_every_variable_that_is_used_is_there(board: Any) -> None:
    known = variables(board).keys() | {"__timeFrom", "__timeTo", "__interval"}
    for _, target in board_targets(board):
        assert set(re.findall(r"\$\{?(\w+)", json.dumps(target))) <= known


@BOARD
def test_a_variable_offers_a_column_of_its_query_and_all_means_no_filter(board: Any) -> None:
    for name, variable in variables(board).items():
        assert variable["multi"] == variable["includeAll"]
        if variable["multi"]:
            assert variable["allValue"] == "*"
            assert variable["current"]["value"] == ["$__all"]
        if variable["type"] == "custom":
            assert (name, variable["query"].split(",")) == ("status", list(STATUS_CODES))
        else:
            assert variable["datasource"] == HERE
            query = variable["query"]
            assert query["queryType"] == "infinity"
            [column] = query["infinityQuery"]["columns"]
            assert query["meta"] == {"textField": column["text"], "valueField": column["text"]}
            assert column["selector"] == name


def test_the_fleet_can_be_narrowed_and_a_server_chosen() -> None:
    assert variables(BOARDS["fleet"]).keys() == {"server_group", "server_type", "environment", "status"}
    assert variables(BOARDS["server"]).keys() == {"server_group", "host"}


@BOARD
def test_changes_are_marked(board: Any) -> None:
    [annotation] = board["annotations"]["list"]
    assert (annotation["datasource"], annotation["enable"]) == (HERE, True)
    assert (annotation["target"]["url"], annotation["target"]["format"]) == ("/events", "dataframe")
    assert [column["text"] for column in annotation["target"]["columns"]] == ["time", "title", "text", "tags"]


@PANELS
def test_fields_stand_in_the_order_of_the_columns(panel: Any) -> None:
    [order] = [step["options"]["indexByName"] for step in panel.get("transformations", [])] or [{}]
    if order or panel["type"] in {"table", "barchart"}:  # the plugin gives them in alphabetical order
        assert order == {title: place for place, title in enumerate(titles(panel))}


@PANELS
def test_settings_and_links_of_fields_are_about_fields_that_are_there(panel: Any) -> None:
    config = panel["fieldConfig"]
    assert all(override["matcher"]["id"] == "byName" for override in config["overrides"])
    assert {override["matcher"]["options"] for override in config["overrides"]} <= set(titles(panel))
    assert set(re.findall(r"\$\{__data\.fields\.(\w+)\}", json.dumps(config))) <= set(titles(panel))
    assert panel["options"].get("xField", titles(panel)[0]) in titles(panel)
    assert {by["displayName"] for by in panel["options"].get("sortBy", [])} <= set(titles(panel))
    labels = [column["selector"] for column in panel["targets"][0]["columns"] if column["type"] == "string"]
    assert set(re.findall(r"\$\{__field\.labels\.(\w+)\}", json.dumps(config))) <= set(labels)


def links(panel_or_board: Any) -> list[str]:
    return re.findall(r'"url": "([^"]*\$\{__data[^"]*|/d/[^"]*)"', json.dumps(panel_or_board))


@BOARD
def test_links_lead_to_dashboards_and_variables_that_are_there(board: Any) -> None:
    inside = [urlsplit(link) for link in links(board) if link.startswith("/")]
    assert inside
    for link in inside:
        there = BY_UID[link.path.removeprefix("/d/")]
        assert set(re.findall(r"var-(\w+)=", link.query)) <= variables(there).keys()


def test_a_row_leads_to_its_server_and_its_pipeline_run() -> None:
    [table] = [panel for panel in BOARDS["fleet"]["panels"] if panel["type"] == "table"]
    server, pipeline = links(table)
    selectors = {column["text"]: column["selector"] for column in table["targets"][0]["columns"]}
    leads = dict(re.findall(r"var-(\w+)=\$\{__data\.fields\.(\w+)\}", server))
    assert {name: selectors[title] for name, title in leads.items()} == {"server_group": "server_group", "host": "host"}
    assert selectors[pipeline.removeprefix("${__data.fields.").removesuffix("}")] == "pipeline_url"


def colours(mapping: Any) -> dict[str, str]:
    return {word: result["color"] for word, result in mapping["options"].items()}


def test_every_status_has_one_colour_everywhere() -> None:
    found = [colours(mapping) for mapping in value_mappings()]
    by_word = [mapping for mapping in found if "synced" in mapping]
    by_code = [mapping for mapping in found if "3" in mapping]
    assert by_word
    assert by_code
    expected = {"synced": "green", "out_of_sync": "orange", "failed": "red", "unknown": "#8e8e8e"}
    assert expected.keys() == STATUS_CODES.keys()
    assert all(mapping == expected for mapping in by_word)
    assert all(mapping == {str(code): expected[word] for word, code in STATUS_CODES.items()} for mapping in by_code)


def value_mappings() -> Iterator[Any]:
    """Every value mapping of every panel, of its defaults and of its overrides."""
    for _, panel in panels():
        config = panel["fieldConfig"]
        yield from config["defaults"].get("mappings", [])
        for override in config["overrides"]:
            for setting in override["properties"]:
                yield from setting["value"] if setting["id"] == "mappings" else []
