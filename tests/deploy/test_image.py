"""The image, the compose file and the manifests, held against their schemas, each other and the tree."""

import ast
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from config import VERSION, Settings
from tests.deploy.tools import (
    DOCKERFILE,
    TOOLS,
    assert_valid_in_old_and_new_clusters,
    in_gunicorn,
    in_image,
    outcome,
)
from tests.process.service import ROOT, free_port, wait_until_it_answers

MANIFESTS = sorted((ROOT / "deploy/kubernetes").iterdir())


def objects() -> dict[str, Any]:
    """What each manifest declares, by kind; each file and each kind has one."""
    documents = [document for file in MANIFESTS for document in yaml.safe_load_all(file.read_text())]
    by_kind = {document["kind"]: document for document in documents}
    assert len(by_kind) == len(documents) == len(MANIFESTS)
    return by_kind


COMPOSE = yaml.safe_load((ROOT / "deploy/compose.yaml").read_text())
COMPOSE_SERVICE = COMPOSE["services"]["gitops-status"]
KUBERNETES = objects()
KUSTOMIZATION = KUBERNETES.pop("Kustomization")  # read by kubectl, never by a cluster: it has no schema
DEPLOYMENT, SERVICE = KUBERNETES["Deployment"]["spec"], KUBERNETES["Service"]["spec"]
CLAIM = KUBERNETES["PersistentVolumeClaim"]
POD = DEPLOYMENT["template"]["spec"]
[CONTAINER] = POD["containers"]


def copies() -> list[tuple[Path, str]]:
    """Each source that the Dockerfile copies, and where to."""
    words = [shlex.split(arguments) for word, arguments in DOCKERFILE if word == "COPY"]
    return [(ROOT / source, target) for *sources, target in words for source in sources]


def reaches_the_builder(path: Path) -> bool:
    """What Docker does: the last line of .dockerignore that fits the path, or a folder above it, decides."""
    seen = True
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        pattern = re.escape(line.removeprefix("!")).replace(r"\*\*/", "(.*/)?").replace(r"\*", "[^/]*")
        if not line.startswith("#") and re.fullmatch(f"{pattern}(/.*)?", path.relative_to(ROOT).as_posix()):
            seen = line.startswith("!")
    return seen


def files(source: Path) -> list[Path]:
    """The file itself, or every file in the folder."""
    return [source] if source.is_file() else [file for file in source.rglob("*") if file.is_file()]


def imports(file: Path) -> Iterator[str]:
    """The top-level names that a module imports."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield str(node.module).partition(".")[0]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of the image's command, run where only that is which a build would copy."""
    app, data = tmp_path_factory.mktemp("app"), tmp_path_factory.mktemp("data")
    for source, target in copies():
        for file in filter(reaches_the_builder, files(source)):
            copy = app / target / (file.relative_to(source) if source.is_dir() else file.name)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, copy)
    python, build = dict(DOCKERFILE)["RUN"].split(" && ")[0].split()
    assert python == "python"
    subprocess.run([sys.executable, build], cwd=app, check=True)
    address = f"127.0.0.1:{free_port()}"
    command, *arguments = json.loads(in_image("CMD"))
    environment = {"PATH": os.defpath, "STATUS_STORE": str(data / "status.json")}
    process = subprocess.Popen(
        [TOOLS / command, *arguments, "--bind", address], cwd=app, env=environment, start_new_session=True
    )
    try:
        wait_until_it_answers(f"http://{address}/health", process)
        yield f"http://{address}"
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def test_hadolint_finds_nothing_in_the_dockerfile() -> None:
    strictly = ("--disable-ignore-pragma", "--failure-threshold", "style")
    assert outcome("hadolint", *strictly, "Dockerfile") == (0, "")


def test_the_compose_file_follows_the_compose_specification() -> None:
    schema = ("--builtin-schema", "vendor.compose-spec")
    status, said = outcome("check-jsonschema", *schema, "deploy/compose.yaml")
    assert status == 0, said


@pytest.mark.parametrize("kind", KUBERNETES)
def test_a_manifest_is_valid_in_old_and_new_clusters(kind: str) -> None:
    assert_valid_in_old_and_new_clusters(KUBERNETES[kind])


def test_the_kustomization_names_every_manifest() -> None:
    others = [file.name for file in MANIFESTS if file.name != "kustomization.yaml"]
    kind = {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization"}
    assert {**kind, "resources": others} == KUSTOMIZATION


def test_the_image_holds_all_that_the_service_needs_and_nothing_else() -> None:
    modules = set(ROOT.glob("*.py"))
    packages = {ROOT / name for module in modules for name in imports(module) if (ROOT / name).is_dir()}
    others = {ROOT / name for name in ("CHANGELOG.md", "requirements-postgres.txt", "agent", "deploy/make_agent.py")}
    needed = modules | packages | others
    assert {source for source, _ in copies()} == needed


def test_all_that_is_copied_exists_and_reaches_the_builder() -> None:
    for source, _ in copies():
        code = [file for file in files(source) if "__pycache__" not in file.parts]
        assert code, source
        assert [file for file in code if not reaches_the_builder(file)] == []


@pytest.mark.parametrize("path", ["data/status.json", ".git/HEAD", ".env", "tests/a.py", "web/__pycache__/a"])
def test_data_secrets_and_caches_never_reach_the_builder(path: str) -> None:
    assert not reaches_the_builder(ROOT / path)


def test_the_service_runs_from_what_is_copied_alone(service: str) -> None:
    page = requests.get(service, headers={"Accept": "text/html"}, timeout=60)
    assert (page.status_code, page.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    for file in (ROOT / "web/pages/static").iterdir():
        assert requests.get(f"{service}/static/{file.name}", timeout=60).status_code == 200
    assert requests.get(f"{service}/ready", timeout=60).status_code == 200
    assert requests.get(f"{service}/agent", timeout=60).headers["Content-Type"] == "application/zip"


def test_the_health_check_tells_a_living_service_from_a_dead_one(service: str) -> None:
    python, *arguments = json.loads(in_image("HEALTHCHECK").partition("CMD ")[2])
    assert python == "python"
    nobody = f"http://127.0.0.1:{free_port()}"

    def check(url: str) -> int:
        words = [word.replace(f"http://127.0.0.1:{in_image('EXPOSE')}", url) for word in arguments]
        return subprocess.run(
            [sys.executable, *words], env={"http_proxy": nobody}, stderr=subprocess.DEVNULL, check=False
        ).returncode

    assert check(service) == 0
    assert check(f"{service}/no/such/route") == 1
    assert check(nobody) == 1


def test_everyone_means_the_same_port() -> None:
    port = int(in_image("EXPOSE"))
    assert in_gunicorn("bind") == f'"0.0.0.0:{port}"'
    assert f"'http://127.0.0.1:{port}/health'" in in_image("HEALTHCHECK")
    assert COMPOSE_SERVICE["ports"] == [f"{port}:{port}"]
    [container_port], [service_port] = CONTAINER["ports"], SERVICE["ports"]
    assert container_port["containerPort"] == service_port["port"] == port
    probed = {probe["httpGet"]["port"] for name, probe in CONTAINER.items() if name.endswith("Probe")}
    assert probed == {service_port["targetPort"]} == {container_port["name"]}


def test_liveness_asks_the_process_and_readiness_the_store() -> None:
    asked = {name: probe["httpGet"]["path"] for name, probe in CONTAINER.items() if name.endswith("Probe")}
    assert asked == {"startupProbe": "/health", "livenessProbe": "/health", "readinessProbe": "/ready"}
    assert "healthcheck" not in COMPOSE_SERVICE  # the image has one


def test_the_pod_is_the_only_writer() -> None:
    assert DEPLOYMENT["replicas"] == 1
    assert DEPLOYMENT["strategy"] == {"type": "Recreate"}
    assert CLAIM["spec"]["accessModes"] == ["ReadWriteOnce"]


@pytest.mark.parametrize("selector", [DEPLOYMENT["selector"]["matchLabels"], SERVICE["selector"]])
def test_a_selector_finds_the_pod(selector: dict[str, str]) -> None:
    assert selector
    assert selector.items() <= DEPLOYMENT["template"]["metadata"]["labels"].items()


def test_the_store_is_on_the_volume() -> None:
    folder = str(Path(str(Settings().store)).parent)
    assert in_image("VOLUME") == folder
    assert COMPOSE_SERVICE["volumes"] == [f"data:{folder}"]
    assert "data" in COMPOSE["volumes"]
    mounts = {mount["mountPath"]: mount["name"] for mount in CONTAINER["volumeMounts"]}
    volumes = {volume.pop("name"): volume for volume in map(dict, POD["volumes"])}
    assert sorted(mounts.values()) == sorted(volumes)
    assert volumes[mounts[folder]] == {"persistentVolumeClaim": {"claimName": CLAIM["metadata"]["name"]}}


def test_nobody_runs_as_root() -> None:
    user, group = in_image("USER").split(":")
    assert int(user) > 0
    assert int(group) > 0
    assert f"install -d -o {user} -g {group} {in_image('VOLUME')}" in dict(DOCKERFILE)["RUN"]
    assert "user" not in COMPOSE_SERVICE  # the image names it
    context = POD["securityContext"]
    assert context["runAsNonRoot"] is True
    assert context["runAsUser"] == int(user)
    assert context["runAsGroup"] == context["fsGroup"] == int(group)


def test_the_service_has_no_privilege_and_writes_nowhere_else() -> None:
    assert "privileged" not in COMPOSE_SERVICE
    assert COMPOSE_SERVICE["cap_drop"] == ["ALL"]
    assert COMPOSE_SERVICE["security_opt"] == ["no-new-privileges:true"]
    assert COMPOSE_SERVICE["read_only"] is True
    assert "tmpfs" not in COMPOSE_SERVICE
    assert CONTAINER["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert POD["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert POD["automountServiceAccountToken"] is False


def test_a_stop_has_time_to_answer_what_has_begun() -> None:
    seconds = int(in_gunicorn("graceful_timeout"))
    assert POD["terminationGracePeriodSeconds"] > seconds
    assert int(COMPOSE_SERVICE["stop_grace_period"].removesuffix("s")) > seconds


def test_every_variable_is_a_setting_that_the_service_accepts() -> None:
    variables = {variable["name"]: variable["value"] for variable in CONTAINER["env"]}
    variables |= COMPOSE_SERVICE.get("environment", {})
    pairs = [pair for word, text in DOCKERFILE if word == "ENV" for pair in shlex.split(text)]
    variables |= dict(pair.split("=", 1) for pair in pairs)
    settings = {f"STATUS_{field.upper()}": field for field in Settings.model_fields}
    assert variables.keys() <= settings.keys() | {"WEB_CONCURRENCY"}
    Settings.model_validate({settings[name]: text for name, text in variables.items() if name in settings})
    assert POD["enableServiceLinks"] is False  # a Service named `status` would set more of them


def test_compose_builds_this_tree_and_the_pod_runs_its_version() -> None:
    assert (ROOT / "deploy" / COMPOSE_SERVICE["build"]).resolve() == ROOT
    assert CONTAINER["image"] == f"gitops-status:{VERSION}"
