"""Records to store, and the shortest ways to store them."""

import math
import threading
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn, cast

import orjson
from pydantic import SecretStr

from domain.document import Upgrade
from domain.history import Entry, Event, change_entry, deletion_entry
from domain.server import Server, new_server
from domain.times import epoch
from domain.tokens import Token
from storage import Changes, Commit, Decision, Store
from stores import open_store
from stores.json_file.pace import Pace
from stores.json_file.store import JsonFileStore
from stores.postgres.pages import Pages
from stores.postgres.store import PostgresStore

NOW = "2026-04-26T10:30:00Z"
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
        return PostgresStore(str(place), oldest=oldest, clock=clock, pages=Pages(**bounds))
    pace = moved(**{"share": math.inf, "saved": 100_000, **bounds})
    return JsonFileStore(Path(place), upgrade, oldest=oldest, clock=clock, pace=pace)


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


def put(store: Store, *servers: Server) -> Commit:
    """Store the records in one commit."""
    by_key = {f"{one['server_group']}/{one['host']}": one for one in servers}
    return store.change(list(by_key), lambda _before, _revision: Decision(by_key))


def remove(store: Store, key: str) -> Commit:
    """Delete a record."""
    return store.change([key], lambda _before, _revision: Decision({key: None}))


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
    """Give each key a status in one commit, None to delete it, with the history entries that this leaves."""

    def decide(before: Changes, first: int) -> Decision:
        after, history = dict(before), list[Entry]()
        for revision, (key, status) in enumerate(changes, first):
            known, after[key] = after[key], server(key, status=status, revision=revision) if status else None
            if new := after[key]:
                entry = change_entry(known, new, "pipeline")
            else:
                entry = known and deletion_entry(known, revision, NOW)
            history += [entry] if entry else []
        return Decision(after, history)

    return store.change([key for key, _ in changes], decide)


def entry(revision: int, key: str, day: str, event: Event = "changed", **fields: Any) -> Entry:
    """A history entry of a day."""
    made = cast(
        Entry, change_entry(None, server(key, timestamp=f"{day}T00:00:00Z", revision=revision, **fields), "cron")
    )
    return {**made, "event": event}


def told(store: Store, after: int = 0) -> list[tuple[int, str, str, str]]:
    """The history, short: revision, key, event and status of each entry."""
    return [
        (entry["revision"], f"{entry['server_group']}/{entry['host']}", entry["event"], entry["status"])
        for entry in store.events(after)
    ]


def files(path: Path) -> list[str]:
    """The names in the store's folder, without the store's own."""
    return sorted(entry.name.removeprefix(f"{path.name}.") for entry in path.parent.iterdir() if entry != path)


def count(store: Store, *keys: str) -> Commit:
    """Read a number in each record, and store one more: an update that is lost is missing from the sum."""

    def decide(before: Changes, first: int) -> Decision:
        after = {
            key: server(key, check_interval=counted(record) + 1, revision=revision)
            for revision, (key, record) in enumerate(before.items(), first)
        }
        history = (change_entry(before[key], record, "pipeline") for key, record in after.items())
        return Decision(after, [one for one in history if one])

    return store.change(keys, decide)


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
        assert store.snapshot().records == fresh.snapshot().records
        assert told(store) == told(fresh)
    revisions = [entry[0] for entry in told(fresh)]
    assert revisions == sorted(set(revisions))
    return list(fresh.snapshot().records)


def token(token_id: str, label: str = "a") -> Token:
    """A token as the store keeps it."""
    return {
        "id": token_id, "label": label, "scopes": ["read"], "groups": [], "created": "2026-04-26T10:30:00Z",
        "expires": None, "last_used": None, "created_by": "test", "hash": "0" * 64,
    }  # fmt: skip
