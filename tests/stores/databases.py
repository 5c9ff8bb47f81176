"""A database that others use too."""

import contextlib
import threading
from collections.abc import Iterator

import psycopg

from domain.kinds import SERVER
from storage import Changes, Decision, Store
from tests.stores.records import counted, of_servers, server


@contextlib.contextmanager
def connected(url: str) -> Iterator[psycopg.Connection]:
    """Somebody else in the database."""
    with contextlib.closing(psycopg.connect(url, autocommit=True)) as connection:
        yield connection


@contextlib.contextmanager
def held(store: Store, key: str) -> Iterator[None]:
    """A change of the key that is in the middle of its transaction, and commits behind the block."""
    began, may_end = threading.Event(), threading.Event()

    def decide(before: Changes, _revision: int) -> Decision:
        began.set()
        assert may_end.wait(20)
        return of_servers({key: server(key, check_interval=counted(before[SERVER.name][key]) + 1)})

    thread = threading.Thread(target=lambda: store.change([SERVER.ref(key)], decide))
    thread.start()
    try:
        assert began.wait(20)
        yield
    finally:
        may_end.set()
        thread.join()
