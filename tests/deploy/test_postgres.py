"""Three replicas on PostgreSQL: the compose file and the manifests, and nginx before real services on a real database."""

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
import yaml
from pydantic import SecretStr

from config import Settings
from tests.deploy.grafana_files import COMPOSE, DEPLOY
from tests.deploy.tools import assert_valid_in_old_and_new_clusters, in_gunicorn, in_image, outcome
from tests.process.fleet import Fleet, board, lost, trouble_in_history
from tests.process.service import ROOT, Service, free_port, running, wait_until, wait_until_it_answers

OVERLAY_FILE = DEPLOY / "compose.postgres.yaml"
# What comes after `!reset` takes the place of what the first file says; only Docker knows the tag.
OVERLAY_TEXT = OVERLAY_FILE.read_text()
OVERLAY = yaml.safe_load(OVERLAY_TEXT.replace("!reset ", ""))
REPLICAS, NGINX, POSTGRES = (OVERLAY["services"][name] for name in ("gitops-status", "nginx", "postgres"))
NGINX_FILE = DEPLOY / "nginx/nginx.conf"

MANIFESTS = sorted((DEPLOY / "kubernetes-postgres").iterdir())
KUBERNETES = {file.name: yaml.safe_load(file.read_text()) for file in MANIFESTS}
KUSTOMIZATION = KUBERNETES.pop("kustomization.yaml")
DEPLOYMENT, SERVICE = KUBERNETES["deployment.yaml"], KUBERNETES["service.yaml"]
BUDGET = KUBERNETES["poddisruptionbudget.yaml"]["spec"]
POD = DEPLOYMENT["spec"]["template"]["spec"]
[CONTAINER] = POD["containers"]


def test_the_second_compose_file_follows_the_compose_specification(tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text(OVERLAY_TEXT.replace("!reset ", ""))
    schema = ("--builtin-schema", "vendor.compose-spec")
    status, said = outcome("check-jsonschema", *schema, str(tmp_path / "compose.yaml"))
    assert status == 0, said


def test_compose_gives_the_port_of_three_replicas_to_nginx() -> None:
    assert REPLICAS["deploy"]["replicas"] == 3
    assert OVERLAY_TEXT.count("ports: !reset []") == OVERLAY_TEXT.count("!reset ") == 1
    assert REPLICAS["ports"] == []
    assert NGINX["ports"] == COMPOSE["gitops-status"]["ports"]
    port = int(in_image("EXPOSE"))
    assert f"listen {port};" in NGINX_FILE.read_text()
    assert f"http://$service:{port};" in NGINX_FILE.read_text()
    assert "set $service gitops-status;" in NGINX_FILE.read_text()


def test_what_the_second_compose_file_refers_to_is_there() -> None:
    services = COMPOSE | OVERLAY["services"]
    for service in OVERLAY["services"].values():
        assert set(service.get("depends_on", ())) <= services.keys()
        for mount in service.get("volumes", ()):
            source, _, *options = mount.split(":")
            assert source in OVERLAY["volumes"] or ((DEPLOY / source).is_file() and options == ["ro"])
    assert "healthcheck" in POSTGRES  # the replicas wait for it
    user = POSTGRES["environment"]["POSTGRES_USER"]
    assert REPLICAS["environment"]["STATUS_STORE"] == f"postgresql://{user}@postgres/{user}"  # its database is named so


def test_every_variable_of_a_replica_is_a_setting_that_the_service_accepts() -> None:
    settings = {f"STATUS_{field.upper()}": field for field in Settings.model_fields}
    compose = {name: text for name, text in REPLICAS["environment"].items() if name != "PGPASSWORD"}  # the driver's
    cluster = {variable["name"]: variable.get("value", "postgresql://db/status") for variable in CONTAINER["env"]}
    for variables in (compose, cluster):
        Settings.model_validate({settings[name]: text for name, text in variables.items()})


def test_nobody_starts_compose_without_a_password_of_their_own() -> None:
    given = (REPLICAS["environment"]["PGPASSWORD"], POSTGRES["environment"]["POSTGRES_PASSWORD"])
    assert [re.fullmatch(r"\$\{POSTGRES_PASSWORD:\?[^}]+\}", text) is not None for text in given] == [True, True]


def test_the_replicas_believe_only_their_own_network() -> None:
    [network] = OVERLAY["networks"]["default"]["ipam"]["config"]
    assert REPLICAS["environment"]["STATUS_TRUSTED_PROXIES"] == network["subnet"]
    assert "ports" not in POSTGRES


@pytest.mark.parametrize("name", ["nginx", "postgres"])
def test_a_companion_is_pinned_and_has_no_privilege(name: str) -> None:
    companion = OVERLAY["services"][name]
    assert re.fullmatch(rf"{name}:\d+\.\d+(\.\d+)?", companion["image"])
    assert companion["user"] not in ("root", "0", "0:0")
    assert companion["read_only"] is True
    assert companion["cap_drop"] == ["ALL"]
    assert companion["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in companion


@pytest.mark.parametrize("name", KUBERNETES)
def test_a_manifest_is_valid_in_old_and_new_clusters(name: str) -> None:
    assert_valid_in_old_and_new_clusters(KUBERNETES[name])


def test_the_kustomization_names_every_manifest() -> None:
    assert KUSTOMIZATION["resources"] == list(KUBERNETES)


def test_a_replica_is_the_pod_of_the_single_one_without_its_volume() -> None:
    single = yaml.safe_load((DEPLOY / "kubernetes/deployment.yaml").read_text())
    pod: dict[str, Any] = single["spec"]["template"]["spec"]
    [container] = pod["containers"]
    assert [mount["name"] for mount in container.pop("volumeMounts")] == [pod.pop("volumes")[0]["name"]]
    container["env"].insert(0, {"name": "STATUS_STORE", "valueFrom": CONTAINER["env"][0]["valueFrom"]})
    container["lifecycle"] = CONTAINER["lifecycle"]
    for name in ("terminationGracePeriodSeconds", "topologySpreadConstraints"):
        pod[name] = POD[name]
    for name in ("replicas", "strategy"):
        single["spec"][name] = DEPLOYMENT["spec"][name]
    assert single == DEPLOYMENT
    assert yaml.safe_load((DEPLOY / "kubernetes/service.yaml").read_text()) == SERVICE


def test_an_update_takes_no_replica_before_the_next_is_ready_and_a_drain_takes_one() -> None:
    replicas = DEPLOYMENT["spec"]["replicas"]
    assert replicas == 3
    rolling = {"maxUnavailable": 0, "maxSurge": 1}
    assert DEPLOYMENT["spec"]["strategy"] == {"type": "RollingUpdate", "rollingUpdate": rolling}
    assert BUDGET["minAvailable"] == replicas - 1
    assert CONTAINER["readinessProbe"]["httpGet"]["path"] == "/ready"
    [spread] = POD["topologySpreadConstraints"]
    labels = DEPLOYMENT["spec"]["template"]["metadata"]["labels"]
    for selector in (BUDGET["selector"], spread["labelSelector"], DEPLOYMENT["spec"]["selector"]):
        assert selector == {"matchLabels": labels}


def test_a_stop_begins_when_no_report_comes_in_any_more_and_has_time_to_answer() -> None:
    command, seconds = CONTAINER["lifecycle"]["preStop"]["exec"]["command"]
    assert command == "sleep"
    assert int(seconds) >= 5
    assert POD["terminationGracePeriodSeconds"] > int(seconds) + int(in_gunicorn("graceful_timeout"))


def test_the_url_of_the_database_is_in_a_secret_that_the_manual_makes() -> None:
    [store] = [variable for variable in CONTAINER["env"] if variable["name"] == "STATUS_STORE"]
    secret = store["valueFrom"]["secretKeyRef"]
    command = f"kubectl create secret generic {secret['name']} --from-literal={secret['key']}='postgresql://"
    assert command in (ROOT / "docs/OPERATING.md").read_text("utf-8")
    assert "Secret" not in {document["kind"] for document in KUBERNETES.values()}


@contextlib.contextmanager
def nginx_before(replicas: list[Service], folder: Path) -> Iterator[str]:
    """The nginx of the compose file as it is, but for its ports, and that the name stands for these replicas."""
    port = free_port()
    addresses = "".join(f"server {replica.url.removeprefix('http://')} max_fails=0; " for replica in replicas)
    text = NGINX_FILE.read_text().replace("listen 5000;", f"listen 127.0.0.1:{port};")
    text = text.replace("$service:5000;", "$service;").replace("/tmp/", f"{folder}/")
    text = text.replace("    server {\n", f"    upstream gitops-status {{ {addresses}}}\n    server {{\n")
    file = folder / "nginx.conf"
    file.write_text(("user root;\n" if os.getuid() == 0 else "") + text)
    command = ["nginx", "-e", "stderr", "-p", str(folder), "-c", str(file), "-g", "daemon off;"]
    with (folder / "nginx.log").open("wb") as log:
        process = subprocess.Popen(command, stderr=log)
    try:
        wait_until_it_answers(f"http://127.0.0.1:{port}/health", process)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=60)


def _listens(service: Service) -> bool:
    """Whether a process of the service is left that takes a connection."""
    address = urlsplit(service.url)
    try:
        socket.create_connection((address.hostname, address.port), timeout=5).close()
    except OSError:
        return False
    return True


@pytest.fixture
def nginx() -> None:
    if not shutil.which("nginx"):
        pytest.skip("nginx is not installed: apt-get install nginx-light")


@pytest.mark.usefixtures("nginx")
def test_nginx_understands_its_file() -> None:
    command = ["nginx", "-t", "-e", "stderr", "-c", str(NGINX_FILE)]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr


@pytest.mark.usefixtures("nginx")
def test_behind_nginx_all_replicas_answer_alike_and_one_that_dies_takes_no_report_with_it(
    tmp_path: Path, database: str
) -> None:
    with ExitStack() as stack:
        settings = {"STATUS_STORE": database, "STATUS_TRUSTED_PROXIES": "127.0.0.1"}
        replicas = list[Service]()
        for number in range(3):
            folder = tmp_path / str(number)
            folder.mkdir()
            replicas.append(stack.enter_context(running(folder, workers=1, environment=settings)))
        url = stack.enter_context(nginx_before(replicas, tmp_path))
        large = [
            {"server_group": "g", "host": f"h-{number}", "status": "synced", "commit_message": "x" * 4_000}
            for number in range(1_000)
        ]
        assert requests.post(f"{url}/status/pipeline", json=large, timeout=60).status_code == 201
        during, after = Fleet(url, "during", 4), Fleet(url, "after", 4)
        with during.reporting():
            wait_until(during.has(50), "all three are at work")
            replicas[0].signal(signal.SIGKILL)
            wait_until(lambda: not _listens(replicas[0]), "one is gone")
            wait_until(during.more(50), "the others have taken over")
        assert during.refused == []
        with after.reporting():
            wait_until(after.has(50), "the others go on")
        assert after.refused == []
        for replica in replicas[1:]:
            assert lost(during.acknowledged + after.acknowledged, board(replica)) == []
        for replica in replicas:
            assert "POST /status/" in replica.log.read_text()


@pytest.mark.usefixtures("nginx")
def test_behind_nginx_replicas_that_are_replaced_one_after_the_other_fail_no_report(
    tmp_path: Path, database: str
) -> None:
    settings = {"STATUS_STORE": database, "STATUS_TRUSTED_PROXIES": "127.0.0.1"}

    def started(name: str, port: int | None = None) -> Service:
        (tmp_path / name).mkdir()
        return stack.enter_context(running(tmp_path / name, workers=1, port=port, environment=settings))

    with ExitStack() as stack:
        replicas = [started(f"old-{number}") for number in range(3)]
        url = stack.enter_context(nginx_before(replicas, tmp_path))
        with Fleet(url, "rolling", 4).reporting() as fleet:
            for number, old in enumerate(replicas):
                wait_until(fleet.more(100), "the others go on")
                assert old.stop() == 0
                replicas[number] = new = started(f"new-{number}", urlsplit(old.url).port)
                wait_until(lambda new=new: "POST /status/" in new.log.read_text(), "its successor is at work")  # type: ignore[misc]  # a default in a lambda
        assert fleet.refused == []
        assert sorted(fleet.acknowledged) == sorted(fleet.sent)
        for replica in replicas:
            assert lost(fleet.acknowledged, board(replica)) == []
    assert trouble_in_history(SecretStr(database), fleet.acknowledged, fleet.sent) == []
