"""A server that is checked: real git, real files, a real service."""

import os
import subprocess
from pathlib import Path
from typing import Any

from tests.agent.agents import Agent, Remote, ask, config, remote
from tests.process.service import Service

FILES = {"compose.yml": "services: {}\n", "redis/redis.conf": "port 6379\nsave 60\n", "run.sh": "#!/bin/sh\n"}


class Server:
    """A server that is checked: its clone, its config, and what the board says of it."""

    def __init__(self, folder: Path, agent: Agent, service: Service, group: str) -> None:
        self.remote: Remote = remote(folder / "git", FILES)
        self.clone = self.remote.clone
        self.agent = agent
        self.group = group
        self.url = service.url
        self.folder = folder
        self.members: dict[str, Any] = {
            "statusUrl": service.url, "serverGroup": group, "host": "web1",
            "deploymentRepo": str(self.clone), "stateDir": str(folder / "state"),
        }  # fmt: skip

    def check(self, *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
        """Run `check` to its end."""
        done = self.agent("check", "--config", self.config(), *arguments, **options)
        assert "Traceback" not in done.stderr
        return done

    def config(self) -> Path:
        """The config file."""
        return config(self.folder / "config.json", **self.members)

    def record(self, host: str = "web1") -> Any:
        """What the board says."""
        return ask(f"{self.url}/status/{self.group}/{host}")

    def verdict(self) -> tuple[str, list[str]]:
        """The status on the board, and the files."""
        record = self.record()
        return record["status"], record["changed_files"]


def unprivileged() -> list[str]:
    """What to put before a command, so that permissions count for it."""
    dropped = "-dac_override,-dac_read_search"
    return ["setpriv", f"--bounding-set={dropped}", f"--inh-caps={dropped}"] if os.geteuid() == 0 else []
