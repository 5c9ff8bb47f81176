"""The store in a PostgreSQL database: any number of machines share it, and none of them keeps anything."""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import orjson

from domain.errors import Unavailable
from domain.history import Entry, entry_key
from domain.server import Server
from storage.contract import EVERYTHING, Commit, Decide, Records, Snapshot, Span
from storage.fleet import Fleet
from storage.journal import Line
from storage.postgres.database import READ_ONLY, Connection, Database
from storage.postgres.history import History
from storage.postgres.replica import Replica, records
from storage.queue import Answer, CommitQueue, Take

MOST_KEYS = 2_000  # of the changes that share a commit: more would not end in time

# A row for each key comes first: what is there can be locked. All who come take new keys and then old ones, each in
# their order, so nobody waits for somebody who waits for him.
_ROWS = """
    INSERT INTO servers (key) SELECT key FROM unnest(%(keys)s::text[]) AS key
    WHERE NOT EXISTS (SELECT FROM servers WHERE servers.key = key.key) ON CONFLICT DO NOTHING
"""
_LOCKED = "SELECT key, record::text FROM servers WHERE key = ANY(%(keys)s::text[]) ORDER BY key FOR UPDATE"
_REVISIONS = (
    "SELECT min(number), max(number) FROM (SELECT nextval('revisions') AS number FROM generate_series(1, %s)) AS s"
)
_GO_ON = "SELECT setval('revisions', %(revision)s) FROM revisions WHERE last_value <= %(revision)s"
# Arrays go over in the binary form: the other has each quote of each record escaped, which takes longer than all else.
_WRITE = """
    UPDATE servers SET record = new.record::json, revision = %s, changed = DEFAULT
    FROM unnest(%b::text[], %b::text[]) AS new (key, record) WHERE servers.key = new.key
"""
_TELL = """
    INSERT INTO history (revision, time, key, entry)
    SELECT revision, time, key, entry::json
    FROM unnest(%b::bigint[], %b::text[], %b::text[], %b::text[]) AS new (revision, time, key, entry)
"""
_IS_READ_ONLY = "SELECT current_setting('transaction_read_only') = 'on'"
# What it leaves, a dead row and what the server's log tells of it, is synced though it is rolled back.
_PROBE = "INSERT INTO servers (key) VALUES (gen_random_uuid()::text)"

logger = logging.getLogger("gitops_status")


class PostgresStore:
    """A row a server, a row an entry, a transaction a commit.

    A commit locks the rows of its servers, and nobody else waits for it. Each process holds the fleet in memory and
    asks before each reading what was changed since. Changes of one process that wait at the same moment share a
    transaction.
    """

    def __init__(
        self,
        url: str,
        oldest: Callable[[], str] = lambda: "",
        committed: Callable[[float], None] = lambda _seconds: None,
    ) -> None:
        self._database = Database(url)
        self._replica = Replica(self._database)
        self._history = History(self._database, self._replica)
        self._queue = CommitQueue(self._commit, MOST_KEYS)
        self._revision = 0  # the last that this process gave
        self._oldest = oldest
        self._committed = committed
        self._has_failed = False  # to write, and no check that wrote has succeeded since

    def get(self, key: str) -> Server | None:
        with self._replica.read() as known:
            return known.fleet.get(key)

    def snapshot(self) -> Snapshot:
        with self._replica.read() as known:
            return known.fleet.snapshot()

    def change(self, keys: Sequence[str], decide: Decide) -> Commit:
        return self._queue.submit(keys, decide)

    def restore(self, records: Records, history: Sequence[Entry], revision: int) -> None:
        self._replica.be_loaded()
        self._database.run(lambda connection: _restore(connection, Line(revision, records, history)))

    def events(self, after: int = 0, span: Span = EVERYTHING, *, newest_first: bool = False) -> Iterator[Entry]:
        return self._history.events(after, span, newest_first=newest_first)

    def in_force(self, time: str, about: Callable[[str], bool] | None = None) -> Iterator[Entry]:
        return self._history.in_force(time, about)

    def check(self, *, writes: bool = True) -> None:
        self.get("")
        if writes or self._has_failed:
            self._database.run(_probe)
            self._has_failed = False
        elif self._database.rows(_IS_READ_ONLY) == [(True,)]:
            raise Unavailable(READ_ONLY)

    def journal_size(self) -> int:
        return 0

    def close(self) -> None:
        self._database.close()

    def _commit(self, take: Take) -> Sequence[Answer]:
        started = time.monotonic()
        self._replica.be_loaded()
        try:
            answers = self._database.run(lambda connection: self._transaction(connection, take))
        except Unavailable:
            self._has_failed = True
            raise
        self._committed(time.monotonic() - started)
        try:
            self._history.prune(self._oldest())
        except Unavailable as error:
            logger.warning("%s Old history entries stay a little longer.", error)
        return answers

    def _transaction(self, connection: Connection, take: Take) -> Sequence[Answer]:
        batch = take()
        known = _locked(connection, sorted({key for change in batch for key in change.keys}))
        line, answers = Fleet(self._revision, known, ()).decided(batch)
        if line.revision == self._revision:
            connection.execute("ROLLBACK")
            return answers
        before = _given(connection, line.revision - self._revision) - 1
        if before != self._revision:  # others gave revisions meanwhile
            line, answers = Fleet(before, known, ()).decided(batch)
        _write(connection, line)
        self._revision = line.revision
        return answers


def _locked(connection: Connection, keys: Sequence[str]) -> dict[str, Server]:
    """Begin a transaction, and lock and read the records of these keys."""
    with connection.pipeline():
        connection.execute("BEGIN ISOLATION LEVEL READ COMMITTED")
        connection.execute(_ROWS, {"keys": keys})
        rows = connection.execute(_LOCKED, {"keys": keys})
    return {key: server for key, server in records(rows.fetchall()).items() if server}


def _given(connection: Connection, count: int) -> int:
    """The first of so many revisions that follow each other; those between which others took one are left out."""
    while True:
        ((first, last),) = connection.execute(_REVISIONS, [count]).fetchall()
        if last - first == count - 1:
            return int(first)


def _write(connection: Connection, line: Line) -> None:
    """Write the commit and end the transaction."""
    servers = [(key, server and orjson.dumps(server).decode()) for key, server in line.servers.items()]
    entries = [(one["revision"], one["time"], entry_key(one), orjson.dumps(one).decode()) for one in line.history]
    connection.is_committing = True
    with connection.pipeline():
        # A commit that the server gave up to wait for a standby would still be one: it shall say nothing instead.
        connection.execute("SET LOCAL statement_timeout = 0")
        connection.execute(_WRITE, [line.revision, *_columns(servers, 2)])
        if entries:
            connection.execute(_TELL, _columns(entries, 4))
        connection.execute("COMMIT")


def _restore(connection: Connection, line: Line) -> None:
    """Write what another store gave, and have the revisions go on behind it."""
    keys = sorted({*line.servers, *map(entry_key, line.history)})  # of those that are gone too: they have a history
    known = _locked(connection, keys)
    connection.execute(_GO_ON, {"revision": line.revision})
    _write(connection, replace(line, servers={**dict.fromkeys(keys), **known, **line.servers}))


def _columns(rows: Sequence[tuple[Any, ...]], count: int) -> list[list[Any]]:
    return [[row[number] for row in rows] for number in range(count)]


def _probe(connection: Connection) -> None:
    connection.execute("BEGIN")
    connection.execute(_PROBE)
    connection.execute("ROLLBACK")
