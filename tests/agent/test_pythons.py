"""The built file, under every Python from 3.6 on that this machine has: the end of the output names them."""

import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from agent import __version__
from tests.agent.agents import Agent, ask, git, remote, write
from tests.agent.servers import Server
from tests.agent.stack import stack
from tests.agent.submodule import TRUST
from tests.process.service import Service

OLDEST = (3, 6)


def pythons() -> dict[str, str]:
    """A program a version: those on PATH, those of pyenv, and the one that runs this test."""
    roots = [os.environ.get("PYENV_ROOT")]
    if shutil.which("pyenv"):
        roots.append(subprocess.run(["pyenv", "root"], capture_output=True, text=True, check=False).stdout.strip())
    places = [place for root in filter(None, roots) for place in Path(root).glob("versions/*/bin")]
    places += [Path(folder) for folder in os.environ["PATH"].split(os.pathsep)]
    found = {".".join(map(str, sys.version_info[:2])): sys.executable}
    for program in (path for place in places for path in sorted(place.glob("python3.*"))):
        if not re.fullmatch(r"python3\.\d+", program.name) or program.name[6:] in found:
            continue
        if version := _version(program):
            found.setdefault(version, str(program))
    return {version: found[version] for version in sorted(found, key=lambda version: int(version.split(".")[1]))}


def _version(program: Path) -> str | None:
    """3.6 and the like; None for what does not run or is older. A shim of pyenv may stand for no Python at all."""
    command = [str(program), "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    except OSError:
        return None
    version = done.stdout.strip()
    return version if done.returncode == 0 and tuple(map(int, version.split("."))) >= OLDEST else None


PYTHONS = pythons()


def reports(agent: Agent, service: Service, group: str) -> None:
    """`report`, with names that are no ASCII and none that are no UTF-8."""
    state = ("--state-dir", agent.folder / "state", "--url", service.url, "--server-group", group, "--host", "a")
    name = os.fsdecode(b"/etc/\xc3\xbc-\xff.conf")
    done = agent("report", "cron", *state, "--changed-file", name)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert ask(f"{service.url}/status/{group}/a")["changed_files"] == ["/etc/ü-\\xff.conf"]
    nowhere = ("--url", f"{service.url}/nowhere")
    done = agent("report", "pipeline", *state, *nowhere, "--status", "failed", "--commit-message", "Größe")
    assert (done.returncode, done.stdout) == (0, "")
    assert "There is no GitOps Status at that address." in done.stderr
    assert agent("report", "cron", *state).returncode == 0
    assert ask(f"{service.url}/status/{group}/a")["commit_message"] == "Größe"


def checks(agent: Agent, service: Service, group: str) -> None:
    """`check`, with files that git converts, a template, an exact folder, and letters that are no ASCII."""
    server = Server(agent.folder, agent, service, group)
    server.remote.push({"größe/ü.conf": "ä=1\n", "größe/crlf/ü": "ü\n", ".gitattributes": "ü eol=crlf filter=ö\n"})
    git(server.clone, "config", "filter.ö.required", "false")
    (agent.folder / "exact").mkdir()
    (agent.folder / "exact/ü").write_bytes("ü\r\n".encode())
    server.members["files"] = [{"source": "größe/crlf/*", "target": f"{agent.folder}/exact/", "exact": True}]
    assert server.check().returncode == 0
    (agent.folder / "exact/rogue ü").write_text("")
    assert server.check().returncode == 1
    assert server.verdict()[1] == [f"{agent.folder}/exact/rogue ü"]
    rules = {"größe.conf": {"source": "größe/*"}, "ö.conf": {"command": "cat größe/ü.conf"}}
    for name in rules:
        (agent.folder / name).write_text("ä=2\n")
    server.members["files"] = [
        {**rule, "target": str(agent.folder / name), "mode": "0644"} for name, rule in rules.items()
    ]
    done = server.check("--diff")
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.count("-ä=1\n+ä=2\n") == 2
    assert server.verdict() == ("out_of_sync", [str(agent.folder / name) for name in rules])


def deploys(agent: Agent, service: Service, group: str) -> None:
    """`deploy`, with names, hooks and output that are no ASCII, two services at once, and a check that brings it back."""
    host = stack(agent.folder, agent, service.url, group)
    rules = remote(agent.folder / "rules", {"ü.rules": "ü\n"})
    git(host.remote.work, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(rules.work), "web/rü")
    host.remote.push({"compose.yml": "services:\n  web:\n    env_file: [ü.env]\n", "ü.env": "ü"})
    write(host.remote.clone, {"größe.env": "ü", "redis/none of git's": "ü"})
    check = {"command": "echo größer; ! grep -r bad redis", "retries": 0}
    members = {"envFile": "größe.env", "watch": ["ü/**"], "before": ["echo ü"], "checksAfter": [check]}
    host.configure(**members, rollback=True, parallel=2)
    assert host.deploy(env=TRUST).returncode == 0
    assert (host.remote.clone / "web/rü/ü.rules").read_text() == "ü\n"
    host.remote.push({"other/ü": ""})
    assert host.deploy(env=TRUST).returncode == 0
    assert host.board()["validation_message"].endswith("they are not watched: other/ü.")
    host.remote.push({"redis/ü\n": "bad", "web/ü": "new"})
    assert host.deploy("--dry-run").stdout.count("Would run make") == 2
    done = host.deploy()
    assert (done.returncode, done.stderr) == (1, "")
    assert sorted(host.made()) == ["all", "redis", "redis", "web", "web"]
    assert host.board()["changed_files"] == ["redis/ü\\n", "web/ü"]
    assert "größer" in host.board()["validation_message"]


# What each Python has to do: a line for each command that there is.
DEEDS: list[Callable[[Agent, Service, str], None]] = [reports, deploys, checks]


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory, agent_file: Path) -> Path:
    """The same as a folder, from which a Python loads it once for all that it does here."""
    folder = tmp_path_factory.mktemp("unpacked")
    with zipfile.ZipFile(agent_file) as archive:
        archive.extractall(folder)
    return folder


@pytest.fixture(params=PYTHONS)
def built(request: pytest.FixtureRequest, tmp_path: Path, unpacked: Path) -> Agent:
    """The agent as one Python runs it; a warning is an error."""
    return Agent(tmp_path, (PYTHONS[request.param], "-W", "error", "-m", "agent"), {"PYTHONPATH": str(unpacked)})


@pytest.mark.parametrize("version", PYTHONS)
def test_the_file_says_its_version(version: str, tmp_path: Path, agent_file: Path) -> None:
    """With all its modules loaded."""
    done = Agent(tmp_path, (PYTHONS[version], "-W", "error", str(agent_file)))("--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{__version__}\n", "")


@pytest.mark.parametrize("deed", DEEDS, ids=lambda deed: deed.__name__)
def test_the_file_does_the_same_under_every_python(
    deed: Callable[[Agent, Service, str], None], built: Agent, service: Service, group: str
) -> None:
    deed(built, service, group)
