"""The datasources, and how compose wires it all."""

import re

import pytest
import requests

from tests.deploy.grafana_files import COMPOSE, DEPLOY, GRAFANA, HERE, PROVISIONED, SERVICE_URL, SOURCES, VOLUMES
from tests.process.service import Service


def test_the_datasource_is_what_the_plugin_needs(service: Service) -> None:
    source = SOURCES["gitops-status"]
    assert (source["type"], source["access"]) == (HERE["type"], "proxy")
    assert source["jsonData"] == {
        "auth_method": "bearerToken", "allowedHosts": [SERVICE_URL], "timeoutInSeconds": 30,
        "customHealthCheckEnabled": True, "customHealthCheckUrl": f"{SERVICE_URL}/health",
    }  # fmt: skip
    assert source["secureJsonData"] == {"bearerToken": "$STATUS_GRAFANA_TOKEN"}
    assert not SERVICE_URL.endswith("/")
    health = requests.get(source["jsonData"]["customHealthCheckUrl"].replace(SERVICE_URL, service.url), timeout=60)
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
