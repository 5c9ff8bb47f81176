"""What a caller may ask about the service itself."""

from dataclasses import dataclass

from domain.errors import Unavailable
from domain.kinds import SERVER
from domain.server import Servers
from storage import Store


@dataclass(frozen=True, slots=True)
class Figures:
    """What is measured of the store, and its servers: none while it is out of order."""

    is_ready: bool
    servers: Servers
    behind_seconds: int
    journal_bytes: int


def ready(store: Store) -> str:
    """What the operator should see to, a sentence or two, else empty. Raises Unavailable unless the store can be read
    and written."""
    store.check()
    return store.notice()


def figures(store: Store) -> Figures:
    """The figures at this moment. They cost no write, and a store out of order still has some."""
    servers: Servers = {}
    try:
        store.check(writes=False)
        is_ready, servers = True, store.snapshot().table(SERVER).records
    except Unavailable:
        is_ready = False
    return Figures(is_ready, servers, int(store.behind_seconds()), store.journal_size())
