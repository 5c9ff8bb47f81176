"""Makes dist/gitops-agent.pyz, the agent as one file that any Python from 3.6 on runs.

The same sources give the same bytes, on every machine: no times, no modes, and no compression, which differs by zlib.
"""

import os
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MAIN = "import sys\n\nfrom agent.__main__ import main\n\nsys.exit(main())\n"


def make(target: Path) -> None:
    """Write the file, which is the old one or the new one at every moment."""
    target.parent.mkdir(exist_ok=True)
    new = target.with_name(f"{target.name}.{os.getpid()}")
    with new.open("wb") as file:
        file.write(b"#!/usr/bin/env python3\n")
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr(_member("__main__.py"), MAIN)
            for source in sorted((ROOT / "agent").rglob("*.py")):
                archive.writestr(_member(source.relative_to(ROOT).as_posix()), source.read_bytes())
    new.chmod(0o755)
    new.replace(target)


def _member(name: str) -> zipfile.ZipInfo:
    member = zipfile.ZipInfo(name)  # of 1980, when the times of a zip begin
    member.create_system = 3
    return member


if __name__ == "__main__":
    make(ROOT / "dist/gitops-agent.pyz")
