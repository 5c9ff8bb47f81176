"""Where a store is, or may be: what people call it, and what tells it from others. Looking makes nothing."""

from collections.abc import Hashable
from functools import partial
from pathlib import Path

from domain.errors import Invalid
from storage import Site
from stores.files import explained, read_signed, rename_synced, write_synced
from stores.json_file.replica import ON_PURPOSE
from stores.lock import StoreLock

BESIDE = ("journal", "history", "tokens", "lock", "workers", "oldest", "tmp", "journal.tmp", "tokens.tmp")


def file_id(path: Path) -> Hashable:
    """What tells a file from others, also where it is not there yet: its name in its folder, behind all links."""
    path = path.resolve()
    try:
        folder = path.parent.stat()
    except (FileNotFoundError, NotADirectoryError):
        return str(path)
    return folder.st_dev, folder.st_ino, path.name


def file_site(path: Path) -> Site:
    """The site of a path. Raises Unavailable where nobody may look."""
    path = path.resolve()
    beside = {ending: path.with_name(f"{path.name}.{ending}") for ending in BESIDE}
    with explained(path, "read"):
        left = any(beside[one].is_file() for one in ("journal", "history", "tokens")) or _lock(path).is_signed()
        is_made = path.is_file() or (not path.exists() and left)
        own = frozenset(map(file_id, [path, path.with_suffix(".v1.json"), *beside.values()]))
        return Site(
            str(path), file_id(path), own, is_made, lambda other: file_id(other) in own, partial(begin_anew, path)
        )


def begin_anew(path: Path) -> None:
    """Put an empty store where one was and is gone; what is left beside it stays, and the history tells who is missing.

    Raises Invalid where a store is there, and Unavailable.
    """
    path = path.resolve()
    with _lock(path).held(), explained(path, "written"):
        _file, content = read_signed(path)
        if content.strip():
            raise Invalid(f"There is a store at {path}. Nothing was changed. To begin anew all the same, move it away.")
        temporary = path.with_name(f"{path.name}.tmp")
        write_synced(temporary, [ON_PURPOSE, b"\n"], like=path)
        rename_synced(temporary, path)


def _lock(path: Path) -> StoreLock:
    return StoreLock(path, path.with_name(f"{path.name}.lock"))
