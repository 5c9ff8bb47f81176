"""Whether a version that the service runs on has a known hole: `python deploy/audit.py REQUIREMENTS [ADVISORIES]`.

ADVISORIES is a file, or a folder of files, in the format of OSV (https://ossf.github.io/osv-schema), for machines that
reach no index; without it the package index is asked. Ends with 1 where there is a hole, and where ADVISORIES holds
nothing. An index that does not answer is said, and is no failure.
"""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

from packaging.utils import canonicalize_name
from packaging.version import Version

ASK = ("--require-hashes", "--disable-pip", "--format", "json", "--progress-spinner", "off")


def pinned(requirements: Path) -> dict[str, str]:
    """The version of each package in a list."""
    found = re.findall(r"^([\w.-]+)(?:\[[^]]*\])?==([^\s;]+)", requirements.read_text("utf-8"), re.MULTILINE)
    return {canonicalize_name(name): version for name, version in found}


def known_holes(versions: dict[str, str], advisories: Path) -> Iterator[str]:
    """A line for each advisory about one of the versions. Ends the program where there is none to look at."""
    files = [advisories] if advisories.is_file() else sorted(advisories.rglob("*.json"))
    if not files:
        sys.exit(f"{advisories} holds no advisory: OSV files end in .json.")
    for file in files:
        advisory = json.loads(file.read_bytes())
        for affected in advisory.get("affected", ()):
            package = affected.get("package", {})
            name = canonicalize_name(package.get("name", ""))
            is_ours = package.get("ecosystem") == "PyPI" and name in versions and "withdrawn" not in advisory
            if is_ours and is_affected(versions[name], affected):
                yield f"{name} {versions[name]}: {advisory['id']} {advisory.get('summary', '')}".rstrip()


def is_affected(version: str, affected: dict[str, Any]) -> bool:
    """Whether a version is in the list, or in one of the ranges, of what an advisory is about."""
    ranges = [one["events"] for one in affected.get("ranges", ()) if one["type"] == "ECOSYSTEM"]
    return version in affected.get("versions", ()) or any(is_within(Version(version), events) for events in ranges)


def is_within(version: Version, events: list[dict[str, str]]) -> bool:
    """Whether the last event up to a version introduced the hole."""
    within = False
    for kind, text in sorted((pair for event in events for pair in event.items()), key=lambda pair: Version(pair[1])):
        if Version(text) < version or (Version(text) == version and kind != "last_affected"):
            within = kind == "introduced"
    return within


def asked(requirements: Path) -> Iterator[str]:
    """What the package index says. Ends the program, with the reason, where it does not."""
    command = [str(Path(sys.executable).with_name("pip-audit")), *ASK, "--requirement", str(requirements)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    try:
        answers = json.loads(ended.stdout)["dependencies"]
    except ValueError:
        skip((ended.stderr.strip() or "pip-audit said nothing").splitlines()[-1])
    for answer in answers:
        if "skip_reason" in answer:
            skip(answer["skip_reason"])
        for hole in answer["vulns"]:
            yield f"{answer['name']} {answer['version']}: {hole['id']}"


def skip(reason: str) -> NoReturn:
    """End without a verdict."""
    sys.stdout.write(f"Skipped: the package index cannot be asked ({reason}). ADVISORIES= names a folder instead.\n")
    sys.exit(0)


def main(requirements: Path, *advisories: Path) -> None:
    versions = pinned(requirements)
    holes = sorted({*known_holes(versions, advisories[0])} if advisories else {*asked(requirements)})
    sys.stdout.write("".join(f"{hole}\n" for hole in holes) or f"No known hole in {len(versions)} packages.\n")
    sys.exit(bool(holes))


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
