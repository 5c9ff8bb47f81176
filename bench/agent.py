"""The agent over many files, against a program that does nothing but read them."""

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from bench import programs
from bench.table import ROUNDS, Row
from tests.process.service import ROOT

FILES = 20_000
REMOTE = """
git clone --quiet --bare clone remote.git
cd clone
git remote add origin ../remote.git
git fetch --quiet
git branch --quiet --set-upstream-to=origin/main
git reset --quiet --hard
"""


def agent_files(folder: Path) -> Iterator[Row]:
    """A check, and a deployment that finds nothing to do, in turn with sha256sum of the same files."""
    clone, config = _clone(folder), folder / "config.json"
    reading = ["find", str(clone / "web"), "-type", "f", "-exec", "sha256sum", "{}", "+"]
    with programs.service(folder) as service:
        settings = {"statusUrl": service.url, "serverGroup": "bench", "deploymentRepo": str(clone), "services": ["web"]}
        config.write_text(json.dumps({**settings, "stateDir": str(folder / "state")}))
        commands = {
            name: [sys.executable, "-m", "agent", name, "--config", str(config)] for name in ("deploy", "check")
        }
        _run(*commands["deploy"])
        rounds = [(_run(*reading), _run(*commands["deploy"]), _run(*commands["check"])) for _ in range(ROUNDS)]
    bare, *ours = map(statistics.median, zip(*rounds, strict=True))
    for number, (name, seconds) in enumerate(zip(commands, ours, strict=True), 1):
        measured = statistics.median(each[number] / each[0] for each in rounds)
        what = f"gitops-agent {name} of {FILES:,} files, nothing changed / sha256sum"
        yield Row(what, 10, measured, f"{seconds:.2f} s, sha256sum {bare:.2f} s", is_most=True)


def _clone(folder: Path) -> Path:
    """A clone with so many files, and its remote."""
    clone = folder / "clone"
    commit = ["commit refs/heads/main", "committer Ada <ada@example.com> 0 +0000", "data 4", "Many"]
    contents = {f"web/{number % 100}/{number}.conf": f"{number}\n" * 20 for number in range(FILES)}
    for name, content in {**contents, "Makefile": "gitopsAll:\n\t@true\n"}.items():
        commit += [f"M 644 inline {name}", f"data {len(content)}", content]
    _run("git", "init", "--quiet", "--initial-branch=main", str(clone))
    _run("git", "-C", str(clone), "fast-import", "--quiet", said="\n".join(commit))
    _run("sh", "-ec", f"cd '{folder}'\n{REMOTE}")
    return clone


def _run(*command: str, said: str = "") -> float:
    """Run a program; gives the seconds that it took."""
    started = time.perf_counter()
    done = subprocess.run(command, cwd=ROOT, input=said, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command)}: {done.stdout}{done.stderr}")
    return time.perf_counter() - started
