"""Where tokens are kept: the contract, and a file of its own beside the records.

Not in the file of the records, which operators show around, and not in the journal, which every report touches: tokens
are secret and change seldom.
"""

import secrets
from collections.abc import Callable
from pathlib import Path

from domain.errors import Unavailable
from domain.tokens import Keyring, read_keyring
from storage import DecideTokens
from stores.files import (
    OWNER_ONLY,
    Signature,
    explained,
    not_understood,
    read_signed,
    rename_synced,
    signature_of,
    write_synced,
)
from stores.lock import StoreLock


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
