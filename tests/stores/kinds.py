"""Two made-up kinds that live in these tests only: one as any noun is, and one that churns."""

from typing import Any

from pydantic import TypeAdapter
from typing_extensions import TypedDict

from domain import kinds
from domain.kinds import SERVER, Event, Kind, Kinds, Ref, restoring
from domain.server import group_of
from domain.texts import Time

NOW = "2026-04-26T10:30:00Z"


class Parcel(TypedDict):
    """What is known of a parcel."""

    shelf: str
    name: str
    state: str
    made: Time
    seen: Time


class Tick(TypedDict):
    """How often something happened."""

    name: str
    count: int


def _parcel_key(parcel: Parcel) -> str:
    return f"{parcel['shelf']}/{parcel['name']}"


def _tick_key(tick: Tick) -> str:
    return tick["name"]


PARCEL: Kind[Parcel] = Kind(
    "parcel",
    key=_parcel_key,
    part=group_of,
    restore=restoring("parcel", TypeAdapter(Parcel), _parcel_key),
    times=("made", "seen"),
    birth=("made", "seen"),
)
TICK: Kind[Tick] = Kind(
    "tick", key=_tick_key, part=lambda _key: "", restore=restoring("tick", TypeAdapter(Tick), _tick_key), churns=True
)
KINDS: Kinds = {**kinds.KINDS, PARCEL.name: PARCEL, TICK.name: TICK}


def ref(text: str) -> Ref:
    """What `parcel:a/x` and `tick:a` name; without a kind it is a server."""
    kind, colon, key = text.partition(":")
    return Ref(kind, key) if colon else SERVER.ref(text)


def parcel(key: str, state: str = "here", time: str = NOW) -> Parcel:
    """A parcel of the key."""
    shelf, name = key.split("/")
    return {"shelf": shelf, "name": name, "state": state, "made": time, "seen": time}


def tick(name: str, count: int = 0) -> Tick:
    """A count of the name."""
    return {"name": name, "count": count}


def parcel_event(revision: int, key: str, event: str = "moved", time: str = NOW, **fields: Any) -> Event:
    """What happened to a parcel."""
    about = {"revision": revision, "time": time, "kind": PARCEL.name, "key": key}
    return {**about, "source": "api", "event": event, "actor": "", **fields}
