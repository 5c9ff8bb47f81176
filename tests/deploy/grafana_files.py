"""What Grafana is given, read from its files, and its queries as Grafana sends them."""

import json
import re
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from tests.process.service import ROOT, Service

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
        timeout=60,
    )
    assert answer.status_code == 200, answer.text
    rows = answer.json()
    return rows if isinstance(rows, list) else [rows]


def choices(board: Any) -> list[dict[str, str]]:
    """What a viewer may choose, as Grafana writes it: one server, and where it may be more, two values and `All`."""
    one = {"server_group": "web", "server_type": "nginx", "environment": "prod", "status": "failed", "host": "srv-01", "listed": "true"}  # fmt: skip
    two = {"server_group": "{web,db}", "server_type": "{nginx,post gres & co}", "environment": "{prod,test}", "status": "{failed,synced}"}  # fmt: skip
    many = {name: variable for name, variable in variables(board).items() if variable.get("multi")} if board else {}
    everything = {"listed": "*"} | {name: many[name]["allValue"] for name in many}
    return [one, one | {name: two[name] for name in many}, one | everything]


PANELS = pytest.mark.parametrize("panel", [pytest.param(panel, id=name) for name, panel in panels()])
TARGETS = pytest.mark.parametrize(
    ("board", "target"), [pytest.param(board, target, id=name) for name, board, target in targets()]
)
BOARD = pytest.mark.parametrize("board", BOARDS.values(), ids=BOARDS)
RULE = pytest.mark.parametrize("rule", RULES, ids=[rule["uid"] for rule in RULES])
