"""The lines of a dump <-> what a store holds: a JSON object a line, which says of what kind it is (OPERATING.md)."""

from collections.abc import Iterable, Iterator
from typing import Any

import orjson
from pydantic import TypeAdapter, ValidationError

from domain.checked import stored_problems
from domain.errors import Invalid
from domain.history import Entry
from domain.server import MAX_REVISION, is_revision, restore_servers, server_key
from domain.tokens import read_keyring

VERSION = "1"
KINDS = ("store", "server", "entry", "keyring", "end")  # in this order: one `store`, and one `end` with their number

Thing = tuple[str, Any]  # its kind, and the value of this kind

_ENTRY = TypeAdapter(Entry)


def store_thing(revision: int) -> Thing:
    """The first of all things: whose revision they have."""
    return "store", {"version": VERSION, "revision": revision}


def dump_lines(things: Iterable[Thing]) -> Iterator[bytes]:
    """The lines of a dump. The last says that it is whole."""
    count = 0
    for count, thing in enumerate(things, 1):  # noqa: B007 - the last one is used
        yield _line(thing)
    yield _line(("end", count))


def read_dump(lines: Iterable[bytes]) -> Iterator[Thing]:
    """What a dump holds. Raises Invalid naming the line that is wrong."""
    number, before = 0, (-1, None)
    for number, line in enumerate(lines, 1):
        try:
            thing = _thing(line)
            place = _place(thing)
            if (number == 1) != (place[0] == 0) or place <= before:
                raise ValueError("it does not stand in the order of a dump")  # noqa: TRY301 - all are named below
            if thing == ("end", number - 1):
                before = place
                continue
            if thing[0] == "end":
                raise ValueError("it counts other lines than there are")  # noqa: TRY301 - all are named below
        except ValueError as error:
            raise Invalid(f"Line {number} of the dump is wrong: {error}.") from None
        before = place
        yield thing
    if before[0] != KINDS.index("end"):
        raise Invalid(f"The dump is not whole: it ends behind line {number}.")


def _line(thing: Thing) -> bytes:
    kind, value = thing
    return orjson.dumps({"kind": kind, "value": value}, option=orjson.OPT_APPEND_NEWLINE)


def _place(thing: Thing) -> tuple[int, Any]:
    """What the things of a dump are sorted by."""
    kind, value = thing
    if kind == "server":
        return 1, (value["server_group"], value["host"])
    return KINDS.index(kind), value["revision"] if kind == "entry" else None


def _thing(line: bytes) -> Thing:
    members = orjson.loads(line)
    if not isinstance(members, dict) or members.keys() != {"kind", "value"}:
        raise ValueError('it is no JSON object of "kind" and "value"')
    kind, value = members["kind"], members["value"]
    if kind not in KINDS:
        raise ValueError(f"there is no kind {str(kind)[:80]!r}")
    if kind != "end" and not isinstance(value, dict):
        raise ValueError("its value is no object")
    match kind:
        case "store":
            if value.get("version") != VERSION:
                raise ValueError(f"this service reads dumps of version {VERSION}")
            if not is_revision(value.get("revision")):
                raise ValueError(f'its "revision" is no whole number from 0 to {MAX_REVISION}')
        case "server":
            key = server_key(str(value.get("server_group")), str(value.get("host")))
            value = restore_servers({key: value})[key]
        case "entry":
            _check_entry(value)
        case "keyring":
            read_keyring(orjson.dumps(value))
    return kind, value


def _check_entry(value: Any) -> None:
    try:
        _ENTRY.validate_python(value, strict=True)
    except ValidationError as error:
        place, message = next(stored_problems(error))
        raise ValueError(f"its {place}: {message}") from None
