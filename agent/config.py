"""What the operator wants (docs/AGENT.md), once it was read and is in order."""

import os
from typing import Dict, NamedTuple, Sequence


class Check(NamedTuple):
    """Asks whether things are well: a command that succeeds, or a URL that answers with a status."""

    command: str = ""
    url: str = ""
    status: int = 200
    retries: int = 3
    delay: float = 5  # seconds between two tries
    timeout: float = 30


class File(NamedTuple):
    """What should stand where. `source` is a path or glob in the repository, `command` prints the content instead."""

    target: str
    source: str = ""
    command: str = ""
    owner: str = ""  # user, or user:group
    mode: str = ""  # octal digits
    exact: bool = False  # whether the target, a folder, holds nothing else


class Target(NamedTuple):
    """A repository and the server that it is deployed to: `server_group` and `host` on the board."""

    deployment_repo: str
    server_group: str
    host: str
    why_host: str = ""  # empty where the config says it
    compose_file: str = "compose.yml"
    env_file: str = ".env"
    services: Sequence[str] = ()
    server_type: str = ""
    environment: str = ""
    project_name: str = ""
    repo_name: str = ""
    git_timeout: float = 120
    make_timeout: float = 1800
    parallel: int = 1
    before: Sequence[str] = ()
    after: Sequence[str] = ()
    checks_before: Sequence[Check] = ()
    checks_after: Sequence[Check] = ()
    rollback: bool = False
    files: Sequence[File] = ()
    ref: str = ""  # the branch, tag or commit that is deployed; empty for the branch that is checked out
    force_push: str = "refuse"  # or "follow"
    submodules: bool = True
    watch: Sequence[str] = ()

    @property
    def name(self) -> str:
        """Its key on the board."""
        return f"{self.server_group}/{self.host}"

    @property
    def called(self) -> str:
        """Which server it is, and why, for an operator who looks for it."""
        return f"This is {self.name} on the board, {self.why_host or 'as the config says'}."

    @property
    def described(self) -> Dict[str, str]:
        """What each of its reports says of it."""
        names = ("server_group", "host", "server_type", "environment", "project_name", "repo_name")
        return {name: getattr(self, name) for name in names if getattr(self, name)}


class Config(NamedTuple):
    """Everything that the operator said."""

    status_url: str
    targets: Sequence[Target]
    token_file: str = ""
    state_dir: str = ""
    log: str = "text"
    deploy_every: int = 5  # minutes, 0 for never
    check_every: int = 15


def state_dir() -> str:
    """Where the agent keeps what it must not forget, if the config does not say."""
    if os.geteuid() == 0:
        return "/var/lib/gitops-agent"
    return os.path.join(os.environ.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state"), "gitops-agent")


def make_target(service: str) -> str:
    """The target of the Makefile that updates a service: gitopsLogstash for logstash."""
    return "gitops" + service[:1].upper() + service[1:]
