"""A compose host as the seed describes it: a clone with its Makefile, and a docker-compose that records its calls."""

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.agent.agents import Agent, Remote, ask, config, remote

SERVICE = """
gitops{target}:
	docker-compose stop {name}
	docker-compose rm -f {name}
	docker-compose pull {name}
	docker-compose up -d {name}
"""
MAKEFILE = """gitopsAll:
	docker-compose down
	docker-compose pull
	docker-compose up -d
""" + "".join(SERVICE.format(target=name.title(), name=name) for name in ("logstash", "redis", "web"))

# `up` does what the test wrote into a file of that name, or into the file `up` for the whole stack.
RECORDER = """#!/bin/sh
echo "$*" >> "{folder}/calls"
case "$1" in
up) if [ -e "{folder}/up$3" ]; then . "{folder}/up$3"; fi ;;
esac
"""

FILES = {
    "Makefile": MAKEFILE,
    "compose.yml": "services: {}\n",
    ".env": "A=1\n",
    ".gitignore": ".gitops_checksums.json\n",
    "logstash/pipeline/logstash.conf": "input {}\n",
    "redis/redis.conf": "port 6379\n",
    "web/nginx.conf": "events {}\n",
}

ONCE = {"retries": 0, "delay": 0}  # how often a check is asked
# The stack is well as long as nobody writes `bad` into the config of redis.
HEALTHY = {"command": "echo looking; ! grep bad redis/redis.conf", **ONCE}


@dataclass(frozen=True)
class Stack:
    """The host, its repository, and the agent with its config, which `configure` changes."""

    folder: Path
    agent: Agent
    remote: Remote
    url: str
    group: str

    def configure(self, **members: Any) -> Path:
        """Write the config; what is None is left out."""
        known = {
            "statusUrl": self.url,
            "serverGroup": self.group,
            "host": "h1",
            "deploymentRepo": str(self.remote.clone),
            "services": ["logstash", "redis", "web"],
            "stateDir": str(self.folder / "state"),
        }
        settings = {name: value for name, value in {**known, **members}.items() if value is not None}
        return config(self.folder / "config.json", **settings)

    def deploy(self, *options: str, **more: Any) -> subprocess.CompletedProcess[str]:
        """Run `deploy` to its end."""
        return self.agent("deploy", "--config", self.folder / "config.json", *options, **more)

    def start(self) -> subprocess.Popen[str]:
        """Start `deploy` and go on."""
        return self.agent.start("deploy", "--config", self.folder / "config.json")

    def on_up(self, service: str, script: str) -> None:
        """Say what docker-compose does when it starts a service, or everything for an empty name."""
        path = self.folder / f"up{service}"
        path.unlink(missing_ok=True)
        if script:
            path.write_text(script)

    def made(self) -> list[str]:
        """What was started since this was last asked: services, or `all`."""
        path = self.folder / "calls"
        calls = path.read_text().splitlines() if path.exists() else []
        path.unlink(missing_ok=True)
        return [call.removeprefix("up -d").strip() or "all" for call in calls if call.startswith("up -d")]

    def board(self) -> Any:
        """What the service says of this host."""
        return ask(f"{self.url}/status/{self.group}/h1")

    def history(self) -> list[str]:
        """The statuses of this host, the oldest first."""
        return [entry["status"] for entry in ask(f"{self.url}/status/{self.group}/h1/history")]

    @property
    def checksums(self) -> Path:
        """The file of checksums in the clone."""
        return self.remote.clone / ".gitops_checksums.json"

    def saved(self) -> dict[str, str | None]:
        """The checksums in it."""
        checksums: dict[str, str | None] = json.loads(self.checksums.read_text())
        return checksums


def stack(folder: Path, agent: Agent, url: str, group: str) -> Stack:
    """A host of which nothing was deployed yet."""
    recorder = folder / "bin/docker-compose"
    recorder.parent.mkdir()
    recorder.write_text(RECORDER.format(folder=folder))
    recorder.chmod(0o755)
    made = Stack(folder, agent, remote(folder, FILES), url, group)
    made.configure()
    return made


def pipes(folder: Path, *names: str) -> list[Path]:
    """Named pipes, to hold a program at a place and let it go."""
    paths = [folder / name for name in names]
    for path in paths:
        os.mkfifo(path)
    return paths


def said(folder: Path) -> list[str]:
    """The lines that hooks wrote since this was last asked."""
    path = folder / "said"
    lines = path.read_text().splitlines() if path.exists() else []
    path.unlink(missing_ok=True)
    return lines
