"""Where records are kept: the Store contract, the store in one readable JSON file, and the one in PostgreSQL."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import SecretStr

from domain.document import Upgrade
from storage.contract import Changes, Commit, Decision, Records, Snapshot, Span, Store
from storage.json_file import JsonFileStore
from storage.retention import MarkFile, Retention
from storage.site import Site, file_id, file_site
from storage.tokens import TokenFile, TokenStore

__all__ = [
    "Changes", "Commit", "Decision", "Records", "Site", "Snapshot", "Span", "Store", "TokenStore", "file_id",
    "open_store", "open_tokens", "site_of",
]  # fmt: skip


def open_store(
    place: Path | SecretStr,
    upgrade: Upgrade,
    oldest: Callable[[], str] = lambda: "",
    committed: Callable[[float], None] = lambda _seconds: None,
    clock: Callable[[], float] = time.time,
) -> Store:
    """The store at a path, or in the database of a URL; it is first touched when it is used.

    `upgrade` makes the one record of a version 1 file, `oldest` tells the time before which history entries go by
    themselves, `committed` hears of each commit how many seconds it took until it was on disk, its wait for locks
    included, and `clock` gives the epoch seconds that no stored time may lie ahead of.
    """
    if isinstance(place, Path):
        return JsonFileStore(place, upgrade, Retention(oldest, MarkFile(place)), committed, clock)
    with _driver():
        from storage.postgres.store import PostgresStore  # noqa: PLC0415 - who keeps a file needs no driver
    return PostgresStore(place.get_secret_value(), oldest, committed, clock)


def open_tokens(place: Path | SecretStr) -> TokenStore:
    """The tokens of the store at a path, or in the database of a URL; they are first touched when they are used."""
    if isinstance(place, Path):
        return TokenFile(place)
    with _driver():
        from storage.postgres.tokens import PostgresTokens  # noqa: PLC0415 - who keeps a file needs no driver
    return PostgresTokens(place.get_secret_value())


def site_of(place: Path | SecretStr) -> Site:
    """Where the store at a path, or in the database of a URL, is or would be. Raises Unavailable."""
    if isinstance(place, Path):
        return file_site(place)
    with _driver():
        from storage.postgres.site import database_site  # noqa: PLC0415 - who keeps a file needs no driver
    return database_site(place.get_secret_value())


@contextmanager
def _driver() -> Iterator[None]:
    try:
        yield
    except ModuleNotFoundError as error:
        raise RuntimeError(
            f"A database as the store needs `pip install -r requirements-postgres.txt`: {error}."
        ) from None
