"""What the Dockerfile and gunicorn's settings say, and the tools that files of others are held against."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.process.service import ROOT

TOOLS = Path(sys.executable).parent


def instructions() -> list[tuple[str, str]]:
    """Every instruction of the Dockerfile with its arguments, in order."""
    text = re.sub(r"^#.*\n|\\\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)
    parts = (line.partition(" ") for line in text.splitlines() if line)
    return [(word, arguments) for word, _, arguments in parts]


DOCKERFILE = instructions()


def in_image(instruction: str) -> str:
    """The arguments of an instruction that is there once."""
    [arguments] = (arguments for word, arguments in DOCKERFILE if word == instruction)
    return arguments


def in_gunicorn(setting: str) -> str:
    """What gunicorn.conf.py gives a setting, as it is written there."""
    [value] = re.findall(rf"^{setting} = (.*)$", (ROOT / "gunicorn.conf.py").read_text(), re.MULTILINE)
    return str(value)


def assert_valid_in_old_and_new_clusters(manifest: Any) -> None:
    """In the oldest and the newest that there is a schema of."""
    import kubernetes_validate  # not above, as every process of the tests loads this file, and this takes a second

    for version in (kubernetes_validate.utils.all_versions()[0], kubernetes_validate.latest_version()):
        kubernetes_validate.validate(manifest, version, strict=True)


def outcome(tool: str, *arguments: str) -> tuple[int, str]:
    """The exit status of a tool of the virtual environment, and all that it said."""
    result = subprocess.run([TOOLS / tool, *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    return result.returncode, result.stdout + result.stderr
