"""Where tokens are kept: the contract, and a file of its own beside the records.

Not in the file of the records, which operators show around, and not in the journal, which every report touches: tokens
are secret and change seldom.
"""

import secrets
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from domain.errors import Unavailable
from domain.tokens import Keyring, Token, read_keyring
from storage.files import Signature, explained, not_understood, read_signed, rename_synced, signature_of, write_synced
from storage.lock import StoreLock

OWNER_ONLY = 0o600

DecideTokens = Callable[[Mapping[str, Token]], Mapping[str, Token]]


class TokenStore(Protocol):
    """Keeps the tokens by id, and one key to sign with, made with the first change.

    Fresh: a reading shows every change that returned a second before it began, in whichever process.
    Durable: a change that returned survives a power cut. Changes follow each other, over all processes.
    Whatever keeps it from being read or written is raised as Unavailable with the cause, and passes with it.
    """

    def keyring(self) -> Keyring:
        """All that is kept. It is cheap enough to be asked for each request. Shared: nobody changes it."""

    def change(self, decide: DecideTokens) -> None:
        """Keep what `decide` makes of the present tokens. What it raises is raised here, with nothing changed."""

    def restore(self, keyring: Keyring) -> None:
        """Keep the tokens and the key of another store instead."""

    def close(self) -> None:
        """Let go of connections. A later call makes new ones."""


class TokenFile:
    """One JSON file that only its owner can read, replaced whole, under the lock of the store that it belongs to."""

    def __init__(self, store: Path) -> None:
        store = store.resolve()
        self._path = store.with_name(f"{store.name}.tokens")
        self._temporary = store.with_name(f"{store.name}.tokens.tmp")
        self._locked = StoreLock(self._path, store.with_name(f"{store.name}.lock")).held
        self._known: tuple[Signature | None, Keyring] = (None, Keyring())

    def keyring(self) -> Keyring:
        with explained(self._path, "read"):
            signature, keyring = self._known  # once: another thread may put a newer one in its place meanwhile
            if signature_of(self._path) == signature:
                return keyring
            signature, content = read_signed(self._path)
        try:
            keyring = read_keyring(content) if signature else Keyring()
        except ValueError as error:
            raise Unavailable(not_understood(self._path, error)) from None
        self._known = signature, keyring
        return keyring

    def change(self, decide: DecideTokens) -> None:
        self._replace(lambda known: Keyring(decide(known.tokens), known.key or secrets.token_hex(32)))

    def restore(self, keyring: Keyring) -> None:
        self._replace(lambda _known: keyring)

    def _replace(self, make: Callable[[Keyring], Keyring]) -> None:
        with self._locked(), explained(self._path, "written"):
            keyring = make(self.keyring())
            self._temporary.touch(OWNER_ONLY)
            write_synced(self._temporary, [keyring.content()], like=self._path)
            rename_synced(self._temporary, self._path)

    def close(self) -> None:
        """Nothing is held open."""
