"""What Grafana is given, held against the plugin's needs, Grafana's own types, and a running service."""

import copy
import json
import operator
import re
import time
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import jsonschema
import pytest
import requests
import yaml

from domain.server import STATUS_CODES
from tests.process.service import ROOT, Service, running

DEPLOY = ROOT / "deploy"
GRAFANA = DEPLOY / "grafana"
SCHEMA = json.loads(Path(__file__).with_name("grafana").joinpath("dashboard.schema.json").read_text())
BOARDS = {path.stem: json.loads(path.read_text()) for path in sorted((GRAFANA / "dashboards").iterdir())}
PROVISIONED = {path.parent.name: yaml.safe_load(path.read_text()) for path in (GRAFANA / "provisioning").glob("*/*")}
SOURCES = {source["uid"]: source for source in PROVISIONED["datasources"]["datasources"]}
RULES = [rule for group in PROVISIONED["alerting"]["groups"] for rule in group["rules"]]
COMPOSE, VOLUMES = map(yaml.safe_load((DEPLOY / "compose.yaml").read_text()).get, ("services", "volumes"))
SERVICE_URL = SOURCES["gitops-status"]["url"]
HERE = {"type": "yesoreyeram-infinity-datasource", "uid": "gitops-status"}
BY_UID = {board["uid"]: board for board in BOARDS.values()}

Case = tuple[str, Any]


def panels() -> list[Case]:
    """Every panel of every dashboard, under a name for the report."""
    return [(f"{name}: {panel['title']}", panel) for name, board in BOARDS.items() for panel in board["panels"]]


def variables(board: Any) -> dict[str, Any]:
    """The variables of a dashboard by name."""
    return {variable["name"]: variable for variable in board["templating"]["list"]}


def board_targets(board: Any) -> Iterator[Case]:
    """Every query that a dashboard sends: of its panels, annotations and variables."""
    for panel in board["panels"]:
        for target in panel["targets"]:
            yield panel["title"], target
    for annotation in board["annotations"]["list"]:
        yield annotation["name"], annotation["target"]
    for name, variable in variables(board).items():
        if variable["type"] == "query":
            yield f"${name}", variable["query"]["infinityQuery"]


def queries(rule: Any) -> dict[str, Any]:
    """The queries and expressions of an alert rule by refId."""
    return {query["refId"]: query for query in rule["data"]}


def targets() -> list[tuple[str, Any, Any]]:
    """Every query to the service with where it stands, and the dashboard that fills in its variables, if any."""
    on_boards = [
        (f"{name}: {title}", board, target) for name, board in BOARDS.items() for title, target in board_targets(board)
    ]
    in_rules = [
        (f"{rule['title']}: {query['refId']}", None, query["model"])
        for rule in RULES
        for query in rule["data"]
        if query["datasourceUid"] != "__expr__"
    ]
    return on_boards + in_rules


def titles(panel: Any) -> list[str]:
    """The titles of the fields that the queries of a panel give."""
    return [column["text"] for target in panel["targets"] for column in target["columns"]]


def parameters(target: Any) -> dict[str, str]:
    """The parameters of a query by name, not filled in."""
    return {parameter["key"]: parameter["value"] for parameter in target["url_options"]["params"]}


def asked(service: Service, board: Any, target: Any, chosen: Mapping[str, str]) -> list[dict[str, Any]]:
    """The rows of a query, sent as the plugin does once Grafana has filled in the chosen values and the last day."""
    now = round(time.time() * 1_000)
    known = {"__timeFrom": str(now - 86_400_000), "__timeTo": str(now + 1_000), "__interval": "5m"}
    if board:
        known |= {name: chosen[name] for name in variables(board)}

    def filled(text: str) -> str:
        return re.sub(r"\$\{(\w+)\}", lambda match: known[match[1]], text)

    answer = requests.get(
        service.url + filled(target["url"]),
        params={name: filled(value) for name, value in parameters(target).items()},
        headers={"Accept": "application/json;q=0.9,text/plain", "Authorization": "Bearer none"},
        timeout=10,
    )
    assert answer.status_code == 200, answer.text
    rows = answer.json()
    return rows if isinstance(rows, list) else [rows]


def choices(board: Any) -> list[dict[str, str]]:
    """What a viewer may choose, as Grafana writes it: one server, and where it may be more, two values and `All`."""
    one = {"server_group": "web", "server_type": "nginx", "environment": "prod", "status": "failed", "host": "srv-01"}
    two = {"server_group": "{web,db}", "server_type": "{nginx,post gres & co}", "environment": "{prod,test}", "status": "{failed,synced}"}  # fmt: skip
    many = {name: variable for name, variable in variables(board).items() if variable.get("multi")} if board else {}
    return [one, one | {name: two[name] for name in many}, one | {name: many[name]["allValue"] for name in many}]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service with two groups that have a host of the same name, one server that no pipeline knows, and one that went."""
    web = {
        "server_group": "web",
        "server_type": "nginx",
        "environment": "prod",
        "pipeline_url": "https://ci.example.com/1",
    }
    db = {"server_group": "db", "server_type": "post gres & co", "environment": "test"}
    with running(tmp_path_factory.mktemp("service")) as running_service:

        def post(source: str, *reports: dict[str, Any]) -> None:
            url = f"{running_service.url}/status/{source}"
            requests.post(url, json=list(reports), timeout=10).raise_for_status()

        post(
            "pipeline",
            {**web, "host": "srv-01", "status": "failed", "commit_sha": "abc", "validation_status": "failed"},
        )
        post("pipeline", {**db, "host": "srv-01", "status": "synced"}, {**web, "host": "gone", "status": "synced"})
        post("cron", {**db, "host": "srv-02", "changed_files": ["/etc/a"]}, {**web, "host": "srv-02"})
        post("cron", {"server_group": "web", "host": "srv-01", "status": "failed", "changed_files": ["/etc/b"]})
        requests.delete(f"{running_service.url}/status/web/gone", timeout=10).raise_for_status()
        yield running_service


PANELS = pytest.mark.parametrize("panel", [pytest.param(panel, id=name) for name, panel in panels()])
TARGETS = pytest.mark.parametrize(
    ("board", "target"), [pytest.param(board, target, id=name) for name, board, target in targets()]
)
BOARD = pytest.mark.parametrize("board", BOARDS.values(), ids=BOARDS)
RULE = pytest.mark.parametrize("rule", RULES, ids=[rule["uid"] for rule in RULES])


# The dashboards as Grafana types them


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


# What is asked of the service


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
    paths = requests.get(f"{service.url}/openapi.json", timeout=10).json()["paths"]
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


@PANELS
def test_a_panel_asks_for_each_variable_that_its_route_knows(service: Service, panel: Any) -> None:
    paths = requests.get(f"{service.url}/openapi.json", timeout=10).json()["paths"]
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


# Variables, links and fields


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


# History


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
        re.sub(r"\$\{__field\.labels\.(\w+)\}", lambda match, line=line: line[names.index(match[1])], shown)  # type: ignore[misc]
        for line in lines
    ]
    assert sorted(names_shown) == ["db/srv-01", "db/srv-02", "web/gone", "web/srv-01", "web/srv-02"]
    assert panel["fieldConfig"]["defaults"]["custom"]["spanNulls"] is True


# Alerts


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


# The datasources, and how compose wires it all


def test_the_datasource_is_what_the_plugin_needs(service: Service) -> None:
    source = SOURCES["gitops-status"]
    assert (source["type"], source["access"]) == (HERE["type"], "proxy")
    assert source["jsonData"] == {
        "auth_method": "bearerToken", "allowedHosts": [SERVICE_URL], "timeoutInSeconds": 30,
        "customHealthCheckEnabled": True, "customHealthCheckUrl": f"{SERVICE_URL}/health",
    }  # fmt: skip
    assert source["secureJsonData"] == {"bearerToken": "$STATUS_GRAFANA_TOKEN"}
    assert not SERVICE_URL.endswith("/")
    health = requests.get(source["jsonData"]["customHealthCheckUrl"].replace(SERVICE_URL, service.url), timeout=10)
    assert (health.status_code, bool(health.content)) == (200, True)


def test_the_datasources_lead_to_the_services_that_compose_starts() -> None:
    ports = {"gitops-status": 5000, "prometheus": 9090}
    assert {uid: source["url"] for uid, source in SOURCES.items()} == {
        name: f"http://{name}:{port}" for name, port in ports.items()
    }
    for name, port in ports.items():
        assert COMPOSE[name]["ports"][0].endswith(f":{port}")
    assert SOURCES["prometheus"]["type"] == "prometheus"


def test_what_the_files_take_from_the_environment_is_set_and_not_empty() -> None:
    text = (GRAFANA / "provisioning/datasources/datasources.yaml").read_text()
    used = set(re.findall(r": \$(\w+)$", text, re.MULTILINE))
    environment = COMPOSE["grafana"]["environment"]
    assert used == {"STATUS_GRAFANA_TOKEN"} <= environment.keys()
    assert re.fullmatch(
        r"\$\{STATUS_GRAFANA_TOKEN:-\w+\}", environment["STATUS_GRAFANA_TOKEN"]
    )  # the plugin refuses ""


def test_grafana_gets_its_files_where_it_looks_for_them() -> None:
    mounts = dict(mount.removesuffix(":ro").split(":") for mount in COMPOSE["grafana"]["volumes"])
    assert mounts["./grafana/provisioning"] == "/etc/grafana/provisioning"
    [provider] = PROVISIONED["dashboards"]["providers"]
    assert provider["options"]["path"] == mounts["./grafana/dashboards"]
    assert {group["folder"] for group in PROVISIONED["alerting"]["groups"]} == {provider["folder"]}


@pytest.mark.parametrize("name", ["grafana", "prometheus"])
def test_a_companion_is_pinned_stays_on_this_machine_and_has_no_privilege(name: str) -> None:
    companion = COMPOSE[name]
    assert re.fullmatch(rf"\w+/{name}:v?\d+\.\d+\.\d+", companion["image"])
    assert all(port.startswith("127.0.0.1:") for port in companion["ports"])
    assert companion["read_only"] is True
    assert companion["cap_drop"] == ["ALL"]
    assert companion["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in companion
    assert "user" not in companion  # the image names one, and it is not root


def test_the_plugin_is_pinned() -> None:
    wanted = COMPOSE["grafana"]["environment"]["GF_PLUGINS_PREINSTALL_SYNC"]
    assert re.fullmatch(rf"{HERE['type']}@3\.11\.\d+", wanted)


@pytest.mark.parametrize("mount", [*COMPOSE["grafana"]["volumes"], *COMPOSE["prometheus"]["volumes"]])
def test_what_is_mounted_is_there_and_only_read(mount: str) -> None:
    source, _, *options = mount.split(":")
    if not source.startswith("."):
        assert source in VOLUMES
        return
    assert options == ["ro"]
    assert (DEPLOY / source).exists()
