"""Tokens, and what they allow (API.md, section 10)."""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Annotated, Any, Literal, NotRequired, get_args

import orjson
from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    WithJsonSchema,
    with_config,
)

# pydantic reads the TypedDict of typing itself only from Python 3.12 on.
from typing_extensions import TypedDict

from domain.checked import checked, read_object, stored_problems
from domain.errors import Forbidden
from domain.strict_json import whole
from domain.texts import Label, Time
from domain.times import read_length

Scope = Literal["read", "pipeline", "cron", "admin"]
SCOPES: tuple[Scope, ...] = get_args(Scope)

VERSION = "1"
MAX_GROUPS = 100
MAX_SECONDS = 9_999 * 86_400

_LENGTH_PATTERN = "^[1-9][0-9]{0,3}[smhd]$"
_GLOB_PATTERN = r"^[A-Za-z0-9*?][A-Za-z0-9._:*?-]{0,252}$"


class TokenRow(TypedDict):
    """A token as it is shown: all but its secret."""

    id: str
    label: str
    scopes: list[Scope]
    groups: Annotated[list[str], Field(description="Names and globs of the groups it is limited to; empty for all.")]
    created: Time
    expires: Time | None
    last_used: Annotated[Time | None, Field(description="Exact to ten minutes.")]
    created_by: str


@with_config(ConfigDict(extra="allow"))
class Token(TokenRow):
    """A token as it is kept: the hash of its secret, never the secret."""

    hash: str


def _each_once(scopes: list[Scope]) -> list[Scope]:
    return [scope for scope in SCOPES if scope in scopes]


def _seconds(given: Any) -> Any:
    return read_length(given) if isinstance(given, str) and re.match(_LENGTH_PATTERN, given) else whole(given)


Scopes = Annotated[list[Scope], Field(min_length=1, max_length=len(SCOPES)), AfterValidator(_each_once)]
Groups = Annotated[list[Annotated[str, Field(pattern=_GLOB_PATTERN)]], Field(min_length=1, max_length=MAX_GROUPS)]
_Length = Annotated[
    int,
    Field(strict=True, ge=1, le=MAX_SECONDS),
    BeforeValidator(_seconds),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 1, "maximum": MAX_SECONDS},
                {"type": "string", "pattern": _LENGTH_PATTERN},
            ]
        }
    ),
]


# A name that is no field is refused here: of a mistyped `group` a token for all groups would be made.
@with_config(ConfigDict(extra="forbid"))
class NewToken(TypedDict):
    """The token that somebody wants; null counts as left out."""

    label: Label
    scopes: Scopes
    groups: NotRequired[Annotated[Groups | None, Field(description="Left out: all.")]]
    expires_in: NotRequired[Annotated[_Length | None, Field(description="Seconds or a length. Left out: never.")]]


@with_config(ConfigDict(extra="forbid"))
class Narrowing(TypedDict, total=False):
    """What a short-lived token shall be limited to; what is left out is as with its parent."""

    scopes: Scopes | None
    groups: Groups | None


_SENTENCES = {
    "label": "must be 1 to 100 printable characters, the first no space",
    "scopes": f"must be a list of at least one of {', '.join(SCOPES)}",
    "groups": f"must be a list of 1 to {MAX_GROUPS} group names or globs such as rsyslog-*; left out, all are meant",
    "expires_in": "must be whole seconds or a length such as 12h or 90d, at most 9999d",
}
_SENTENCES["extra_forbidden"] = f"is no field here; there are {', '.join(_SENTENCES)}"
_NEW: TypeAdapter[NewToken] = TypeAdapter(NewToken)
_NARROWING: TypeAdapter[Narrowing] = TypeAdapter(Narrowing)
_STORED: TypeAdapter[dict[str, Token]] = TypeAdapter(dict[str, Token])


@dataclass(frozen=True, slots=True)
class Rights:
    """What whoever holds a token may do: its scopes, in groups whose names fit (all, if there are none).

    Of a short-lived one also until when, and of a person's session since when, in epoch seconds.
    """

    id: str
    label: str
    scopes: frozenset[str]
    groups: tuple[str, ...] = ()
    until: int = 0
    since: int = 0

    def may(self, scope: str) -> bool:
        """Whether a scope is held; `admin` holds all."""
        return scope in self.scopes or "admin" in self.scopes

    def may_in(self, group: str) -> bool:
        """Whether a group, or every group that a glob can mean, is held."""
        return not self.groups or any(_expression(glob).fullmatch(group) for glob in self.groups)

    def need(self, scope: str) -> None:
        """Raise Forbidden, naming the scope, unless it is held."""
        if not self.may(scope):
            raise Forbidden(f"This needs the scope {scope!r}; the token {self.label!r} has {_listed(self.scopes)}.")

    def need_groups(self, groups: Iterable[str]) -> None:
        """Raise Forbidden, naming the first of the groups that is not held."""
        for group in groups:
            if not self.may_in(group):
                limits = _listed(self.groups)
                raise Forbidden(f"The token {self.label!r} may not use the group {group[:253]!r}, only {limits}.")

    def narrowed(self, wanted: Narrowing) -> "Rights":
        """The same rights or fewer. Raises Forbidden where more are wanted."""
        scopes, groups = wanted.get("scopes"), wanted.get("groups")
        for scope in scopes or ():
            self.need(scope)
        self.need_groups(groups or ())
        return replace(self, scopes=frozenset(scopes or self.scopes), groups=tuple(groups or self.groups))


# Who sends no token where none is needed.
ANYBODY = Rights("", "", frozenset({"admin"}))


@dataclass(frozen=True, slots=True)
class Keyring:
    """All tokens by id, and the key that short-lived ones are signed with; it is empty until the first change."""

    tokens: Mapping[str, Token] = field(default_factory=dict)
    key: str = ""

    def content(self) -> bytes:
        """The bytes of a file: JSON, a token a line, sorted by id."""
        lines = [b"%b:%b" % (orjson.dumps(id_), orjson.dumps(token)) for id_, token in sorted(self.tokens.items())]
        head = orjson.dumps({"version": VERSION, "key": self.key})[:-1]
        return b'%b,\n"tokens":{\n%b\n}}\n' % (head, b",\n".join(lines))


def read_keyring(content: bytes) -> Keyring:
    """The keyring of a file's bytes. Raises ValueError with what is wrong, and never with what stands there."""
    members = orjson.loads(content)
    if not isinstance(members, dict) or members.get("version") != VERSION:
        raise ValueError(f"it is no JSON object of version {VERSION!r}")
    if not isinstance(members.get("key"), str) or len(members["key"]) < 32:
        raise ValueError('its "key" is missing or too short')
    try:
        tokens = _STORED.validate_python(members.get("tokens"))
    except ValidationError as error:
        place, message = next(stored_problems(error))
        raise ValueError(f"{place or 'tokens'}: {message}") from None
    if wrong := [id_ for id_, token in tokens.items() if token["id"] != id_]:
        raise ValueError(f"the token {wrong[0]!r} holds the id of another")
    return Keyring(tokens, members["key"])


def read_new_token(body: bytes) -> NewToken:
    """The token that a JSON body wants. Raises Invalid naming every bad field."""
    return new_token(read_object(body))


def new_token(given: Mapping[str, Any]) -> NewToken:
    """The token that is wanted. Raises Invalid naming every bad field."""
    return checked(_NEW, given, _SENTENCES)


def read_narrowing(body: bytes) -> Narrowing:
    """What a JSON body wants a short-lived token to be limited to; nothing for none. Raises Invalid."""
    return checked(_NARROWING, read_object(body) if body else {}, _SENTENCES)


def token_row(token: Token) -> TokenRow:
    """A token as it is shown."""
    return {
        "id": token["id"],
        "label": token["label"],
        "scopes": token["scopes"],
        "groups": token["groups"],
        "created": token["created"],
        "expires": token["expires"],
        "last_used": token["last_used"],
        "created_by": token["created_by"],
    }


@lru_cache(maxsize=1_024)
def _expression(glob: str) -> re.Pattern[str]:
    """What fits a glob: names, and other globs that can mean nothing else; so `?` does not take a `*`.

    Each part between two stars is looked for once, at its first place, and never again: so nobody can write a glob
    that takes long.
    """
    first, *rest = (re.escape(part).replace(r"\?", "[^*]") for part in glob.split("*"))
    if not rest:
        return re.compile(first, re.DOTALL)
    *between, last = rest
    return re.compile(first + "".join(f"(?>.*?{part})" for part in between) + f".*{last}", re.DOTALL)


def _listed(words: Collection[str]) -> str:
    return ", ".join(sorted(words))
