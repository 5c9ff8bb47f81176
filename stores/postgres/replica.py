"""What one process knows of the database: the fleet in memory, and what was changed since it last asked."""

import gc
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import orjson

from domain.errors import Unavailable
from domain.server import Server, restore_servers
from stores.batch import Batch
from stores.postgres.database import Connection, Database
from stores.postgres.pages import Pages
from stores.postgres.schema import migrate, take_over
from stores.tables import Fleet

_NOW = """
    SELECT pg_current_snapshot()::text, pg_postmaster_start_time()::text, pg_is_in_recovery(),
        (SELECT coalesce(max(time), '') FROM history)
"""
_PAGE = "SELECT key, record::text, revision FROM servers WHERE key > %s ORDER BY key LIMIT %s"

# What a snapshot does not show was committed after it, however its transactions were numbered: nothing is missed that
# became visible out of order, and nothing comes twice. A snapshot does not show those from its end on, and those before
# that were running. Said in this way, the index finds these and no more; from its beginning on, it would go through
# all that was written since the oldest transaction began that is still open, anywhere on the server.
CHANGED = f"""
    {_NOW}, key, record::text, revision FROM (SELECT) AS once LEFT JOIN servers
    ON changed >= split_part(%(seen)s, ':', 2)::xid8
        OR changed = ANY(string_to_array(split_part(%(seen)s, ':', 3), ',')::xid8[])
    LIMIT %(page)s
"""


@dataclass
class Known:
    """The fleet as a snapshot of the database shows it, and the keys of those that are gone: they have a history."""

    seen: str  # the snapshot
    server: str  # when the server was started that it is of
    fleet: Fleet
    gone: set[str] = field(default_factory=set)
    last_entry: str = ""  # the latest time in the history

    @property
    def latest(self) -> str:
        """The latest time that is known of any server, or of any entry."""
        return max(self.fleet.latest, self.last_entry)

    def apply(self, rows: Sequence[Any]) -> None:
        """Take over rows. Raises Unavailable at one that is damaged."""
        if rows:
            servers = records(rows)
            self.fleet.apply(Batch(max(self.fleet.revision, *(revision for *_, revision in rows)), servers))
            self.gone.difference_update(servers)
            self.gone.update(key for key, server in servers.items() if server is None)


class Replica:
    """The fleet, up to date whenever it is read."""

    def __init__(self, database: Database, pages: Pages) -> None:
        self._database = database
        self._pages = pages
        self._known: Known | None = None
        self._memory = threading.Lock()
        self._asking = threading.Lock()
        self._begun = 0  # how often the database was asked, and
        self._failure = ""  # what came of it the last time, if it failed

    def be_loaded(self) -> None:
        """Read the fleet, if it never was: behind this there are tables."""
        if not self._known:
            with self.read():
                pass

    @contextmanager
    def read(self) -> Iterator[Known]:
        """The fleet with every commit that was acknowledged before. It may be used until the block ends."""
        came = self._begun
        with self._asking:  # who waits here together shares the next answer, but not the one that was asked for before
            if self._begun == came:
                self._begun += 1
                self._failure = self._caught_up()
            if self._failure:
                raise Unavailable(self._failure)
        with self._memory:
            assert self._known  # noqa: S101 # nosec B101
            yield self._known

    def keys(self, about: Callable[[str], bool] | None) -> list[str]:
        """The key of each server that ever was, or of each wanted one."""
        with self.read() as known:
            return [key for key in chain(known.fleet.snapshot().records, known.gone) if about is None or about(key)]

    def _caught_up(self) -> str:
        """Ask what was changed; gives the sentence of a failure."""
        try:
            known = self._known or self._loaded()
            rows, seen, server, last_entry = self._asked(known)
            # Another server may know less, and number its transactions anew.
            while server != known.server or len(rows) > self._pages.most_changed:
                known = self._loaded()
                rows, seen, server, last_entry = self._asked(known)
            with self._memory:
                known.apply(rows)
                known.seen, known.last_entry, self._known = seen, last_entry, known
        except Unavailable as error:
            return str(error)
        return ""

    def _asked(self, known: Known) -> tuple[Sequence[Any], str, str, str]:
        return self._database.run(lambda connection: _changed(connection, known.seen, self._pages.most_changed))

    def _loaded(self) -> Known:
        """Everything, read in pages: what is changed meanwhile is asked for afterwards."""
        self._database.run(migrate)
        while self._database.run(take_over):
            pass
        ((seen, server, *_),) = self._database.rows(_NOW)
        known = Known(seen, server, Fleet(self._known.fleet.revision if self._known else 0, {}, ()))
        after = ""
        while rows := self._database.rows(_PAGE, [after, self._pages.loaded]):
            known.apply(rows)
            gc.freeze()  # records form no circles: to look for some in a million takes seconds, again and again
            after = rows[-1][0]
        return known


def _changed(connection: Connection, seen: str, most: int) -> tuple[Sequence[Any], str, str, str]:
    """The rows that were changed since a snapshot, the snapshot that shows them, which server said so, and the latest
    time in the history."""
    rows = connection.execute(CHANGED, {"seen": seen, "page": most + 1}).fetchall()
    now, server, is_standby, last_entry, *_ = rows[0]
    if is_standby:
        raise Unavailable("The database is a standby, which may lag behind: a failover goes on, or it is misnamed.")
    return [row[4:] for row in rows if row[4] is not None], now, server, last_entry


def records(rows: Sequence[Any]) -> dict[str, Server | None]:
    """The records of rows by key, None where there is none. Raises Unavailable at one that is damaged."""
    try:
        servers = restore_servers({key: orjson.loads(record) for key, record, *_ in rows if record is not None})
    except ValueError as error:
        raise Unavailable(f"The database cannot be read: {error}.") from None
    return {key: servers.get(key) for key, *_ in rows}
