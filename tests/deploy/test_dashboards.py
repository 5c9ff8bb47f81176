"""The dashboards, held against Grafana's own types, and each part of them against the others."""

import copy
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

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
    parameters,
    titles,
    variables,
)


def problems(board: Any) -> list[str]:
    import jsonschema  # not above, as every process of the tests loads this file, and this takes a second

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
def test_a_variable_that_may_be_many_offers_all_which_means_no_filter(board: Any) -> None:
    for variable in variables(board).values():
        assert variable["multi"] == variable["includeAll"]
        if variable["multi"]:
            assert variable["allValue"] == "*"
            assert variable["current"]["value"] == ["$__all"]


@BOARD
def test_a_variable_reads_the_groups_or_the_values_that_the_choices_before_it_leave(board: Any) -> None:
    before: list[str] = []
    for name, variable in variables(board).items():
        if variable["type"] == "custom":
            continue
        query, target = variable["query"], variable["query"]["infinityQuery"]
        assert (variable["datasource"], query["queryType"]) == (HERE, "infinity")
        [column] = target["columns"]
        assert query["meta"] == {"textField": column["text"], "valueField": column["text"]}
        if name == "server_group":
            assert (target["url"], column["selector"]) == ("/groups", name)
        else:  # /status would be the whole fleet for a handful of words
            assert (target["url"], column["selector"]) == ("/values", "value")
            assert parameters(target) == {"field": name} | {one: f"${{{one}}}" for one in before}
        before.append(name)


def test_the_fleet_can_be_narrowed_and_a_server_chosen() -> None:
    fleet = variables(BOARDS["fleet"])
    assert fleet.keys() == {"server_group", "server_type", "environment", "status", "listed"}
    assert fleet["status"]["query"].split(",") == list(STATUS_CODES)
    assert variables(BOARDS["server"]).keys() == {"server_group", "host"}


def test_the_rows_of_the_fleet_are_those_with_a_problem_unless_all_are_chosen() -> None:
    listed = variables(BOARDS["fleet"])["listed"]
    options = dict(option.split(" : ") for option in listed["query"].split(","))
    assert options == {"with a problem": "true", "all": "*"}
    assert options[listed["current"]["text"]] == listed["current"]["value"] == "true"
    asking = [target["url"] for title, target in board_targets(BOARDS["fleet"]) if "${listed}" in json.dumps(target)]
    assert (
        asking
        == ["/status"]
        == [target["url"] for _, target in board_targets(BOARDS["fleet"]) if target["url"] == "/status"]
    )


@BOARD
def test_changes_are_marked(board: Any) -> None:
    [annotation] = board["annotations"]["list"]
    assert (annotation["datasource"], annotation["enable"]) == (HERE, True)
    assert (annotation["target"]["url"], annotation["target"]["format"]) == ("/events", "dataframe")
    assert (
        parameters(annotation["target"])["limit"] == "10000"
    )  # the most; then the first mark says that there are more
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


SAYS = {
    "Problems": "Problem",
    "Out of sync": "out_of_sync",
    "Synced": "synced",
    "Failed": "failed",
    "Unknown": "unknown",
}


def colours(panel: Any) -> Iterator[tuple[str, str]]:
    """What a panel shows in colours of its own, and in which: words, codes, yes and no of a field, counts of a status."""
    settings = [("", {"id": name, "value": value}) for name, value in panel["fieldConfig"]["defaults"].items()]
    for override in panel["fieldConfig"]["overrides"]:
        settings += [(override["matcher"]["options"], setting) for setting in override["properties"]]
    for field, setting in settings:
        value = setting["value"]
        if setting["id"] == "mappings":
            for result in (result for mapping in value for result in mapping["options"].values()):
                yield {"yes": field, "no": f"no {field}"}.get(result["text"], result["text"]), result["color"]
        elif setting["id"] == "thresholds" and field:
            for step in value["steps"][1:]:
                yield SAYS.get(field, field), step["color"]
        elif setting["id"] == "thresholds":
            assert [step["color"] for step in value["steps"]] in (["text"], ["#8e8e8e"])  # what no mapping knows
        elif setting["id"] == "color" and value["mode"] == "fixed" and field:
            yield SAYS.get(field, field), value["fixedColor"]


def test_what_is_shown_has_one_colour_in_every_panel_of_every_dashboard() -> None:
    found: dict[str, set[str]] = {}
    for _, panel in panels():
        for shown, colour in colours(panel):
            found.setdefault(shown, set()).add(colour)
    assert found == {
        "synced": {"green"}, "out_of_sync": {"orange"}, "failed": {"red"}, "unknown": {"#8e8e8e"},
        "passed": {"green"}, "skipped": {"#8e8e8e"},
        "Problem": {"red"}, "no Problem": {"green"}, "Stale": {"yellow"}, "no Stale": {"green"},
    }  # fmt: skip


def test_a_code_has_the_word_and_so_the_colour_of_its_status() -> None:
    by_code = [mapping["options"] for mapping in value_mappings() if "3" in mapping["options"]]
    assert by_code
    for options in by_code:
        assert {
            word: int(code) for code, word in ((code, result["text"]) for code, result in options.items())
        } == STATUS_CODES


def value_mappings() -> Iterator[Any]:
    """Every value mapping of the defaults of every panel."""
    for _, panel in panels():
        yield from panel["fieldConfig"]["defaults"].get("mappings", [])
