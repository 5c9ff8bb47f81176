"""The implementations of storage.py: one readable JSON file, in json_file/, and PostgreSQL, in postgres/. Only a main
opens one: `domain <- storage.py <- stores`.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import SecretStr

from domain.document import Upgrade
from storage import Site, Store, TokenStore
from stores.dump import write_dump
from stores.json_file.command import compact_store, verify_store
from stores.json_file.site import file_site
from stores.json_file.store import JsonFileStore
from stores.json_file.tokens import TokenFile
from stores.leadership import FileLeadership, Leadership
from stores.retention import MarkFile, Retention

__all__ = ["compact_store", "open_leadership", "open_store", "open_tokens", "site_of", "verify_store", "write_dump"]


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
        return JsonFileStore(
            place, upgrade, oldest=Retention(oldest, MarkFile(place)), committed=committed, clock=clock
        )
    with _driver():
        from stores.postgres.store import PostgresStore  # noqa: PLC0415 - who keeps a file needs no driver
    return PostgresStore(place.get_secret_value(), oldest=oldest, committed=committed, clock=clock)


def open_tokens(place: Path | SecretStr) -> TokenStore:
    """The tokens of the store at a path, or in the database of a URL; they are first touched when they are used."""
    if isinstance(place, Path):
        return TokenFile(place)
    with _driver():
        from stores.postgres.tokens import PostgresTokens  # noqa: PLC0415 - who keeps a file needs no driver
    return PostgresTokens(place.get_secret_value())


def open_leadership(place: Path | SecretStr) -> Leadership:
    """The lead of the installation whose store is at a path, or in the database of a URL."""
    if isinstance(place, Path):
        return FileLeadership(place)
    with _driver():
        from stores.postgres.leadership import PostgresLeadership  # noqa: PLC0415 - who keeps a file needs no driver
    return PostgresLeadership(place.get_secret_value())


def site_of(place: Path | SecretStr) -> Site:
    """Where the store at a path, or in the database of a URL, is or would be. Raises Unavailable."""
    if isinstance(place, Path):
        return file_site(place)
    with _driver():
        from stores.postgres.site import database_site  # noqa: PLC0415 - who keeps a file needs no driver
    return database_site(place.get_secret_value())


@contextmanager
def _driver() -> Iterator[None]:
    try:
        yield
    except ModuleNotFoundError as error:
        raise RuntimeError(
            f"A database as the store needs `pip install -r requirements-postgres.txt`: {error}."
        ) from None
