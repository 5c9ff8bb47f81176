"""The lines of a dump <-> what a store holds: a JSON object a line, which says of what kind it is (OPERATING.md)."""

from collections.abc import Collection, Iterable, Iterator
from typing import Any

import orjson
from pydantic import TypeAdapter, ValidationError

from domain.checked import stored_problems
from domain.errors import Invalid
from domain.history import Entry
from domain.kinds import KINDS, SERVER, Kind, Kinds, is_event
from domain.server import MAX_REVISION, is_revision
from domain.tokens import read_keyring

VERSION = "1"
WITH_KINDS = "2"  # of one with records that a service would not know which knows servers only

Thing = tuple[str, Any]  # what it is, and its value: a record is what its kind is called

_ENTRY = TypeAdapter(Entry)


def store_thing(revision: int, kinds: Collection[str]) -> Thing:
    """The first of all things: whose revision they have, and the version for records of these kinds."""
    return "store", {"version": VERSION if set(kinds) <= {SERVER.name} else WITH_KINDS, "revision": revision}


def dump_lines(things: Iterable[Thing]) -> Iterator[bytes]:
    """The lines of a dump. The last says that it is whole."""
    count = 0
    for count, thing in enumerate(things, 1):  # noqa: B007 - the last one is used
        yield _line(thing)
    yield _line(("end", count))


def read_dump(lines: Iterable[bytes], kinds: Kinds = KINDS) -> Iterator[Thing]:
    """What a dump holds. Raises Invalid naming the line that is wrong."""
    number, before = 0, (-1, None)
    for number, line in enumerate(lines, 1):
        try:
            thing = _thing(line, kinds)
            place = _place(thing, kinds)
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
    if before[0] != _order(kinds).index("end"):
        raise Invalid(f"The dump is not whole: it ends behind line {number}.")


def _line(thing: Thing) -> bytes:
    kind, value = thing
    return orjson.dumps({"kind": kind, "value": value}, option=orjson.OPT_APPEND_NEWLINE)


def _order(kinds: Kinds) -> tuple[str, ...]:
    """In which the things of a dump follow each other: one `store`, and one `end` with their number."""
    return ("store", *kinds, "entry", "keyring", "end")


def _place(thing: Thing, kinds: Kinds) -> tuple[int, Any]:
    """What the things of a dump are sorted by."""
    what, value = thing
    if what in kinds:
        within: Any = kinds[what].order(kinds[what].key(value))
    else:
        within = value["revision"] if what == "entry" else None
    return _order(kinds).index(what), within


def _thing(line: bytes, kinds: Kinds) -> Thing:
    members = orjson.loads(line)
    if not isinstance(members, dict) or members.keys() != {"kind", "value"}:
        raise ValueError('it is no JSON object of "kind" and "value"')
    kind, value = members["kind"], members["value"]
    if kind not in _order(kinds):
        raise ValueError(f"there is no kind {str(kind)[:80]!r}")
    if kind != "end" and not isinstance(value, dict):
        raise ValueError("its value is no object")
    match kind:
        case "store":
            if value.get("version") not in (VERSION, WITH_KINDS):
                raise ValueError(f"this service reads dumps of version {VERSION} and {WITH_KINDS}")
            if not is_revision(value.get("revision")):
                raise ValueError(f'its "revision" is no whole number from 0 to {MAX_REVISION}')
        case "entry":
            _check_entry(value)
        case "keyring":
            read_keyring(orjson.dumps(value))
        case _ if kind in kinds:
            value = _restored(kinds[kind], value)
    return kind, value


def _restored(kind: Kind[Any], value: Any) -> Any:
    try:
        key = kind.key(value)
    except (KeyError, TypeError):
        raise ValueError(f"its value names no {kind.name}") from None
    return kind.restore({key: value})[key]


def _check_entry(value: Any) -> None:
    if "kind" in value:
        if not is_event(value):
            raise ValueError("it is no history entry")
        return
    try:
        _ENTRY.validate_python(value, strict=True)
    except ValidationError as error:
        place, message = next(stored_problems(error))
        raise ValueError(f"its {place}: {message}") from None
