"""What the service is installed from: every file by its hash, one version everywhere, and a look for known holes."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.process.service import ROOT

LISTS = ("requirements", "requirements-postgres", "requirements-dev")


def pins(name: str) -> dict[str, str]:
    """What a list installs: version and hashes, wherever it is needed."""
    text = (ROOT / f"{name}.txt").read_text()
    blocks = re.findall(r"^([\w.-]+)(?:\[\w+\])?==(.*(?:\n .*)*)", text, re.MULTILINE)
    return {package: re.sub(r" ;[^\\]*", " ", block) for package, block in blocks}


@pytest.mark.parametrize("name", LISTS)
def test_each_file_that_may_be_installed_has_a_hash(name: str) -> None:
    found = pins(name)
    assert len(found) >= 15
    for package, block in found.items():
        assert re.search("--hash=sha256:[0-9a-f]{64}", block), package


def test_each_list_has_what_is_chosen_and_all_agree() -> None:
    smaller: dict[str, str] = {}
    for name in LISTS:
        found = pins(name)
        assert smaller.items() <= found.items(), f"{name}.txt differs: `make requirements` makes them agree"
        chosen = re.findall(r"^([\w.-]+)(?:\[\w+\])?==(\S+)", (ROOT / f"{name}.in").read_text(), re.MULTILINE)
        for package, version in chosen:
            assert found[package.lower()].startswith(f"{version} "), f"{package}: run `make requirements`"
        smaller = found


def test_whoever_installs_asks_for_the_hashes() -> None:
    installs = [
        line
        for name in ("Makefile", "Dockerfile")
        for line in (ROOT / name).read_text().splitlines()
        if "pip install" in line
    ]
    assert len(installs) == 3
    assert all("--require-hashes" in line for line in installs)


def audit(tmp_path: Path, *advisories: dict[str, Any]) -> subprocess.CompletedProcess[str]:
    """Look for holes in one package by a folder of advisories."""
    (tmp_path / "list.txt").write_text("# a list\nSome_Package==1.10.0 \\\n    --hash=sha256:00\n")
    for number, advisory in enumerate(advisories):
        (tmp_path / f"{number}.json").write_text(json.dumps({"id": f"X-{number}", **advisory}))
    command = [sys.executable, str(ROOT / "deploy/audit.py"), str(tmp_path / "list.txt"), str(tmp_path)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def about(name: str = "some-package", ecosystem: str = "PyPI", **affected: Any) -> dict[str, Any]:
    return {"affected": [{"package": {"name": name, "ecosystem": ecosystem}, **affected}]}


def between(*events: tuple[str, str]) -> dict[str, Any]:
    return about(ranges=[{"type": "ECOSYSTEM", "events": [{kind: version} for kind, version in events]}])


@pytest.mark.parametrize(
    ("advisory", "is_found"),
    [
        (about(versions=["1.9.0", "1.10.0"]), True),
        (about(versions=["1.9.0"]), False),
        (between(("introduced", "0")), True),
        (between(("introduced", "0"), ("fixed", "1.9")), False),  # 1.10 is after 1.9
        (between(("introduced", "0"), ("fixed", "1.10")), False),
        (between(("introduced", "1.10"), ("fixed", "1.11")), True),
        (between(("introduced", "1.11")), False),
        (between(("introduced", "0"), ("last_affected", "1.10")), True),
        (between(("introduced", "0"), ("last_affected", "1.9")), False),
        (between(("introduced", "0"), ("fixed", "1.1"), ("introduced", "1.5")), True),
        ({**between(("introduced", "0")), "withdrawn": "2026-01-01T00:00:00Z"}, False),
        (about(ecosystem="npm", versions=["1.10.0"]), False),
        (about(name="other", versions=["1.10.0"]), False),
    ],
)
def test_an_advisory_about_a_pinned_version_is_found(tmp_path: Path, advisory: dict[str, Any], is_found: bool) -> None:
    ended = audit(tmp_path, {"summary": "It leaks.", **advisory})
    expected = (1, "some-package 1.10.0: X-0 It leaks.\n") if is_found else (0, "No known hole in 1 packages.\n")
    assert (ended.returncode, ended.stdout) == expected, ended.stderr


def test_a_folder_without_an_advisory_is_no_good_news(tmp_path: Path) -> None:
    ended = audit(tmp_path)
    assert ended.returncode == 1
    assert ended.stderr.endswith(" holds no advisory: OSV files end in .json.\n")


def test_the_image_begins_with_one_that_its_digest_names() -> None:
    bases = re.findall(r"^FROM (\S+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert bases
    assert all(re.fullmatch(r"python:[\w.-]+@sha256:[0-9a-f]{64}", base) for base in bases), bases


def test_the_list_of_what_the_image_is_made_of_names_each_version_with_its_hashes() -> None:
    [words] = re.findall(r"\$\(BIN\)/cyclonedx-py (.*) --output-file \S+ (\S+)", (ROOT / "Makefile").read_text())
    command = [sys.executable, "-m", "cyclonedx_py", *" ".join(words).split()]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    found = {
        component["name"]: (component["version"], {one["content"] for one in _hashes(component)})
        for component in json.loads(listed.stdout)["components"]
    }
    assert f"-r {words[1]}" in (ROOT / "Dockerfile").read_text()
    assert found == {
        package: (block.split()[0], set(re.findall("sha256:([0-9a-f]{64})", block)))
        for package, block in pins("requirements-postgres").items()
    }


def _hashes(component: dict[str, Any]) -> list[dict[str, str]]:
    return [one for reference in component["externalReferences"] for one in reference.get("hashes", [])]
