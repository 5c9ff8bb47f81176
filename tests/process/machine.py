"""A new server for the agent's examples: `/usr/local/bin`, `/etc` and `/srv` are folders of the test."""

import os
import re
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import requests

from tests.process.examples import git, run, write_program
from tests.process.service import Service

ADMIN = "an-admin-token-of-the-tests"
HOST = socket.gethostname().split(".")[0]


@dataclass(frozen=True)
class Machine:
    """A new server, as far as these folders are one, and the repository that a developer pushes to."""

    root: Path
    service: Service
    group: str

    @classmethod
    def new(cls, root: Path, service: Service, group: str, recorders: Mapping[str, str]) -> "Machine":
        """A machine that the board does not know, with recorders in place of some programs."""
        machine = cls(root, service, group)
        for folder in ("usr/local/bin", "etc/rsyslog.d", "etc/cron.d", "srv", "bin"):
            (root / folder).mkdir(parents=True)
        for name, script in {"logger": 'cat >> "$ROOT/log"\n', **recorders}.items():
            write_program(root / "bin" / name, script.replace("$ROOT", str(root)))
        git(root, "init", "--quiet", "--bare", "--initial-branch=main", "remote.git")
        git(root, "clone", "--quiet", "remote.git", "work")
        requests.delete(machine.url, headers={"X-API-Key": ADMIN}, timeout=60)
        return machine

    @property
    def url(self) -> str:
        """What the service says of this machine."""
        return f"{self.service.url}/status/{self.group}/{HOST}"

    def rooted(self, text: str) -> str:
        """The same text with the folders of this machine."""
        return re.sub(r"(?<![\w.-])/(?=(?:usr/local/bin|etc|srv)/)", f"{self.root}/", text)

    def config(self, text: str) -> str:
        """The config of an example on this machine."""
        for old, new in {
            "http://status.example.com:5000": self.service.url,
            '"delay": 2': '"delay": 0',
            '  "tokenFile"': f'  "stateDir": "{self.root}/state",\n  "tokenFile"',
        }.items():
            assert old in text
            text = text.replace(old, new)
        return self.rooted(text)

    def push(self, files: Mapping[str, str], remove: Sequence[str] = ()) -> str:
        """Commit files and push them, as a developer does; gives the commit."""
        work = self.root / "work"
        for name, content in files.items():
            (work / name).parent.mkdir(parents=True, exist_ok=True)
            (work / name).write_text(content)
        for name in remove:
            (work / name).unlink()
        git(work, "add", "--all")
        git(work, "commit", "--quiet", "--message=change")
        git(work, "push", "--quiet", "origin", "HEAD:main")
        return git(work, "rev-parse", "HEAD")

    def set_up(self, script: str) -> None:
        """Run the five commands, with a token of just the rights that the page asks for."""
        *_, last = commands = script.replace("\\\n", "").splitlines()
        assert len(commands) == 5
        assert last.startswith("gitops-agent install ")
        wanted = {"label": self.group, "scopes": ["pipeline", "cron"], "groups": [self.group]}
        answer = requests.post(f"{self.service.url}/tokens", json=wanted, headers={"X-API-Key": ADMIN}, timeout=60)
        variables = {
            "STATUS_URL": self.service.url,
            "STATUS_TOKEN": answer.json()["token"],
            "REPOSITORY": str(self.root / "remote.git"),
        }
        done = self.shell(f"{self.rooted(script).rstrip()} --root {self.root} --cron\n", **variables)
        assert done.returncode == 0, done.stdout + done.stderr
        assert (self.root / "etc/gitops-agent.token").stat().st_mode & 0o777 == 0o600

    def shell(self, script: str, path: str = os.environ["PATH"], **variables: str) -> CompletedProcess[str]:
        """Run a script on this machine."""
        places = f"{self.root}/bin:{self.root}/usr/local/bin:{path}"
        quiet = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
        return run(["sh", "-e"], self.root, {**quiet, "PATH": places, **variables}, script)

    def agent(self, command: str) -> CompletedProcess[str]:
        """Run a command of the agent, as the operator does to look."""
        (config,) = self.root.glob("srv/*/gitops-agent.json")
        return self.shell(f"gitops-agent {command} --config {config}\n")

    def cron(self, command: str) -> str:
        """Run what the crontab has for a command at once; gives what it logged."""
        crontab = (self.root / "etc/cron.d/gitops-agent").read_text()
        settings = dict(re.findall(r"^(\w+)=(.*)$", crontab, re.MULTILINE))
        (job,) = re.findall(rf"^\S+ \S+ \* \* \* root sleep \d+; (.* {command} .*)$", crontab, re.MULTILINE)
        (self.root / "log").unlink(missing_ok=True)
        done = self.shell(job, settings["PATH"])
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        return (self.root / "log").read_text()

    def row(self) -> dict[str, Any]:
        """What the board says of this machine."""
        answer = requests.get(self.url, timeout=60)
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found

    def verdict(self) -> tuple[str, str, str]:
        """The status, the commit and the validation on the board."""
        row = self.row()
        return row["status"], row["commit_sha"], row["validation_status"]

    def recorded(self) -> list[str]:
        """How the recorders were called since this was last asked."""
        path = self.root / "calls"
        calls = path.read_text().splitlines() if path.exists() else []
        path.unlink(missing_ok=True)
        return calls
