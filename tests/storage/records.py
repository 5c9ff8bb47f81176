"""Records to store, and the shortest ways to store them."""

import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

from domain.server import Server, new_server
from storage import Commit, Store, open_store

NOW = "2026-04-26T10:30:00Z"
ROOT = Path(__file__).resolve().parents[2]


def server(key: str, **fields: Any) -> Server:
    """A record of the key with these fields."""
    server_group, host = key.split("/")
    return cast(Server, {**new_server(server_group, host, NOW), **fields})


def never_version_1(_document: dict[str, Any]) -> None:
    """The upgrade of a store that will meet no version 1 file."""


def opened(path: Path) -> Store:
    """The file store at a path."""
    return open_store(path, never_version_1)


def put(store: Store, *servers: Server) -> Commit:
    """Store the records in one commit."""
    by_key = {f"{one['server_group']}/{one['host']}": one for one in servers}
    return store.change(list(by_key), lambda _before, _revision: by_key)


def remove(store: Store, key: str) -> Commit:
    """Delete a record."""
    return store.change([key], lambda _before, _revision: {key: None})


def count(store: Store, *keys: str) -> Commit:
    """Read a number in each record, and store one more: an update that is lost is missing from the sum."""

    def decide(before: Mapping[str, Server | None], _revision: int) -> Mapping[str, Server]:
        return {key: server(key, check_interval=counted(record) + 1) for key, record in before.items()}

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
