"""README.md does what it says."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from config import PREFIX, VERSION, Settings
from tests.process.service import ROOT, running

README = (ROOT / "README.md").read_text("utf-8")
BLOCKS = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)


@pytest.mark.usefixtures("agent_file")
def test_every_curl_of_the_readme_works_in_its_order(tmp_path: Path) -> None:
    with running(tmp_path) as service:
        script = "\n".join(block for block in BLOCKS if "curl" in block).replace("http://localhost:5000", service.url)
        assert script.count("curl") == README.count("curl ")
        script = script.replace("data/status.json", str(service.store))
        script = script.replace(".venv/bin/flask", f"{sys.executable} -m flask")
        script = script.replace("/usr/local/bin", str(tmp_path)).replace("-fsSL", "-L")
        result = subprocess.run(
            ["bash", "-e", "-c", script.replace("curl ", "curl -sS --fail-with-body -w '\\n%{http_code}\\n' ")],
            env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}, cwd=ROOT, capture_output=True, text=True, check=False,
        )  # fmt: skip
    assert result.returncode == 0, result.stdout + result.stderr
    codes = re.findall(r"^\d{3}$", result.stdout, re.MULTILINE)
    assert codes == ["201", *["200"] * 11, "204", "200", "201", "200"]
    assert f"\n{VERSION}\n" in result.stdout  # of the agent


def test_the_file_is_read_as_the_readme_shows(tmp_path: Path) -> None:
    with running(tmp_path) as service:
        report = '{"server_group": "rsyslog-prod", "host": "rsyslog-01", "changed_files": ["/etc/rsyslog.conf"]}'
        subprocess.run(
            ["curl", "-sS", "--fail", "-H", "Content-Type: application/json", "-d", report, f"{service.url}/status/cron"],
            check=True, capture_output=True,
        )  # fmt: skip
        for command in next(block for block in BLOCKS if "jq" in block).strip().splitlines():
            here = command.replace("data/status.json", str(service.store))
            shown = subprocess.run(here, shell=True, capture_output=True, text=True, check=True).stdout
            assert "rsyslog-01" in shown
            assert len(shown.splitlines()) == 1


def test_backup_and_restore_are_plain_copies(tmp_path: Path) -> None:
    backup, restore = re.findall(r"`(cp [^`]+)`", README)
    with running(tmp_path) as service:

        def shell(command: str) -> None:
            command = command.replace("data/", f"{tmp_path}/").replace("backup.json", f"{tmp_path}/backup.json")
            subprocess.run(command, shell=True, check=True)

        def post(host: str) -> None:
            command = ["curl", "-sS", "--fail", "-H", "Content-Type: application/json", f"{service.url}/status/cron"]
            subprocess.run(
                [*command, "-d", json.dumps({"server_group": "g", "host": host})], check=True, capture_output=True
            )

        def hosts() -> list[str]:
            rows = subprocess.run(["curl", "-sS", f"{service.url}/status"], check=True, capture_output=True).stdout
            return [row["host"] for row in json.loads(rows)]

        post("a")
        shell(backup)
        post("b")
        shell(restore)
        assert hosts() == ["a"]
        post("c")
        assert hosts() == ["a", "c"]


def test_a_store_is_copied_whole_checked_and_compacted_as_the_readme_shows(tmp_path: Path) -> None:
    copying, checking = (
        next(block for block in BLOCKS if word in block) for word in ("status.json.journal", "-m storage")
    )

    def shell(commands: str) -> str:
        here = commands.replace(".venv/bin/python", sys.executable).replace("data/", f"{tmp_path}/")
        here = re.sub(r"(?<= )backup\b", f"{tmp_path}/backup", here)
        result = subprocess.run(["bash", "-e", "-c", here], cwd=ROOT, capture_output=True, text=True, check=False)
        assert result.returncode == 0, result.stdout + result.stderr
        return result.stdout

    with running(tmp_path) as service:
        report = '{"server_group": "g", "host": "a"}'
        subprocess.run(
            ["curl", "-sS", "--fail", "-H", "Content-Type: application/json", "-d", report, f"{service.url}/status/cron"],
            check=True, capture_output=True,
        )  # fmt: skip
        shell(copying)
        said = shell(checking).splitlines()
    assert said[0] == "status.json: 1 server at revision 1."
    assert said[-2:] == ["All is well.", "status.json holds all: 1 server at revision 1. Its journal starts anew."]
    assert "All is well." in shell(checking.splitlines()[0].replace("data/", "data/backup/"))


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_stands_in_the_table_as_it_is_declared(name: str) -> None:
    field = Settings.model_fields[name]
    default = f"`{field.default}`" if field.default not in (None, ()) else "unset"
    assert f"| `{PREFIX}{name.upper()}` | {default} | {field.description} |" in README


def test_the_table_names_no_other_setting() -> None:
    named = re.findall(rf"^\| `{PREFIX}(\w+)`", README, re.MULTILINE)
    assert [name.lower() for name in named] == list(Settings.model_fields)


def test_every_make_target_that_is_named_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"make ([a-z]+)", README))
    assert {"run", "test", "help", "lint", "demo", "bench"} <= targets
    assert named <= targets
