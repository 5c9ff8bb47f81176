"""Where records are kept: the Store contract, and the store in one readable JSON file."""

from pathlib import Path

from domain.document import Upgrade
from storage.contract import Changes, Commit, Decision, Records, Snapshot, Store
from storage.json_file import JsonFileStore

__all__ = ["Changes", "Commit", "Decision", "Records", "Snapshot", "Store", "open_store"]


def open_store(path: Path, upgrade: Upgrade) -> Store:
    """The store at a path; it is first touched when it is used. `upgrade` makes the one record of a version 1 file."""
    return JsonFileStore(path, upgrade)
