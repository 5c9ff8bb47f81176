"""Who a caller is: tokens made, told apart, revoked, and exchanged for short-lived ones (API.md, section 10)."""

import logging
import secrets
import threading
from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha256
from hmac import compare_digest
from typing import Any

from itsdangerous import BadData, URLSafeSerializer

from domain.errors import Forbidden, Invalid, NotFound, StatusError, Unauthorized
from domain.times import epoch, time_text
from domain.tokens import Keyring, Narrowing, NewToken, Rights, Token, TokenRow, token_row
from storage import TokenStore

# Prefixes, so that a person or a secret scanner recognises a token that has leaked.
LASTING, SHORT_LIVED = "gst", "gsl"
ADMIN = "admin"  # the id of the token from the settings; others are of hexadecimal digits
MAX_TOKEN = 4_096
LOGIN_SECONDS = 900
RENEW_SECONDS = 300  # a session that is used so long after its last token gets another
SESSION_SECONDS = 43_200
NOTE_SECONDS = 600

NOT_VALID = "The token is not valid: it is unknown, wrong, expired or revoked."
_NO_HASH = "0" * 64  # compared where the id is unknown, so that an unknown and a wrong token take the same time

logger = logging.getLogger("gitops_status")


class Access:
    """The tokens of a service: those that are kept, and the one from its settings, which stands in no list."""

    def __init__(self, tokens: TokenStore, admin_token: str | None = None) -> None:
        self._tokens = tokens
        self._admin = _admin(admin_token) if admin_token else None
        self._noted = dict[str, int]()
        self._noting = threading.Lock()

    def create(self, wanted: NewToken, by: str, now: int) -> tuple[TokenRow, str]:
        """A new token, and its text, which nobody can find out later."""
        token_id, secret, expires_in = secrets.token_hex(6), secrets.token_hex(32), wanted.get("expires_in")
        token: Token = {
            "id": token_id,
            "label": wanted["label"],
            "scopes": wanted["scopes"],
            "groups": wanted.get("groups") or [],
            "created": time_text(now),
            "expires": time_text(now + expires_in) if expires_in else None,
            "last_used": None,
            "created_by": by,
            "hash": _hash(secret),
        }
        self._tokens.change(lambda tokens: {**tokens, token_id: token})
        return token_row(token), f"{LASTING}_{token_id}_{secret}"

    def rows(self) -> list[TokenRow]:
        """Every token that is kept, by id, without its secret."""
        return [token_row(token) for _, token in sorted(self._tokens.keyring().tokens.items())]

    def revoke(self, token_id: str) -> None:
        """End a token, and the short-lived ones that it gave. Raises NotFound."""

        def without(tokens: Mapping[str, Token]) -> Mapping[str, Token]:
            if token_id not in tokens:
                raise NotFound(f"No token {token_id[:80]!r} is known.")
            return {known: token for known, token in tokens.items() if known != token_id}

        self._tokens.change(without)

    def authenticate(self, text: str, now: int) -> Rights:
        """What a token allows. Raises Unauthorized, in the same words and time for an unknown and a wrong one."""
        if len(text) > MAX_TOKEN or not text.isascii():
            raise Unauthorized(NOT_VALID)
        keyring = self._tokens.keyring()
        kind, _, rest = text.partition("_")
        token_id, _, secret = rest.partition("_")
        if kind == SHORT_LIVED:
            return self._short_lived(keyring, token_id, secret, now)
        token = keyring.tokens.get(token_id) if kind == LASTING else None
        is_right = compare_digest(_hash(secret), _hash_of(token))
        if compare_digest(_hash(text), _hash_of(self._admin)) and self._admin:
            return _rights(self._admin)
        if not token or not is_right or _is_over(token, now):
            raise Unauthorized(NOT_VALID)
        self._note(token, now)
        return _rights(token)

    def login(self, parent: Rights, wanted: Narrowing, now: int, *, is_session: bool = False) -> tuple[Rights, str]:
        """A token for a quarter of an hour, with the rights of another or fewer, that ends when that other ends.

        That of a session can be renewed. Raises Forbidden where more rights are wanted.
        """
        if parent.until:
            raise Forbidden("A short-lived token gives no other; send the token that it came from.")
        rights = replace(parent.narrowed(wanted), until=now + LOGIN_SECONDS, since=now if is_session else 0)
        if not self._tokens.keyring().key:
            self._tokens.change(lambda tokens: tokens)  # whatever the change, it makes the key
        return rights, self._signed(rights, wanted)

    def renewed(self, rights: Rights, now: int) -> tuple[Rights, str] | None:
        """The next token of a session, once it is time; none after twelve hours, or where it is no session."""
        until = min(now + LOGIN_SECONDS, rights.since + SESSION_SECONDS)
        if not rights.since or until < rights.until + RENEW_SECONDS:
            return None
        again = replace(rights, until=until)
        return again, self._signed(again, {})

    def _signed(self, rights: Rights, wanted: Narrowing) -> str:
        keyring = self._tokens.keyring()
        if not (token := self._parent(keyring, rights.id)):
            raise Unauthorized(NOT_VALID)  # it was revoked just now
        content = [wanted.get("scopes"), wanted.get("groups"), rights.until, rights.since]
        signed: Any = _signer(keyring, token).dumps(content)
        text = f"{SHORT_LIVED}_{rights.id}_{signed}"
        if len(text) > MAX_TOKEN:
            raise Invalid("The token would be too long to send.", {"groups": "must be fewer or shorter"})
        return text

    def _short_lived(self, keyring: Keyring, parent_id: str, signed: str, now: int) -> Rights:
        parent = self._parent(keyring, parent_id)
        try:
            scopes, groups, until, since = _signer(keyring, parent).loads(signed)
        except BadData:
            raise Unauthorized(NOT_VALID) from None
        if not parent or now >= until or _is_over(parent, now):
            raise Unauthorized(NOT_VALID)
        if parent is not self._admin:
            self._note(parent, now)
        return replace(_rights(parent).narrowed({"scopes": scopes, "groups": groups}), until=until, since=since)

    def _parent(self, keyring: Keyring, token_id: str) -> Token | None:
        return self._admin if token_id == ADMIN else keyring.tokens.get(token_id)

    def _note(self, token: Token, now: int) -> None:
        """Keep that a token was used: once in ten minutes, and never at the cost of the request."""
        token_id = token["id"]
        with self._noting:
            last = max(self._noted.get(token_id, 0), epoch(token["last_used"]) if token["last_used"] else 0)
            if now - last < NOTE_SECONDS:
                return
            self._noted[token_id] = now

        def noted(tokens: Mapping[str, Token]) -> Mapping[str, Token]:
            if token_id not in tokens:
                return tokens
            used: Token = {**tokens[token_id], "last_used": time_text(now)}
            return {**tokens, token_id: used}

        try:
            self._tokens.change(noted)
        except StatusError as error:
            logger.warning("That the token %s was used is not kept: %s", token_id, error)


def _admin(text: str) -> Token:
    """The token from the settings as if it were kept."""
    return {
        "id": ADMIN,
        "label": ADMIN,
        "scopes": ["admin"],
        "groups": [],
        "created": time_text(0),
        "expires": None,
        "last_used": None,
        "created_by": "",
        "hash": _hash(text),
    }


def _rights(token: Token) -> Rights:
    return Rights(token["id"], token["label"], frozenset(token["scopes"]), tuple(token["groups"]))


def _is_over(token: Token, now: int) -> bool:
    return token["expires"] is not None and time_text(now) >= token["expires"]


def _hash(secret: str) -> str:
    return sha256(secret.encode()).hexdigest()


def _hash_of(token: Token | None) -> str:
    return token["hash"] if token else _NO_HASH


def _signer(keyring: Keyring, parent: Token | None) -> URLSafeSerializer:
    """What signs for one parent: with another, or with another secret of the same, the signature is not valid."""
    # Where nothing was ever signed there is no key. With an empty one anybody could sign; nobody knows this one.
    key = keyring.key or secrets.token_hex(32)
    return URLSafeSerializer(key, _hash_of(parent), signer_kwargs={"key_derivation": "hmac", "digest_method": sha256})
