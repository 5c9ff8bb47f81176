"""The bytes of a body -> the value that strict JSON says (API.md, section 7)."""

import json
import math
from typing import Any

import orjson

from domain.errors import Invalid

MAX_DEPTH = 64
MAX_PARTS = 200_000  # objects, arrays and names: 1,000 reports with all their fields and 70 names more in each
MAX_SHOWN = 80  # characters of a name that is wrong


def parse_json(body: bytes, most: float = math.inf) -> Any:
    """The value of a strict JSON text (RFC 8259); if it is an array, one of at most `most` elements. Raises Invalid.

    orjson refuses what is not UTF-8, NaN and lone surrogates, but lets a key stand twice; only that is looked
    for in a second pass.
    """
    if not body.strip():
        raise Invalid("The body is empty; send one JSON object.")
    if _parts(body) > MAX_PARTS and _parts(_without_strings(body)) > MAX_PARTS:
        raise Invalid(f"The body has more than {MAX_PARTS:,} objects, arrays and names.")
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Invalid(f"The body is not strict JSON in UTF-8: {error}.") from None
    if isinstance(value, list) and len(value) > most:
        raise Invalid(f"An array holds at most {most:,} elements here; this one holds {len(value):,}.")
    if body.count(b"{") + body.count(b"[") > MAX_DEPTH and _is_deeper(value, MAX_DEPTH):
        raise Invalid(f"The body nests deeper than {MAX_DEPTH} levels.")
    _SECOND_PASS.decode(body.decode())
    return value


def whole(number: Any) -> Any:
    """A number as it is meant: JSON has one kind of number: 300.0 is 300."""
    return int(number) if isinstance(number, float) and number.is_integer() else number


def _parts(text: bytes) -> int:
    """How many objects, arrays and names a JSON text has at most; made, each takes twenty times the room."""
    return text.count(b"{") + text.count(b"[") + text.count(b":")


def _without_strings(text: bytes) -> bytes:
    """What stands outside of the strings of a JSON text: every other piece between its quotes."""
    return b"".join(text.replace(rb"\\", b"").replace(rb"\"", b"").split(b'"')[::2])


def _is_deeper(value: Any, levels: int) -> bool:
    if isinstance(value, dict):
        return not levels or any(_is_deeper(inner, levels - 1) for inner in value.values())
    if isinstance(value, list):
        return not levels or any(_is_deeper(inner, levels - 1) for inner in value)
    return False


def _refuse_doubles(pairs: list[tuple[str, Any]]) -> None:
    names = [name for name, _ in pairs]
    if len(set(names)) != len(names):
        double = next(name for name in names if names.count(name) > 1)
        raise Invalid(f"The name {double[:MAX_SHOWN]!r} stands twice in one object of the body.")


_SECOND_PASS = json.JSONDecoder(object_pairs_hook=_refuse_doubles, parse_int=str)
