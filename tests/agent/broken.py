"""Clones whose git stands still or died half-way through a pull, and the locks that it leaves."""

import contextlib
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

from tests.agent.agents import git, write
from tests.agent.stack import Stack, pipes

# What a pull of this commit does to files: it changes, adds, removes, and brings a filter that writes them its own way.
COMMIT = {
    "redis/redis.conf": "port 1\n",
    "web/index.html": "<p>new</p>\n" * 5_000,
    "web/new/page.html": "<p>page</p>\n",
    ".gitattributes": "*.html filter=loud\n",
}


def lock(path: Path, age: float = 3600) -> Path:
    """Make a lock as a git that was killed leaves one, so long ago."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    moment = path.stat().st_mtime - age
    os.utime(path, (moment, moment))
    return path


def grown(path: Path) -> Path:
    """Make all locks of a clone old enough that nobody unseen can hold them."""
    for name in path.rglob("*.lock"):
        lock(name)
    return path


def ready(host: Stack) -> str:
    """A host that is well, and a commit that waits for it, which its filter writes in capitals; gives the commit."""
    git(host.remote.clone, "config", "filter.loud.smudge", "tr a-z A-Z")
    git(host.remote.clone, "config", "filter.loud.clean", "tr A-Z a-z")
    assert host.deploy().returncode == 0
    host.made()
    return host.remote.push(COMMIT, remove=["logstash/pipeline/logstash.conf"])


def took(host: Stack, commit: str) -> None:
    """The next run has taken a commit by itself, as if nothing had been."""
    done = host.deploy()
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    row = host.board()
    assert (row["status"], row["commit_sha"], row["branch"]) == ("synced", commit, "main")
    assert sorted(host.made()) == ["logstash", "redis", "web"]
    assert git(host.remote.clone, "status", "--porcelain") == ""
    assert (host.remote.clone / "web/index.html").read_text() == COMMIT["web/index.html"].upper()
    assert not list(host.remote.clone.glob(".git/**/*.lock"))


def checked(host: Stack) -> str:
    """What `check` says."""
    host.agent("check", "--config", host.folder / "config.json")
    status: str = host.board()["drift_status"]
    return status


def held(host: Stack, step: str) -> tuple[subprocess.Popen[str], Callable[[], None]]:
    """A run whose git stands still at a step of the pull, and what lets it go on."""
    here, go = pipes(host.folder, "here", "go")
    wait = f'echo > "{here}"; read line < "{go}"'
    if step == "fetch":
        script = host.folder / "bin/slow-upload-pack"
        write(host.folder, {"bin/slow-upload-pack": f'#!/bin/sh\n{wait}\nexec git-upload-pack "$@"\n'})
        script.chmod(0o755)
        git(host.remote.clone, "config", "remote.origin.uploadpack", str(script))
    elif step == "files":
        git(host.remote.clone, "config", "filter.loud.smudge", f"{wait}; tr a-z A-Z")
    else:
        hook = host.remote.clone / ".git/hooks" / ("post-merge" if step == "end" else "reference-transaction")
        mine = "true" if step == "end" else f'[ "$1" = {step} ] && grep -q refs/heads/main'
        hook.write_text(f"#!/bin/sh\nif {mine}; then {wait}; fi\n")
        hook.chmod(0o755)
    process = host.start()
    here.read_text()

    def well() -> None:
        with contextlib.suppress(OSError):  # where nobody waits any more
            os.write(os.open(go, os.O_WRONLY | os.O_NONBLOCK), b"\n")
        if step == "fetch":
            git(host.remote.clone, "config", "--unset", "remote.origin.uploadpack")
        git(host.remote.clone, "config", "filter.loud.smudge", "tr a-z A-Z")
        for name in ("post-merge", "reference-transaction"):
            (host.remote.clone / ".git/hooks" / name).unlink(missing_ok=True)

    return process, well


def killed(host: Stack, step: str) -> None:
    """Agent and git are killed at a step of the pull, as by a machine that goes down, and that is a while ago."""
    process, well = held(host, step)
    process.kill()
    process.communicate()
    for pid in gits(host):
        os.kill(pid, signal.SIGKILL)
    well()
    grown(host.remote.clone)


def dies(host: Stack, mine: str, hook: str = ".git/hooks/reference-transaction") -> None:
    """So they are where a hook of git finds that it is its turn."""
    path = host.remote.clone / hook
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\nif {mine}; then kill -9 $(cut -d ' ' -f 4 /proc/$PPID/stat) $PPID; fi\n")
    path.chmod(0o755)
    assert host.deploy().returncode == -9
    path.unlink()
    grown(host.remote.clone)


STEPS = ["fetch", "files", "prepared", "committed", "end"]


def gits(host: Stack) -> list[int]:
    """The processes of git that work in the clone."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            if (place / "comm").read_text() == "git\n" and (place / "cwd").readlink() == host.remote.clone:
                found.append(int(place.name))
        except OSError:
            continue
    return found
