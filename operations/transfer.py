"""All that a store holds, read and written as it is: for a copy into another store, and for a dump."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice, zip_longest
from pathlib import Path

import orjson

from domain.dump import Thing, store_thing
from domain.errors import Invalid
from domain.kinds import KINDS, Kinds, ref_of
from domain.tokens import read_keyring
from storage import Site, Store, TokenStore

BATCH = 500  # things that are written at once: a commit of a database ends within seconds


@dataclass(frozen=True, slots=True)
class Place:
    """Where servers, history and tokens are kept."""

    store: Store
    tokens: TokenStore
    site: Site
    kinds: Kinds = field(default_factory=lambda: KINDS)


def contents(place: Place) -> Iterator[Thing]:
    """All that is kept in a place, always in the same order: its records by kind, its history, its tokens. What is
    about the installation stays there."""
    snapshot = place.store.snapshot()
    tables = {name: snapshot.table(kind) for name, kind in place.kinds.items() if not kind.is_of_service}
    yield store_thing(snapshot.revision, [name for name, table in tables.items() if table.parts])
    for name, table in tables.items():
        for record in table.records.values():
            yield name, record
    for entry in place.store.events():
        yield "entry", entry
    keyring = place.tokens.keyring()
    if keyring.key:
        yield "keyring", orjson.loads(keyring.content())


def refuse_unmade(place: Place, advice: str) -> None:
    """Raise Invalid, with what to do instead, for a place in which no service has made a store: a mistyped one."""
    if not place.site.is_made:
        raise Invalid(f"There is no store at {place.site.name}: no service has made one there. {advice}")


def refuse_own(place: Place, path: Path) -> None:
    """Raise Invalid for a file of the store itself: a dump would be the end of it."""
    if place.site.owns(path):
        raise Invalid(f"{path} is a file of the store itself, and no place for a dump; `flask store copy` copies one.")


def refuse_same(source: Place, target: Place) -> None:
    """Raise Invalid where both are one store, or the target would stand among the source's files."""
    if target.site.id in source.site.own:
        raise Invalid(f"Both are one store, that at {source.site.name}: it cannot be copied into itself.")


def fill(target: Place, things: Iterable[Thing]) -> bool:
    """Put things into a place that holds nothing, or the first of them: a copy that was begun goes on.

    Says whether any was missing. Raises Invalid where the place holds anything else, with nothing changed.
    """
    rest, was_missing = iter(things), False
    _kind, store = next(rest)
    missing = _missing(target, rest)
    while batch := list(islice(missing, BATCH)):
        was_missing = True
        records = {
            name: {kind.key(one): one for what, one in batch if what == name}
            for name, kind in target.kinds.items()
            if any(what == name for what, _one in batch)
        }
        events = [one for what, one in batch if what == "entry"]
        if records or events:
            target.store.restore(records, events, store["revision"])
        for kind, value in batch:
            if kind == "keyring":
                target.tokens.restore(read_keyring(orjson.dumps(value)))
    return was_missing


def counted(things: Iterable[Thing], counts: Counter[str]) -> Iterator[Thing]:
    """The things, each counted by its kind when it is taken; of a keyring its tokens."""
    for kind, value in things:
        counts[kind] += len(value["tokens"]) if kind == "keyring" else 1
        yield kind, value


def compare(target: Place, things: Iterable[Thing]) -> Counter[str]:
    """How many things of each kind there are. Raises Invalid where the place does not hold just these."""
    counts = Counter[str]()
    for thing, copied in zip_longest(things, counted(contents(target), counts)):
        if not thing or not copied or (thing != copied and thing[0] != "store"):
            raise Invalid(
                f"The copy is not equal: {_named(thing or copied, target)} differs. Was something changed meanwhile?"
            )
        kind, value = copied
        if kind == "store" and value["revision"] < thing[1]["revision"]:
            raise Invalid("The copy is not equal: its revision is smaller.")
    return counts


def _missing(target: Place, things: Iterator[Thing]) -> Iterator[Thing]:
    """The things from the first on that the place does not hold."""
    there = islice(contents(target), 1, None)
    for thing in things:
        known = next(there, None)
        if known is None:
            yield thing
        elif known != thing:
            raise _other(known, target)
    if known := next(there, None):
        raise _other(known, target)


def _other(known: Thing, target: Place) -> Invalid:
    what = _named(known, target)
    return Invalid(f"The target is neither empty nor a begun copy of the same: {what} is in it. Nothing was changed.")


def _named(thing: Thing, place: Place) -> str:
    what, value = thing
    if what in place.kinds:
        return f"the {what} {place.kinds[what].key(value)}"
    if what == "entry":
        return f"the history entry {value['revision']} about {ref_of(value).key}"
    return "a token, or the key that signs them,"
