"""Records to store, and the shortest ways to store them."""

import math
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn, cast

import orjson
from pydantic import SecretStr

from domain.document import Upgrade
from domain.history import Entry, change_entry, deletion_entry
from domain.history import Event as Happening
from domain.kinds import SERVER, Event, ref_of
from domain.server import Server, new_server
from domain.times import epoch
from domain.tokens import Token
from storage import Changes, Commit, Decision, Snapshot, Span, Store
from stores import open_store
from stores.json_file.pace import Pace
from stores.json_file.store import JsonFileStore
from stores.postgres.pages import Pages
from stores.postgres.store import PostgresStore
from tests.stores.kinds import KINDS, NOW, parcel, parcel_event, ref, tick

ROOT = Path(__file__).resolve().parents[2]


def server(key: str, **fields: Any) -> Server:
    """A record of the key with these fields."""
    server_group, host = key.split("/")
    return cast(Server, {**new_server(server_group, host, NOW), **fields})


def never_version_1(_document: dict[str, Any]) -> None:
    """The upgrade of a store that will meet no version 1 file."""


def served(place: Path | str) -> Store:
    """The file store at a path, or the one in the database of a URL, as a service opens it."""
    return open_store(SecretStr(str(place)) if "://" in str(place) else Path(place), never_version_1)


def opened(
    place: Path | str,
    upgrade: Upgrade = never_version_1,
    clock: Callable[[], float] = time.time,
    oldest: Callable[[], str] = lambda: "",
    **bounds: Any,
) -> Store:
    """The same, but that its file is written with each commit, however slow the disk, and not by whoever only reads: so
    it stands still where a test does not want it otherwise, by these bounds."""
    if "://" in str(place):
        return PostgresStore(str(place), oldest=oldest, clock=clock, pages=Pages(**bounds), kinds=KINDS)
    pace = moved(**{"share": math.inf, "saved": 100_000, **bounds})
    return JsonFileStore(Path(place), upgrade, oldest=oldest, clock=clock, pace=pace, kinds=KINDS)


def moved(**bounds: Any) -> Any:
    """A pace that a test may change while a store goes by it."""
    return SimpleNamespace(**asdict(Pace(**bounds)))


def yesterday(path: Path) -> Store:
    """The store at a path by a clock for which all that is noted lies ahead."""
    return opened(path, clock=lambda: epoch(NOW) - 86_400)


class Refused(Exception):
    """What a decision raises."""


def refuse(_before: Changes, _revision: int) -> NoReturn:
    """A decision that stores nothing."""
    raise Refused


def put(store: Store, *records: Server) -> Commit:
    """Store the records of servers in one commit."""
    by_key = {SERVER.key(one): one for one in records}
    return store.change([*map(SERVER.ref, by_key)], lambda _before, _revision: of_servers(by_key))


def remove(store: Store, text: str) -> Commit:
    """Delete a record."""
    kind, key = ref(text)
    return store.change([ref(text)], lambda _before, _revision: Decision({kind: {key: None}}))


def of_servers(records: Mapping[str, Server | None], events: Sequence[Any] = ()) -> Decision:
    """The decision that stores these servers."""
    return Decision({SERVER.name: records}, events)


def servers(store: Store) -> Mapping[str, Server]:
    """Every server."""
    return store.snapshot().table(SERVER).records


def keep_in_journal(store: Store) -> None:
    """From now on this store writes no checkpoint, but when it is closed."""
    pace_of(store).clock = lambda: -100_000.0


def write_the_file(store: Store) -> None:
    """From now on this store writes a checkpoint with each commit."""
    pace_of(store).clock = lambda: time.monotonic() + 100_000


def pace_of(store: Store) -> Any:
    """By what a store of a file goes that was `opened`."""
    assert isinstance(store, JsonFileStore)
    return store.pace


def note(store: Store, *changes: tuple[str, str | None]) -> Commit:
    """Give each record a status in one commit, None to delete it, with the events that this leaves."""

    def decide(before: Changes, first: int) -> Decision:
        after, events = {kind: dict(of_kind) for kind, of_kind in before.items()}, list[Event]()
        for revision, (text, status) in enumerate(changes, first):
            kind, key = ref(text)
            known, make = after[kind][key], {"server": _server, "parcel": _parcel, "tick": _tick}[kind]
            after[kind][key], event = make(revision, key, known, status)
            events += [event] if event else []
        return Decision(after, events)

    return store.change([ref(text) for text, _ in changes], decide)


def _server(revision: int, key: str, known: Any, status: str | None) -> tuple[Any, Any]:
    if status is None:
        return None, known and deletion_entry(known, revision, NOW)
    new = server(key, status=status, revision=revision)
    return new, change_entry(known, new, "pipeline")


def _parcel(revision: int, key: str, known: Any, state: str | None) -> tuple[Any, Any]:
    if state is None:
        return None, known and parcel_event(revision, key, "deleted", state=known["state"])
    if known and known["state"] == state:
        return {**known}, None
    return parcel(key, state), parcel_event(revision, key, "moved" if known else "came", state=state)


def _tick(revision: int, key: str, _known: Any, status: str | None) -> tuple[Any, Any]:
    return (tick(key, revision) if status else None), None


def entry(revision: int, key: str, day: str, event: Happening = "changed", **fields: Any) -> Entry:
    """A history entry of a day."""
    made = cast(
        Entry, change_entry(None, server(key, timestamp=f"{day}T00:00:00Z", revision=revision, **fields), "cron")
    )
    return {**made, "event": event}


def told(store: Store, after: int = 0) -> list[tuple[int, str, str, str]]:
    """The history, short: revision, key, event and status of each entry."""
    return [
        (entry["revision"], named(entry), entry["event"], entry["state"] if "state" in entry else entry["status"])
        for entry in store.events(Span(after=after))
    ]


def got(store: Store, text: str) -> Any:
    """One record, None where there is none."""
    kind, key = ref(text)
    return store.get(KINDS[kind], key)


def named(event: Event) -> str:
    """What an event is about, as `ref` takes it."""
    kind, key = ref_of(event)
    return key if kind == SERVER.name else f"{kind}:{key}"


def files(path: Path) -> list[str]:
    """The names in the store's folder, without the store's own."""
    return sorted(entry.name.removeprefix(f"{path.name}.") for entry in path.parent.iterdir() if entry != path)


def count(store: Store, *keys: str) -> Commit:
    """Read a number in each record, and store one more: an update that is lost is missing from the sum."""

    def decide(before: Changes, first: int) -> Decision:
        known = before[SERVER.name]
        after = {
            key: server(key, check_interval=counted(record) + 1, revision=revision)
            for revision, (key, record) in enumerate(known.items(), first)
        }
        history = (change_entry(known[key], record, "pipeline") for key, record in after.items())
        return of_servers(after, [one for one in history if one])

    return store.change([*map(ref, keys)], decide)


def counted(record: Server | None) -> int:
    """How often the record was counted."""
    return (record and record["check_interval"]) or 0


def at_once(*tasks: Callable[[], object]) -> None:
    """Run each task in a thread of its own, all starting together; raise what any of them raised."""
    barrier, errors = threading.Barrier(len(tasks)), list[Exception]()

    def run(task: Callable[[], object]) -> None:
        barrier.wait()
        try:
            task()
        except Exception as error:  # noqa: BLE001 - raised again below, where the test sees it
            errors.append(error)

    threads = [threading.Thread(target=run, args=[task]) for task in tasks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def in_file(path: Path) -> Any:
    """The records that stand in the file itself."""
    return orjson.loads(path.read_bytes())["servers"]


def beside(path: Path, ending: str) -> Path:
    """The file of this ending beside the store's."""
    return path.with_name(f"{path.name}.{ending}")


def agree(path: Path, *stores: Any) -> list[str]:
    """The keys that all of these stores, and one opened anew, hold alike, with the same history."""
    fresh = opened(path)
    for store in stores:
        assert store.snapshot().tables == fresh.snapshot().tables
        assert told(store) == told(fresh)
    revisions = [entry[0] for entry in told(fresh)]
    assert revisions == sorted(set(revisions))
    return list(servers(fresh))


def token(token_id: str, label: str = "a") -> Token:
    """A token as the store keeps it."""
    return {
        "id": token_id, "label": label, "scopes": ["read"], "groups": [], "created": "2026-04-26T10:30:00Z",
        "expires": None, "last_used": None, "created_by": "test", "hash": "0" * 64,
    }  # fmt: skip


def shown(snapshot: Snapshot) -> list[list[Any]]:
    """Every record of a snapshot in its order, as JSON can say it."""
    return [[name, key, one] for name, table in snapshot.tables.items() for key, one in table.records.items()]
