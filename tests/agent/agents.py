"""The agent as an operator has it: a process of its own, beside real git and a real service."""

import atexit
import functools
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.process.service import ROOT
from tests.process.warm import Program, run

AGENT = (sys.executable, "-m", "agent")


@dataclass(frozen=True)
class Agent:
    """Runs the agent as cron does: a short PATH, the locale C, and nothing of the tester's own settings.

    `folder` is its HOME; `bin` there comes first on PATH, for programs that record how they are called. Where its state
    goes a config or an option has to say, as it is a folder of the machine for root.
    """

    folder: Path
    program: Sequence[str] = AGENT
    more: Mapping[str, str] = field(default_factory=dict)

    def __call__(self, *arguments: str | Path, **options: Any) -> subprocess.CompletedProcess[str]:
        """Run it to its end; `env` adds to its environment, `input` is given to it, `cwd` is where it starts."""
        return run([*self.program, *map(str, arguments)], options.pop("input", None), **self._options(options))

    def start(self, *arguments: str | Path, **options: Any) -> subprocess.Popen[str]:
        """Start it and go on."""
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **self._options(options)}
        process: subprocess.Popen[str] = options.pop("popen")([*self.program, *map(str, arguments)], **options)
        return process

    def _options(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """How it is started: warm, as long as it is no file."""
        environment = {**self.environment(), **given.get("env", {})}
        popen = Program if self.program[-2:] == AGENT[-2:] else subprocess.Popen
        return {"cwd": self.folder, "encoding": "utf-8", "popen": popen, **given, "env": environment}

    def environment(self) -> dict[str, str]:
        """What it finds in its environment."""
        return {**git_environment(self.folder), "LC_ALL": "C", "PYTHONPATH": str(ROOT), **self.more}


def git_environment(folder: Path) -> dict[str, str]:
    """Git with an author, and with no settings but those of the repository itself."""
    return {
        "PATH": f"{folder / 'bin'}:/usr/local/bin:/usr/bin:/bin",
        "HOME": str(folder),
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_CONFIG_SYSTEM": "/dev/null",
        "GIT_AUTHOR_NAME": "Ada",
        "GIT_AUTHOR_EMAIL": "ada@example.com",
        "GIT_COMMITTER_NAME": "Ada",
        "GIT_COMMITTER_EMAIL": "ada@example.com",
    }


def git(folder: Path, *arguments: str) -> str:
    """Run git in a repository; gives what it printed."""
    environment = git_environment(folder)
    done = subprocess.run(
        ["git", "-C", folder, *arguments], env=environment, capture_output=True, encoding="utf-8", check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def noted_git(agent: Agent) -> Callable[[], list[str]]:
    """From now on, note how the agent calls git; gives what it called since this was last asked."""
    notes, program = agent.folder / "git-calls", agent.folder / "bin/git"
    write(agent.folder, {"bin/git": f'#!/bin/sh\necho "$5" >> "{notes}"\nexec "{shutil.which("git")}" "$@"\n'})
    program.chmod(0o755)

    def calls() -> list[str]:
        noted = notes.read_text().split()
        notes.unlink()
        return noted

    return calls


def write(folder: Path, files: Mapping[str, str]) -> None:
    """Write files, with their folders."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)


@dataclass(frozen=True)
class Remote:
    """A repository that a developer pushes to, and the clone on the server that is deployed from it."""

    work: Path
    clone: Path

    def push(self, files: Mapping[str, str], message: str = "Change", remove: Sequence[str] = ()) -> str:
        """Commit files and push them, as a developer does; gives the commit."""
        write(self.work, files)
        for name in remove:
            (self.work / name).unlink()
        git(self.work, "add", "--all")
        git(self.work, "commit", "--quiet", "--allow-empty", "--message", message)
        git(self.work, "push", "--quiet", "origin", "HEAD:main")
        return git(self.work, "rev-parse", "HEAD")


def remote(folder: Path, files: Mapping[str, str]) -> Remote:
    """A bare repository with a first commit on `main`, a developer's clone and the server's."""
    first = _made(tuple(sorted(files.items())))
    shutil.copytree(first, folder, symlinks=True, dirs_exist_ok=True)
    for clone in (folder / "work", folder / "clone"):
        settings = clone / ".git/config"
        settings.write_text(settings.read_text().replace(str(first), str(folder)))
        git(clone, "update-index", "-q", "--refresh")
    return Remote(folder / "work", folder / "clone")


@functools.cache
def _made(files: tuple[tuple[str, str], ...]) -> Path:
    """The same, made once by git itself: it takes a dozen calls of it. It goes with this process."""
    folder = Path(tempfile.mkdtemp(prefix="gitops-status-git-"))
    atexit.register(shutil.rmtree, folder)
    bare, work, clone = (str(folder / name) for name in ("remote.git", "work", "clone"))
    git(folder, "init", "--quiet", "--bare", "--initial-branch=main", bare)
    git(folder, "clone", "--quiet", bare, work)
    Remote(folder / "work", folder / "clone").push(dict(files), "First")
    git(folder, "clone", "--quiet", bare, clone)
    for repository in (bare, work, clone):  # else each fetch, merge, commit and push starts a git that tidies up
        git(Path(repository), "config", "maintenance.auto", "false")
        git(Path(repository), "config", "receive.autogc", "false")
    for sample in folder.glob("**/hooks/*.sample"):
        sample.unlink()
    return folder


def config(path: Path, **members: Any) -> Path:
    """Write a config file; gives its path."""
    path.write_text(json.dumps(members, indent=2))
    return path


def ask(url: str, method: str = "GET") -> Any:
    """What the service answers, as a value."""
    address = urlsplit(url)
    connection = HTTPConnection(address.netloc, timeout=60)
    try:
        connection.request(method, f"{address.path}?{address.query}")
        body = connection.getresponse().read()
        return json.loads(body) if body else None
    finally:
        connection.close()
