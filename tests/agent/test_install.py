"""Cron and systemd take what is installed, and each server has its own moment."""

import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest

from agent.reader import MINUTES
from agent.schedule import turn
from tests.process.service import ROOT

SYSTEMD = "etc/systemd/system"


def install(root: Path, *options: str | Path, **config: object) -> subprocess.CompletedProcess[str]:
    path = root / "gitops-agent.json"
    path.write_text(json.dumps({"serverGroup": "web", "host": "h1", "deploymentRepo": "/srv/repo", **config}))
    command = [sys.executable, "-m", "agent", "install", "--root", root, "--config", path, *options]
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, env={"PATH": os.environ["PATH"]}, check=False
    )


def files(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file() and path.suffix != ".json"}


@pytest.mark.parametrize("every", MINUTES)
def test_each_server_has_a_moment_of_its_own_at_an_even_distance(every: int) -> None:
    turns = [turn(f"web/h{number}", "check", every) for number in range(10_000)]
    assert turns == [turn(f"web/h{number}", "check", every) for number in range(10_000)]
    seconds = Counter(60 * at.minute + at.second for at in turns)
    assert min(seconds) >= 0
    assert max(seconds) < 60 * every
    even = 10_000 / (60 * every)
    assert max(seconds.values()) < even + 6 * even**0.5 + 6


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not installed")
@pytest.mark.parametrize("every", MINUTES)
def test_systemd_calls_every_so_many_minutes(every: int) -> None:
    at = turn("web/h1", "deploy", every)
    command = ["systemd-analyze", "calendar", "--iterations=3", "--base-time=2026-11-21 00:00:00 UTC", at.calendar]
    said = subprocess.run(command, capture_output=True, text=True, check=True, env={**os.environ, "TZ": "UTC"}).stdout
    moments = [
        line.split("UTC")[0].strip()[-8:] for line in said.splitlines() if "Next elapse" in line or "Iter." in line
    ]
    assert len(moments) == 3
    seconds = [
        sum(int(part) * unit for part, unit in zip(moment.split(":"), (3600, 60, 1), strict=True)) for moment in moments
    ]
    assert seconds[0] == 60 * at.minute + at.second
    assert {(later - earlier) % 86_400 for earlier, later in pairwise(seconds)} == {60 * every % 86_400}


@pytest.mark.parametrize("every", MINUTES)
def test_cron_calls_every_so_many_minutes(every: int) -> None:
    """By what crontab(5) says of the fields, as no cron has a way to ask when it would call."""
    at = turn("web/h1", "deploy", every)
    minute, hour, *rest = at.cron.split()
    assert rest == ["*", "*", "*"]
    moments = [60 * h + m for h in _fits(hour, 24) for m in _fits(minute, 60)]
    assert moments[0] == at.minute
    assert len(moments) == 1440 // every
    assert {later - earlier for earlier, later in pairwise(moments)} <= {every}


def _fits(field: str, end: int) -> range:
    first, _, step = field.partition("/")
    start, _, last = first.partition("-")
    if first == "*":
        return range(end)
    return range(int(start), int(last or start) + 1, int(step or 1))


def test_the_crontab_is_one_that_cron_takes(tmp_path: Path) -> None:
    done = install(tmp_path, "--cron", deployEvery=5, checkEvery=120)
    assert (done.returncode, done.stderr) == (0, "")
    assert files(tmp_path) == {"etc/cron.d/gitops-agent"}
    path = tmp_path / "etc/cron.d/gitops-agent"
    assert path.stat().st_mode & 0o777 == 0o644, "cron ignores a file that others may write"
    lines = path.read_text().splitlines()
    jobs = [line.split(None, 6) for line in lines if line[0] not in "#SP"]
    assert [job[5] for job in jobs] == ["root", "root"]
    assert [job[6].split()[3] for job in jobs] == ["deploy", "check"]
    if not shutil.which("crontab"):
        pytest.skip("cron is not installed")
    personal = "".join(f"{' '.join([*job[:5], job[6]])}\n" for job in jobs)  # that of a user has no field for the user
    subprocess.run(["crontab", "-n", "-"], input=personal, text=True, check=True, capture_output=True)
    wrong = subprocess.run(
        ["crontab", "-n", "-"], input="61 * * * * true\n", text=True, check=False, capture_output=True
    )
    assert wrong.returncode != 0


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not installed")
def test_the_units_are_ones_that_systemd_takes(tmp_path: Path) -> None:
    done = install(tmp_path, "--systemd")
    assert (done.returncode, done.stderr) == (0, "")
    names = {f"{SYSTEMD}/gitops-agent-{name}.{kind}" for name in ("deploy", "check") for kind in ("service", "timer")}
    assert files(tmp_path) == names
    for name in sorted(names):
        unit = tmp_path / name
        text = unit.read_text().replace(str(ROOT / "agent/__main__.py"), "/bin/true")  # is no program by itself
        unit.write_text(text)
    command = ["systemd-analyze", "verify", "--man=no", *(str(tmp_path / name) for name in sorted(names))]
    verified = subprocess.run(command, capture_output=True, text=True, check=False)
    ours = [line for line in (verified.stdout + verified.stderr).splitlines() if "gitops-agent" in line]
    assert ours == []


def test_installing_again_changes_nothing_and_another_way_leaves_nothing_of_the_first(tmp_path: Path) -> None:
    install(tmp_path, "--cron")
    first = (tmp_path / "etc/cron.d/gitops-agent").read_text()
    install(tmp_path, "--cron")
    assert (tmp_path / "etc/cron.d/gitops-agent").read_text() == first
    install(tmp_path, "--systemd", deployEvery=0)
    assert files(tmp_path) == {f"{SYSTEMD}/gitops-agent-check.{kind}" for kind in ("service", "timer")}
    wanted = tmp_path / SYSTEMD / "timers.target.wants"
    assert [path.name for path in wanted.iterdir()] == ["gitops-agent-check.timer"]
    assert install(tmp_path, "--remove").returncode == 0
    assert files(tmp_path) == set()
    assert not wanted.exists()


def test_what_cannot_be_installed_is_said_and_leaves_nothing(tmp_path: Path) -> None:
    for options, config, said in (
        (["--cron"], {"deployEvery": 0, "checkEvery": 0}, "both 0, so there is nothing to install"),
        (["--cron", "--user", "www data"], {}, "'www data' cannot stand in a crontab or a unit"),
        (["--cron", "--user", "%h; reboot"], {}, "cannot stand in a crontab or a unit"),
        (["--systemd"], {"deployEvery": 7}, "deployEvery must be one of 0, 1, 2, 3"),
    ):
        done = install(tmp_path, *options, **config)
        assert (done.returncode, done.stdout) == (2, "")
        assert said in done.stderr
        assert files(tmp_path) == set()
