"""`make agent`: one file, the same bytes for the same sources."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

from agent import __version__
from config import VERSION
from tests.process.service import ROOT


def build(folder: Path, umask: int) -> Path:
    """Build it from a copy of the sources, written just now."""
    shutil.copytree(ROOT / "agent", folder / "agent")
    (folder / "deploy").mkdir()
    shutil.copyfile(ROOT / "deploy/make_agent.py", folder / "deploy/make_agent.py")
    (folder / "agent/__pycache__").mkdir(exist_ok=True)
    (folder / "agent/notes.txt").write_text("none of it")
    for number, source in enumerate((folder / "agent").rglob("*.py")):
        os.utime(source, (umask * 10**6 + number, umask * 10**6 + number))
    environment = {"PATH": os.environ["PATH"], "TZ": f"XXX{umask % 12}"}
    subprocess.run([sys.executable, "deploy/make_agent.py"], cwd=folder, check=True, umask=umask, env=environment)
    return folder / "dist/gitops-agent.pyz"


def test_the_same_sources_give_the_same_bytes(tmp_path: Path, agent_file: Path) -> None:
    one, two = build(tmp_path / "one", 0o22), build(tmp_path / "two", 0o77)
    assert one.read_bytes() == two.read_bytes() == agent_file.read_bytes()
    assert [path.name for path in one.parent.iterdir()] == ["gitops-agent.pyz"]


def test_it_holds_the_modules_and_nothing_else_and_can_be_run(agent_file: Path) -> None:
    with zipfile.ZipFile(agent_file) as archive:
        assert set(archive.namelist()) == {
            "__main__.py",
            *(path.relative_to(ROOT).as_posix() for path in (ROOT / "agent").rglob("*.py")),
        }
    assert os.access(agent_file, os.X_OK)
    assert agent_file.read_bytes().startswith(b"#!/usr/bin/env python3\n")


def test_its_version_is_that_of_the_changelog() -> None:
    assert __version__ == VERSION
