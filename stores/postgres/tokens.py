"""The tokens in the database: one row that holds the whole keyring, as the file does; there are hundreds, not more."""

import secrets
import time
from collections.abc import Callable

from domain.errors import Unavailable
from domain.tokens import Keyring, read_keyring
from storage import DecideTokens
from stores.postgres.database import Connection, Database
from stores.postgres.schema import migrate

FRESH_SECONDS = (
    0.5  # for so long a process believes what it knows: to ask for each request costs more than to answer it
)

_ASK = "SELECT version, content FROM keyring WHERE version <> %s"
_LOCKED = "SELECT content FROM keyring FOR UPDATE"
_WRITE = "UPDATE keyring SET version = version + 1, content = %s RETURNING version"


class PostgresTokens:
    """The keyring in a row, locked by whoever changes it."""

    def __init__(self, url: str, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._database = Database(url)
        self._is_migrated = False
        self._known: tuple[int, Keyring, float] = (-1, Keyring(), 0.0)  # its version, and until when to believe it

    def keyring(self) -> Keyring:
        version, keyring, until = self._known  # once: another thread may put a newer one in its place meanwhile
        asked = self._monotonic()
        if asked < until:
            return keyring
        newer = self._database.run(lambda connection: self._ready(connection).execute(_ASK, [version]).fetchone())
        if newer:
            version, keyring = newer[0], _read(newer[1])
        self._known = version, keyring, asked + FRESH_SECONDS
        return keyring

    def change(self, decide: DecideTokens) -> None:
        self._replace(lambda known: Keyring(decide(known.tokens), known.key or secrets.token_hex(32)))

    def restore(self, keyring: Keyring) -> None:
        self._replace(lambda _known: keyring)

    def close(self) -> None:
        self._database.close()

    def _replace(self, make: Callable[[Keyring], Keyring]) -> None:
        self._known = self._database.run(lambda connection: self._replaced(connection, make))

    def _replaced(self, connection: Connection, make: Callable[[Keyring], Keyring]) -> tuple[int, Keyring, float]:
        with self._ready(connection).transaction():
            [(content,)] = connection.execute(_LOCKED).fetchall()
            keyring = make(_read(content))
            [(version,)] = connection.execute(_WRITE, [keyring.content().decode()]).fetchall()
            connection.is_committing = True
        return version, keyring, 0.0

    def _ready(self, connection: Connection) -> Connection:
        """The connection, to a database that has the table."""
        if not self._is_migrated:
            migrate(connection)
            self._is_migrated = True
        return connection


def _read(content: str) -> Keyring:
    try:
        return read_keyring(content.encode()) if content else Keyring()
    except ValueError as error:
        raise Unavailable(f"The tokens in the database cannot be understood: {error}.") from None
