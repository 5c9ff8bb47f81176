"""A dump as a file: JSON lines, which are secret."""

from collections.abc import Iterable
from pathlib import Path

from domain.dump import Thing, dump_lines
from domain.errors import Unavailable
from stores.files import OWNER_ONLY, explained, rename_synced, write_synced


def write_dump(path: Path, things: Iterable[Thing]) -> None:
    """Write a file that only its owner can read, whole or not at all. Raises Unavailable."""
    if not path.parent.is_dir():
        raise Unavailable(f"The dump {path} cannot be written: there is no folder {path.parent}.")
    if path.exists() and not path.is_file():
        raise Unavailable(f"The dump {path} cannot be written: that is no file. For - it goes to the output.")
    temporary = path.with_name(f"{path.name}.tmp")
    with explained(path, "written", "dump"):
        temporary.unlink(missing_ok=True)
        temporary.touch(OWNER_ONLY)
        try:
            write_synced(temporary, dump_lines(things), like=temporary)
            rename_synced(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
