"""Cron and systemd take what is installed, and each server has its own moment."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from agent.commands.schedule import Turn, turn
from agent.reader import MINUTES
from tests.agent.agents import write
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


# The clock of Berlin changes in these hours: one comes twice in autumn, one is left out in spring.
BERLIN = ZoneInfo("Europe/Berlin")
CHANGES = (datetime(2026, 10, 25, 1, tzinfo=UTC), datetime(2026, 3, 29, 1, tzinfo=UTC))


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not installed")
@pytest.mark.parametrize("change", CHANGES, ids=("autumn", "spring"))
@pytest.mark.parametrize("every", MINUTES)
def test_systemd_calls_every_so_many_minutes_also_when_the_clock_changes(every: int, change: datetime) -> None:
    at = turn("web/h1", "deploy", every)
    before = timedelta(minutes=max(every, 180))
    count = 2 * before // timedelta(minutes=every) + 1
    base = f"--base-time={change - before:%Y-%m-%d %H:%M:%S} UTC"
    command = ["systemd-analyze", "calendar", f"--iterations={count}", base, at.calendar]
    there = {**os.environ, "TZ": "Europe/Berlin", "LC_ALL": "C"}
    said = subprocess.run(command, capture_output=True, text=True, check=True, env=there).stdout
    moments = [
        datetime.strptime(line.split(": ")[1], "%a %Y-%m-%d %H:%M:%S UTC").replace(tzinfo=UTC)
        for line in said.splitlines()
        if "(in UTC)" in line
    ]
    _are_even(moments, at)
    assert len(moments) == count
    assert moments[0] < change < moments[-1]


@pytest.mark.parametrize("change", CHANGES, ids=("autumn", "spring"))
@pytest.mark.parametrize("every", MINUTES)
def test_cron_calls_every_so_many_minutes_also_when_the_clock_changes(
    tmp_path: Path, every: int, change: datetime
) -> None:
    """By what cron(8) says of a job with a star for the hour, as no cron has a way to ask when it would call; whether
    the hour is ours a real shell says, at the time of a `date` of ours."""
    at = turn("web/h1", "deploy", every)
    minute, hour, *rest = at.cron.split()
    assert (hour, rest) == ("*", ["*", "*", "*"])
    fits = _fits(minute)
    first = change - timedelta(days=2)
    called = [
        moment
        for moment in (first + timedelta(minutes=passed) for passed in range(4 * 1440))
        if moment.astimezone(BERLIN).minute in fits
    ]
    if every > 60:
        called = _that_go_on(tmp_path, at, called)
    moments = [moment + timedelta(seconds=at.second) for moment in called]
    _are_even(moments, at)
    assert len(moments) == 4 * 1440 // every


def _fits(field: str) -> range:
    minutes, _, step = field.partition("/")
    start, _, last = minutes.partition("-")
    return range(int(start), int(last or start) + 1, int(step or 1))


def _that_go_on(folder: Path, at: Turn, moments: list[datetime]) -> list[datetime]:
    """Those of the moments in which the crontab's command does more than to ask for the hour."""
    write(folder, {"date": '#!/bin/sh\n[ "$*" = +%s ] && echo "$NOW"\n'})
    (folder / "date").chmod(0o755)
    asks = at.shell.replace("\\%", "%").removesuffix(f"sleep {at.second}; ") + "echo"  # cron takes away the backslash
    hours = "".join(f'(export NOW={moment.timestamp():.0f}; {asks} "$NOW")\n' for moment in moments)
    path = f"{folder}:{os.environ['PATH']}"
    done = subprocess.run(["sh", "-e"], input=hours, env={"PATH": path}, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return [datetime.fromtimestamp(int(line), UTC) for line in done.stdout.split()]


def _are_even(moments: list[datetime], at: Turn) -> None:
    """At the turn's own second of its interval, in UTC, and none left out."""
    since_midnight = moments[0] - moments[0].replace(hour=0, minute=0, second=0)
    assert since_midnight.total_seconds() % (60 * at.every) == 60 * at.minute + at.second
    assert {later - earlier for earlier, later in pairwise(moments)} == {timedelta(minutes=at.every)}


def test_the_crontab_is_one_that_cron_takes(tmp_path: Path) -> None:
    done = install(tmp_path, "--cron", deployEvery=5, checkEvery=120)
    assert (done.returncode, done.stderr) == (0, "")
    assert files(tmp_path) == {"etc/cron.d/gitops-agent"}
    path = tmp_path / "etc/cron.d/gitops-agent"
    assert path.stat().st_mode & 0o777 == 0o644, "cron ignores a file that others may write"
    lines = path.read_text().splitlines()
    jobs = [line.split(None, 6) for line in lines if line[0] not in "#SP"]
    assert [job[5] for job in jobs] == ["root", "root"]
    assert [re.findall(r"; \S+ (deploy|check) --config ", job[6]) for job in jobs] == [["deploy"], ["check"]]
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


@pytest.mark.parametrize("way", ["--cron", "--systemd"])
def test_installing_again_puts_right_what_an_earlier_version_wrote(tmp_path: Path, way: str) -> None:
    install(tmp_path, way, checkEvery=240)
    right = {name: (tmp_path / name).read_text() for name in files(tmp_path)}
    for name, text in right.items():  # the local time of before
        (tmp_path / name).write_text(
            re.sub(r" UTC$", "", text, flags=re.MULTILINE).replace(" * * * *", " 2-23/4 * * *")
        )
    assert {name: (tmp_path / name).read_text() for name in right} != right
    assert install(tmp_path, way, checkEvery=240).returncode == 0
    assert {name: (tmp_path / name).read_text() for name in files(tmp_path)} == right
    timers = [text for name, text in right.items() if name.endswith(".timer")]
    assert all(re.search(r"^OnCalendar=.* UTC$", text, re.MULTILINE) for text in timers)


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
