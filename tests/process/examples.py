"""The code blocks of INTEGRATION_EXAMPLES.md and the means to run them as their own programs would."""

import ast
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from tests.process.service import ROOT, Service

DOCUMENT = ROOT / "INTEGRATION_EXAMPLES.md"
NASTY_MESSAGE = (
    "Fix \"quotes\", 'quotes' and C:\\new\\table\n\n$(touch pwned) `touch pwned` ${HOME} %s\ttab ümläut 日本 😀"
)
TOKEN = "an-admin-token-of-the-tests"  # which each example sends; those of the drift check work without one
AUTH = {"STATUS_AUTH": "writes", "STATUS_ADMIN_TOKEN": TOKEN}
needs_jq = pytest.mark.skipif(shutil.which("jq") is None, reason="jq is not installed; .ci/run installs it")

BIN = Path(sys.executable).parent
ROLE = """
- name: Copy the configuration
  ansible.builtin.copy:
    content: "*.* /var/log/all\\n"
    dest: "{{ destination }}"
    validate: "{{ validator }} %s"
"""


def block(heading: str, language: str) -> str:
    """The one block in that language under that heading."""
    return blocks()[heading, language]


def blocks() -> dict[tuple[str, str], str]:
    """Every fenced block of the document by its heading and its language."""
    found: dict[tuple[str, str], str] = {}
    for section in re.split(r"^## ", DOCUMENT.read_text(), flags=re.MULTILINE)[1:]:
        heading, _, content = section.partition("\n")
        for language, text in re.findall(r"^```(\w*)\n(.*?)^```$", content, re.MULTILINE | re.DOTALL):
            assert (heading, language) not in found, f"two blocks in {language} under {heading}"
            found[heading, language] = text
    return found


def blocks_asked_for(test_file: Path) -> set[tuple[str, ...]]:
    """What the functions of a test file ask of `block`, so that a block without a test is noticed."""
    return {
        tuple(ast.literal_eval(argument) for argument in call.args)
        for function in ast.walk(ast.parse(test_file.read_text()))
        if isinstance(function, ast.FunctionDef)
        for call in ast.walk(function)
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "block"
    }


def record(service: Service, group: str, host: str) -> dict[str, Any]:
    """What the service knows of a server."""
    answer = requests.get(f"{service.url}/status/{group}/{host}", timeout=60)
    answer.raise_for_status()
    found: dict[str, Any] = answer.json()
    return found


def run(
    command: Sequence[str | Path], folder: Path, environment: Mapping[str, str], script: str | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a program in a folder with nothing in its environment but what is given, PATH and a home of its own."""
    return subprocess.run(
        command, cwd=folder, input=script, capture_output=True, text=True, check=False, timeout=60,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), **environment},
    )  # fmt: skip


def git(folder: Path, *arguments: str) -> str:
    """Run git, untouched by the settings of whoever runs the tests."""
    settings = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    person = {f"GIT_{who}_{what}": "a@b.c" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    done = run(["git", *arguments], folder, settings | person)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def write_program(path: Path, text: str) -> None:
    """An executable shell script."""
    path.write_text("#!/bin/sh\n" + text)
    path.chmod(0o755)


def assert_schema_allows(folder: Path, schema: str, *workflows: str) -> None:
    """Hold workflows against a schema that check-jsonschema ships."""
    files = [folder / f"{number}.yaml" for number in range(len(workflows))]
    for file, workflow in zip(files, workflows, strict=True):
        file.write_text(workflow)
    done = run([BIN / "check-jsonschema", "--builtin-schema", schema, *files], folder, {})
    assert done.returncode == 0, done.stdout


@dataclass
class Woodpecker:
    """Runs a workflow by Woodpecker's rules: steps in order, by status, each through `sh -e`."""

    folder: Path
    environment: Mapping[str, str]
    secrets: Mapping[str, str]
    knows_the_status: bool
    output: str = ""

    def run(self, workflow: str) -> bool:
        """Run every step that is due; tells whether the workflow passed."""
        assert "$$" not in workflow
        assert "${" not in workflow, "Woodpecker would replace it before the step runs"
        passed = True
        for step in yaml.safe_load(workflow)["steps"]:
            due = [status for condition in step.get("when", ()) for status in condition["status"]] or ["success"]
            is_due = ("success" if passed else "failure") in due
            if is_due and not self._run_step(step, passed) and step.get("failure") != "ignore":
                passed = False
        return passed

    def _run_step(self, step: Mapping[str, Any], passed: bool) -> bool:
        environment = dict(self.environment)
        if self.knows_the_status:
            environment["CI_PIPELINE_STATUS"] = "success" if passed else "failure"
        for name, value in step.get("environment", {}).items():
            environment[name] = value if isinstance(value, str) else self.secrets[value["from_secret"]]
        script = "\n".join(self._installed(step["commands"]))
        done = run(["sh", "-e"], self.folder, environment, script)
        self.output += done.stdout + done.stderr
        return done.returncode == 0

    def _installed(self, commands: Sequence[str]) -> Sequence[str]:
        """The commands without the one that installs the tools, which are here already."""
        if not commands[0].startswith("apk add"):
            return commands
        assert commands[0].split() == ["apk", "add", "--no-cache", "curl", "jq"]
        return commands[1:]


def start_ansible(
    folder: Path, playbook: str, status_url: str, status_token: str, hosts: Mapping[str, str]
) -> subprocess.Popen[str]:
    """Start the playbook for hosts that are this machine, each with its own variables."""
    assert "timeout: 20\n" in playbook
    (folder / "deploy.yml").write_text(playbook.replace("timeout: 20\n", "timeout: 1\n"))
    (folder / "roles/rsyslog/tasks").mkdir(parents=True)
    (folder / "roles/rsyslog/tasks/main.yml").write_text(ROLE)
    destination = folder / "{{ inventory_hostname }}.conf"
    lines = [f"{host} {variables}" for host, variables in hosts.items()]
    (folder / "hosts").write_text(
        "\n".join(["[rsyslog_prod]", *lines, "[rsyslog_prod:vars]", "ansible_connection=local"])
        + f"\nvalidator=true\ndestination='{destination}'\n"
    )
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "ANSIBLE_HOME": str(folder / ".ansible"),
        "ANSIBLE_PYTHON_INTERPRETER": sys.executable,
        "LC_ALL": "C.UTF-8",
        "STATUS_URL": status_url,
        "STATUS_TOKEN": status_token,
    }
    return subprocess.Popen(
        [BIN / "ansible-playbook", "-i", "hosts", "deploy.yml"],
        cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


@dataclass(frozen=True)
class DriftCheck:
    """The drift script on a server of its own: a repository, a clone, a folder to deploy to, a name."""

    folder: Path
    status_url: str
    host: str

    @classmethod
    def set_up(cls, folder: Path, status_url: str, host: str, script: str, files: Mapping[str, str]) -> "DriftCheck":
        """Lay down the script and a repository whose files are all deployed."""
        check = cls(folder, status_url, host)
        (folder / "gitops-drift").write_text(script)
        (folder / "origin").mkdir()
        git(folder / "origin", "init", "--quiet", "--initial-branch=main")
        for name, content in files.items():
            for root in (check.origin, check.target):
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                (root / name).write_text(content)
        check.commit()
        git(folder, "clone", "--quiet", "origin", "checkout")
        return check

    @property
    def origin(self) -> Path:
        """The folder of the repository whose files belong on the server."""
        return self.folder / "origin" / "files"

    @property
    def target(self) -> Path:
        """The root of the server."""
        return self.folder / "server"

    def commit(self) -> None:
        """Let git say what the origin holds now."""
        git(self.folder / "origin", "add", "--all")
        git(self.folder / "origin", "commit", "--quiet", "--allow-empty", "--message=change")

    def run(self, *shell: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run the script as cron would, by `sh` unless another command is given to run it."""
        settings = {
            "STATUS_URL": self.status_url,
            "SERVER_GROUP": "rsyslog-drift",
            "SERVER_HOST": self.host,
            "CHECKOUT": str(self.folder / "checkout"),
            "TARGET": str(self.target),
        }
        return run([*(shell or ["sh"]), self.folder / "gitops-drift"], self.folder, settings | environment)
