"""README.md and docs/OPERATING.md do what they say."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import cast

import pytest
from click import Group

import agent.__main__
from app import create_app
from config import PREFIX, VERSION, Settings
from stores.postgres.database import MOST_CONNECTIONS
from tests.process.day import MAY_BE_ABSENT, NEEDED
from tests.process.service import ROOT, running

README = (ROOT / "README.md").read_text("utf-8")
NUMBERS = {4: "four", 6: "six", 8: "eight", 10: "ten"}
OPERATING = (ROOT / "docs/OPERATING.md").read_text("utf-8")
BLOCKS = re.findall(r"```sh\n(.*?)```", OPERATING, re.DOTALL)
COMMANDS = OPERATING.partition("## Every command\n")[2].partition("\n## ")[0]


# What a newcomer types and follows, in the order of both files: the commands, the badge, and the paths that are named
# among them. Of each, what it shows.
SHOWN = (
    ("-X POST http://localhost:5000/status/pipeline", r'"status":"synced".*\s201$'),
    ("-X POST http://localhost:5000/status/cron", r'"status":"out_of_sync".*\s200$'),
    ("curl -H 'Accept: text/html' http://localhost:5000/ ", r"rsyslog-01.*\s200$"),
    ("/problems", r"rsyslog-01.*/etc/rsyslog.conf.*\s200$"),
    ("/docs", r"/status/pipeline.*\s200$"),
    ("curl http://localhost:5000/status ", r'"rsyslog-01".*\s200$'),
    ("status?environment=prod&problem=true", r'^\[[^}]*"rsyslog-01"[^}]*}\]\s+200$'),
    ("/status/rsyslog-prod/rsyslog-01 ", r'"changed_files":\["/etc/rsyslog.conf"\].*\s200$'),
    ("/summary", r'"problem":1,.*\s200$'),
    ("/history?from=24h", r'rsyslog-01.*"out_of_sync".*\s200$'),
    ("/metrics", r'gitops_server_problem{[^}]*host="rsyslog-01"[^}]*} 1\n.*\s200$'),
    ("/badge/rsyslog-prod.svg", r"<svg.*out of sync.*\s200$"),
    ("/usr/local/bin/gitops-agent && chmod", r"\s200$"),
    ("gitops-agent --version", f"^{re.escape(VERSION)}$"),
    ("export STATUS_STORE", "^$"),
    ("flask token create", "^$"),
    ("Authorization: Bearer $TOKEN", r"rsyslog-02.*\s201$"),
    ("jq ", '^"rsyslog-01"$'),
    ("grep rsyslog-01", '^"rsyslog-prod/rsyslog-01":{[^\n]*},?$'),
    ("mkdir", "^$"),
    ("cp ", "^$"),
    ("store verify", r"All is well\.$"),
    ("store compact", "holds all: 2 servers"),
)


def steps() -> list[str]:
    """The commands of both files in their order, and among them a `curl` of each page and badge that it names."""
    looks = r"[`(]http://localhost:5000(/[^\s`)]*)[`)]|`(/(?:problems|docs|openapi|badge)[\w/.-]*)`"
    found = re.findall(rf"```sh\n(.*?)```|{looks}", README + OPERATING, re.DOTALL)
    blocks = [
        block or f"curl -H 'Accept: text/html' http://localhost:5000{badge or page}" for block, badge, page in found
    ]
    commands = [command.strip() for block in blocks for command in re.split(r"\n(?=\S)", block)]
    return [command for command in commands if not command.startswith(("make ", "docker "))]


@pytest.mark.usefixtures("agent_file")
def test_every_command_shows_what_is_promised_in_the_order_of_both_files(tmp_path: Path) -> None:
    """As in a clone, after `make run`."""
    (tmp_path / ".venv").symlink_to(Path(sys.executable).parent.parent)
    (tmp_path / "data").mkdir()
    assert (README + OPERATING).count("curl ") == sum(
        step.count("curl ") for step in steps() if "Accept: text/html" not in step
    )
    with running(tmp_path / "data") as service:
        script = "\n".join(f"printf '\\036'\n{step}" for step in steps())
        script = script.replace("http://localhost:5000", service.url).replace("/usr/local/bin", str(tmp_path))
        script = script.replace("curl ", "curl -sS --fail-with-body -w '\\n%{http_code}\\n' ").replace("-fsSL", "-L")
        result = subprocess.run(
            ["bash", "-e", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False,
            env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT), "FLASK_APP": "app"},
        )  # fmt: skip
    assert result.returncode == 0, result.stdout + result.stderr
    _, *outputs = result.stdout.split("\036")
    assert len(outputs) == len(SHOWN)
    for step, output, (part, pattern) in zip(steps(), outputs, SHOWN, strict=True):
        assert part in f"{step} "
        assert re.search(pattern, output.removesuffix("\n"), re.DOTALL), (step, output)


def test_backup_and_restore_are_plain_copies(tmp_path: Path) -> None:
    backup, restore = re.findall(r"`(cp [^`]+)`", OPERATING)
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


def test_a_store_is_copied_whole_checked_and_compacted_as_the_manual_shows(tmp_path: Path) -> None:
    copying, checking = (
        next(block for block in BLOCKS if word in block) for word in ("status.json.journal", "store verify")
    )

    def shell(commands: str) -> str:
        here = commands.replace(".venv/bin/flask", f"{sys.executable} -m flask").replace("data/", f"{tmp_path}/")
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
    assert re.fullmatch(
        r"status\.json: 1 server at revision \d+\.", said[0]
    )  # of the report, and of notes that it lives
    assert said[-2] == "All is well."
    assert re.fullmatch(r"status\.json holds all: 1 server at revision \d+\. Its journal starts anew\.", said[-1])
    assert "All is well." in shell(checking.splitlines()[0].replace("data/", "data/backup/"))


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_stands_in_the_table_as_it_is_declared(name: str) -> None:
    field = Settings.model_fields[name]
    default = f"`{field.default}`" if field.default not in (None, ()) else "unset"
    assert f"| `{PREFIX}{name.upper()}` | {default} | {field.description} |" in OPERATING


def test_the_table_names_no_other_setting() -> None:
    named = re.findall(rf"^\| `{PREFIX}(\w+)`", OPERATING, re.MULTILINE)
    assert [name.lower() for name in named] == list(Settings.model_fields)


def test_what_the_demo_needs_is_named() -> None:
    start = README.partition("## Start\n")[2].partition("\n## ")[0]
    for program in (*NEEDED, *MAY_BE_ABSENT):
        assert f"`{program}`" in start


def test_the_connections_of_a_worker_are_those_of_its_store_and_of_its_tokens() -> None:
    assert f"Each worker uses up to {NUMBERS[2 * MOST_CONNECTIONS]} connections." in " ".join(OPERATING.split())


def test_every_make_target_that_is_named_exists() -> None:
    targets = re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert set(re.findall(r"(?:`|^)make ([a-z-]+)", README + OPERATING, re.MULTILINE)) <= set(targets)


def test_the_table_of_commands_has_every_command_once() -> None:
    commands = create_app(Settings(store=Path("unused.json"))).cli.commands
    expected = [
        *(f"make {name}" for name in re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE)),
        *(f"flask {name} {verb}" for name in ("token", "store") for verb in cast(Group, commands[name]).commands),
        *(f"python -m storage {verb}" for verb in ("verify", "compact")),
        "python -m workers",
        *(f"gitops-agent {name}" for name in agent.__main__.COMMANDS),
        "./test_api.sh",
    ]
    named = re.findall(r"^\| `([^`]+)` \|", COMMANDS, re.MULTILINE)
    assert sorted(named) == sorted(expected)
