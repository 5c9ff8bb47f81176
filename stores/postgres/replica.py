"""What one process knows of the database: the records in memory, and what was changed since it last asked."""

import gc
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import orjson

from domain.errors import Unavailable
from domain.kinds import Kinds, Ref
from stores.batch import Batch
from stores.postgres.database import Connection, Database
from stores.postgres.pages import Pages
from stores.postgres.schema import migrate, take_over
from stores.tables import Tables

_NOW = """
    SELECT pg_current_snapshot()::text, pg_postmaster_start_time()::text, pg_is_in_recovery(),
        (SELECT coalesce(max(time), '') FROM history)
"""
_PAGE = """
    SELECT kind, key, record::text, revision FROM records WHERE (kind, key) > (%s, %s) ORDER BY kind, key LIMIT %s
"""

# What a snapshot does not show was committed after it, however its transactions were numbered: nothing is missed that
# became visible out of order, and nothing comes twice. A snapshot does not show those from its end on, and those before
# that were running. Said in this way, the index finds these and no more; from its beginning on, it would go through
# all that was written since the oldest transaction began that is still open, anywhere on the server.
CHANGED = f"""
    {_NOW}, kind, key, record::text, revision FROM (SELECT) AS once LEFT JOIN records
    ON changed >= split_part(%(seen)s, ':', 2)::xid8
        OR changed = ANY(string_to_array(split_part(%(seen)s, ':', 3), ',')::xid8[])
    LIMIT %(page)s
"""


@dataclass
class Known:
    """The records as a snapshot of the database shows them, and those that are gone: they have a history."""

    seen: str  # the snapshot
    server: str  # when the database's server was started that it is of
    tables: Tables
    gone: set[Ref] = field(default_factory=set)
    last_entry: str = ""  # the latest time in the history

    @property
    def latest(self) -> str:
        """The latest time that is known of any record, or of any entry."""
        return max(self.tables.latest, self.last_entry)

    def apply(self, rows: Sequence[Any]) -> None:
        """Take over rows. Raises Unavailable at one that is damaged."""
        if rows:
            records, tables = restored(rows, self.tables.kinds), self.tables
            tables.apply(Batch(max(tables.revision, *(revision for *_, revision in rows)), records))
            for name, of_kind in records.items():
                self.gone.difference_update(Ref(name, key) for key in of_kind)
                self.gone.update(Ref(name, key) for key, record in of_kind.items() if record is None)


class Replica:
    """The records, up to date whenever they are read."""

    def __init__(self, database: Database, pages: Pages, kinds: Kinds) -> None:
        self._database = database
        self._kinds = kinds
        self._pages = pages
        self._known: Known | None = None
        self._memory = threading.Lock()
        self._asking = threading.Lock()
        self._begun = 0  # how often the database was asked, and
        self._failure = ""  # what came of it the last time, if it failed

    def be_loaded(self) -> None:
        """Read the records, if they never were: behind this there are tables."""
        if not self._known:
            with self.read():
                pass

    @contextmanager
    def read(self) -> Iterator[Known]:
        """The records with every commit that was acknowledged before. They may be used until the block ends."""
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

    def keys(self, kind: str, about: Callable[[str], bool] | None) -> list[str]:
        """The key of each record of a kind, or of all, that ever was, or of each wanted one."""
        with self.read() as known:
            there = [
                key
                for name, table in known.tables.snapshot().tables.items()
                if kind in ("", name)
                for key in table.records
            ]
            gone = (key for name, key in known.gone if kind in ("", name))
            return [key for key in chain(there, gone) if about is None or about(key)]

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
        known = Known(seen, server, Tables(self._kinds, self._known.tables.revision if self._known else 0))
        after = ("", "")
        while rows := self._database.rows(_PAGE, [*after, self._pages.loaded]):
            known.apply(rows)
            gc.freeze()  # records form no circles: to look for some in a million takes seconds, again and again
            after = rows[-1][:2]
        return known


def _changed(connection: Connection, seen: str, most: int) -> tuple[Sequence[Any], str, str, str]:
    """The rows that were changed since a snapshot, the snapshot that shows them, which server said so, and the latest
    time in the history."""
    rows = connection.execute(CHANGED, {"seen": seen, "page": most + 1}).fetchall()
    now, server, is_standby, last_entry, *_ = rows[0]
    if is_standby:
        raise Unavailable("The database is a standby, which may lag behind: a failover goes on, or it is misnamed.")
    return [row[4:] for row in rows if row[4] is not None], now, server, last_entry


def restored(rows: Sequence[Any], kinds: Kinds) -> dict[str, dict[str, Any]]:
    """The records of rows by kind and key, None where there is none; of kinds that are known. Raises Unavailable at one
    that is damaged."""
    stored, records = dict[str, dict[str, Any]](), dict[str, dict[str, Any]]()
    for name, key, record, *_ in rows:
        if name in kinds:
            records.setdefault(name, {})[key] = None
            if record is not None:
                stored.setdefault(name, {})[key] = orjson.loads(record)
    try:
        for name, of_kind in stored.items():
            records[name].update(kinds[name].restore(of_kind))
    except ValueError as error:
        raise Unavailable(f"The database cannot be read: {error}.") from None
    return records
