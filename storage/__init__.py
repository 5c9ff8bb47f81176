"""Where records are kept: the Store contract, and the store in one readable JSON file."""

from collections.abc import Callable
from pathlib import Path

from domain.document import Upgrade
from storage.contract import Changes, Commit, Decision, Records, Snapshot, Span, Store
from storage.json_file import JsonFileStore
from storage.tokens import TokenFile, TokenStore

__all__ = [
    "Changes", "Commit", "Decision", "Records", "Snapshot", "Span", "Store", "TokenStore", "open_store", "open_tokens",
]  # fmt: skip


def open_store(
    path: Path,
    upgrade: Upgrade,
    oldest: Callable[[], str] = lambda: "",
    committed: Callable[[float], None] = lambda _seconds: None,
) -> Store:
    """The store at a path; it is first touched when it is used. `upgrade` makes the one record of a version 1 file,
    `oldest` tells the time before which history entries go by themselves, and `committed` hears of each commit how
    many seconds it took until it was on disk, its wait for the lock included."""
    return JsonFileStore(path, upgrade, oldest, committed)


def open_tokens(path: Path) -> TokenStore:
    """The tokens of the store at a path; they are first touched when they are used."""
    return TokenFile(path)
