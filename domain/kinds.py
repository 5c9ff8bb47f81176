"""Every kind of record that a store keeps, each declared once, at the end. No store names any of them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Generic, NamedTuple, TypeVar, cast

from pydantic import TypeAdapter, ValidationError

from domain.checked import stored_problems
from domain.freshness import TIMES
from domain.heartbeat import Heartbeat
from domain.history import file_entries, is_entry
from domain.server import Server, completed, group_of, restore_servers, server_key
from domain.workers import Work

R = TypeVar("R")
MOST_TEXTS = 10_000

# What a change leaves in the history: `revision`, `time`, `kind` and `key`, `source`, `event`, `actor`, and the fields
# of the noun. The event "deleted" says that the record is gone. A server's has no kind and no key, but its two names.
Event = Mapping[str, Any]


class Ref(NamedTuple):
    """What a record is found by."""

    kind: str
    key: str


@dataclass(frozen=True, eq=False)
class Kind(Generic[R]):
    """What a store must know of a noun."""

    name: str  # also of its member in the file, in the plural
    key: Callable[[R], str]
    part: Callable[[str], str]  # key -> what readers may ask for alone: the group of a server
    # Records by key as they stand in a file -> the same, completed; takes them out one by one. Raises ValueError with a
    # sentence that names the first that is none.
    restore: Callable[[dict[str, Any]], dict[str, R]]
    complete: Callable[[Any], Any] = lambda stored: stored  # the same of one, trusted
    times: tuple[str, ...] = ()  # the fields with a time that was: none may lie ahead
    birth: tuple[str, ...] = ()  # those that a new record cannot have before the last of its key was deleted
    # Its records, the last event about each that ever was, a revision, the time, and `is_upgraded` of a file of
    # version 1 -> the events, after that revision, of what a file changed that somebody put there. None: it tells none.
    compare: Callable[..., Sequence[Event]] | None = None
    churns: bool = False  # changed all the time, and read by programs: for it alone the file is not written
    is_of_service: bool = False  # about this installation: no copy takes it along, and an older version may lose it

    @cached_property
    def member(self) -> str:
        """The name of its member in the file, and in a line of the journal."""
        return f"{self.name}s"

    def ref(self, key: str) -> Ref:
        """What the record of a key is found by."""
        return Ref(self.name, key)

    def order(self, key: str) -> tuple[str, str]:
        """What records are sorted by: their part, then their key."""
        return self.part(key), key

    def latest(self, record: R) -> str:
        """The latest time in a record; empty where it has none."""
        fields = cast(dict[str, Any], record)
        return max([fields[name] or "" for name in self.times], default="")

    def brought_back(self, record: R, now: str) -> R:
        """The record as it is, but for the times that lie ahead of now: they are now."""
        fields = cast(Mapping[str, Any], record)
        return cast(R, {**fields, **{name: now for name in self.times if (fields[name] or "") > now}})

    def born(self, record: R, time: str) -> R:
        """A new record, but born at a time at the earliest."""
        fields = cast(Mapping[str, Any], record)
        return cast(R, {**fields, **{name: max(fields[name], time) for name in self.birth}})


class Texts:
    """Each text once: the records of a fleet hold mostly the same words, times and commits, and as copies of their own
    these take as much memory as all else."""

    def __init__(self) -> None:
        self._texts = dict[str, str]()

    def shared(self, record: Any) -> Any:
        """The same record, with the texts that others have too."""
        texts = self._texts
        if len(texts) > MOST_TEXTS:
            texts.clear()  # what is still common comes back with the next records
        return {name: texts.setdefault(it, it) if type(it) is str else it for name, it in record.items()}


Kinds = Mapping[str, Kind[Any]]  # by name, in the order in which they stand in the file


def restoring(name: str, model: TypeAdapter[R], key_of: Callable[[R], str]) -> Callable[[dict[str, Any]], dict[str, R]]:
    """How records of a model are read as they stand in a file (`Kind.restore`)."""

    def restore(stored: dict[str, Any]) -> dict[str, R]:
        records = dict[str, R]()
        for key in list(stored):
            try:
                record = model.validate_python(stored.pop(key))
            except ValidationError as error:
                place, message = next(stored_problems(error))
                raise ValueError(f"the {name} {key!r} is wrong at {place or 'its top'}: {message}") from None
            if key != key_of(record):
                raise ValueError(f"the {name} {key!r} holds the names of another")
            records[key] = record
        return records

    return restore


def latest_of(records: Mapping[str, Mapping[str, Any]], kinds: Kinds) -> str:
    """The latest time in records of several kinds; empty where there is none."""
    return max((kinds[name].latest(one) for name, of_kind in records.items() for one in of_kind.values()), default="")


def ref_of(event: Event) -> Ref:
    """What an event is about. One without a kind is a server's."""
    if "kind" in event:
        return Ref(event["kind"], event["key"])
    return Ref(SERVER.name, server_key(event["server_group"], event["host"]))


def is_event(event: Any) -> bool:
    """Whether a stored value holds what the store needs of an event: later versions may add to the rest."""
    if not isinstance(event, dict) or "kind" not in event:
        return is_entry(event)
    texts = ("time", "kind", "key", "source", "event", "actor")
    return type(event.get("revision")) is int and all(isinstance(event.get(name), str) for name in texts)


SERVER: Kind[Server] = Kind(
    "server",
    key=lambda server: server_key(str(server.get("server_group")), str(server.get("host"))),
    part=group_of,
    restore=restore_servers,
    complete=completed,
    times=TIMES,
    birth=("timestamp", "first_seen", "status_since"),
    compare=file_entries,
)

# What these two hold of times is judged where it is read: machines whose clocks differ by more than a minute would else
# put each other's notes right for ever.
HEARTBEAT: Kind[Heartbeat] = Kind(
    "heartbeat",
    key=lambda _heartbeat: "service",  # there is one
    part=lambda _key: "",
    restore=restoring("heartbeat", TypeAdapter(Heartbeat), lambda _heartbeat: "service"),
    churns=True,
    is_of_service=True,
)

WORKER: Kind[Work] = Kind(
    "worker",
    key=lambda work: work["worker"],
    part=lambda _key: "",
    restore=restoring("worker", TypeAdapter(Work), lambda work: work["worker"]),
    churns=True,
    is_of_service=True,
)

KINDS: Kinds = {kind.name: kind for kind in (SERVER, HEARTBEAT, WORKER)}
