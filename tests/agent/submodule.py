"""Submodules in a developer's clone."""

from pathlib import Path

from tests.agent.agents import git

# Git refuses submodules from a folder of the machine, unless somebody says that these may be trusted.
TRUST = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "protocol.file.allow", "GIT_CONFIG_VALUE_0": "always"}


def bind(work: Path, path: str, url: str, name: str = "", **config: str) -> None:
    """Have a submodule in a developer's clone, at what its branch has now."""
    git(work, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", "--name", name or path, url, path)
    for key, value in config.items():
        git(work, "config", "--file", ".gitmodules", f"submodule.{name or path}.{key}", value)
