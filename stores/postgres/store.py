"""The store in a PostgreSQL database: any number of machines share it, and none of them keeps anything."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any

import orjson

from domain.errors import Unavailable
from domain.freshness import MOST_AHEAD, brought_back, latest_time
from domain.history import Entry, entry_key
from domain.server import Server
from domain.times import believable, time_text
from storage import EVERYTHING, Changes, Commit, Decide, Decision, Records, Snapshot, Span
from stores.batch import Batch, decide_batch
from stores.postgres.database import READ_ONLY, Connection, Database
from stores.postgres.history import History, MarkRow
from stores.postgres.pages import AS_IT_IS, Pages
from stores.postgres.replica import Known, Replica, records
from stores.queue import Answer, CommitQueue, Take
from stores.retention import Retention
from stores.trouble import Trouble

MOST_KEYS = 2_000  # of the changes that share a commit: more would not end in time
BROUGHT_BACK_AT_ONCE = 1_000  # servers in one commit

# A row for each key comes first: what is there can be locked. All who come take new keys and then old ones, each in
# their order, so nobody waits for somebody who waits for him.
_ROWS = """
    INSERT INTO servers (key) SELECT key FROM unnest(%(keys)s::text[]) AS key
    WHERE NOT EXISTS (SELECT FROM servers WHERE servers.key = key.key) ON CONFLICT DO NOTHING
"""
_LOCKED = "SELECT key, record::text FROM servers WHERE key = ANY(%(keys)s::text[]) ORDER BY key FOR UPDATE"
_GONE = """
    SELECT key, time FROM unnest(%s::text[]) AS key, LATERAL (
        SELECT time FROM history WHERE history.key = key.key ORDER BY revision DESC LIMIT 1
    ) AS last
"""
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


class PostgresStore:
    """A row a server, a row an entry, a transaction a commit.

    A commit locks the rows of its servers, and nobody else waits for it. Each process holds the fleet in memory and
    asks before each reading what was changed since. Changes of one process that wait at the same moment share a
    transaction.
    """

    def __init__(  # noqa: PLR0913 - what `open_store` is told, the clock that never jumps, and the pages
        self,
        url: str,
        *,
        oldest: Callable[[], str] = lambda: "",
        committed: Callable[[float], None] = lambda _seconds: None,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        pages: Pages = AS_IT_IS,
    ) -> None:
        self._database = Database(url)
        self._replica = Replica(self._database, pages)
        self._history = History(self._database, self._replica, pages)
        self._queue = CommitQueue(self._commit, MOST_KEYS)
        self._revision = 0  # the last that this process gave
        self._oldest = Retention(oldest, MarkRow(self._database), monotonic)
        self._committed = committed
        self._clock = believable(clock)
        self._trouble = Trouble(pages.costly)
        self._one_at_a_time = threading.Lock()
        self._owes_a_reading = False  # as a commit came upon a time that lies ahead: there may be others

    def get(self, key: str) -> Server | None:
        with self._read() as known:
            return known.fleet.get(key)

    def snapshot(self) -> Snapshot:
        with self._read() as known:
            return known.fleet.snapshot()

    def change(self, keys: Sequence[str], decide: Decide) -> Commit:
        commit = self._queue.submit(keys, decide)
        if self._owes_a_reading:
            self._owes_a_reading = False
            with suppress(Unavailable), self._read():  # it was stored
                pass
        return commit

    def restore(self, records: Records, history: Sequence[Entry], revision: int) -> None:
        self._replica.be_loaded()
        self._database.run(lambda connection: _restore(connection, Batch(revision, records, history)))

    def events(self, after: int = 0, span: Span = EVERYTHING, *, newest_first: bool = False) -> Iterator[Entry]:
        with self._read():
            return self._history.events(after, span, newest_first=newest_first)

    def in_force(self, time: str, about: Callable[[str], bool] | None = None) -> Iterator[Entry]:
        with self._read():
            return self._history.in_force(time, about)

    def check(self, *, writes: bool = True) -> None:
        self.get("")
        if writes or self._trouble.has_failed:
            self._database.run(_probe)
            self._trouble.has_failed = False
        elif self._database.rows(_IS_READ_ONLY) == [(True,)]:
            raise Unavailable(READ_ONLY)

    def journal_size(self) -> int:
        return 0

    def age(self) -> float:
        return 0.0

    def behind_seconds(self) -> float:
        return 0.0

    def notice(self) -> str:
        return ""

    def begin(self) -> None:
        self.get("")

    def close(self) -> None:
        self._database.close()

    def _commit(self, take: Take) -> Sequence[Answer]:
        started = time.monotonic()
        self._replica.be_loaded()
        with self._trouble.remembered():
            answers = self._database.run(lambda connection: self._transaction(connection, take))
        self._committed(time.monotonic() - started)
        with self._trouble.of("Old history entries stay a little longer."):
            self._history.prune(self._oldest())
        return answers

    @contextmanager
    def _read(self) -> Iterator[Known]:
        """The fleet with every commit that was acknowledged before, and no time that lies ahead. It may be used until
        the block ends. If the database cannot be written, what is there is shown all the same."""
        with self._replica.read() as known:
            if not self._is_ahead(known.latest) or self._trouble.is_waiting:
                yield known
                return
        with self._one_at_a_time, self._trouble.of("Times that lie ahead are shown as they are.", is_costly=True):
            self._bring_back()
        with self._replica.read() as known:
            yield known

    def _is_ahead(self, latest: str) -> bool:
        return latest > time_text(int(self._clock()) + MOST_AHEAD)

    def _bring_back(self) -> None:
        """Bring the times that lie ahead back to now: records by commits as any other, then the history's."""
        now = time_text(int(self._clock()))

        def decide(before: Changes, _revision: int) -> Decision:
            # Brought back by `_transaction`; a copy each, as a record that is given back as it came is not stored.
            return Decision({key: {**server} for key, server in before.items() if server})

        with self._replica.read() as known:
            keys = known.fleet.ahead(now) if self._is_ahead(known.latest) else []
        for start in range(0, len(keys), BROUGHT_BACK_AT_ONCE):
            self._queue.submit(keys[start : start + BROUGHT_BACK_AT_ONCE], decide)
        self._history.bring_back(now)
        with self._replica.read() as known:
            known.fleet.latest = max(map(latest_time, known.fleet.snapshot().records.values()), default="")

    def _transaction(self, connection: Connection, take: Take) -> Sequence[Answer]:
        changes = take()
        known, gone = _locked(connection, sorted({key for change in changes for key in change.keys}))
        if self._is_ahead(max([*map(latest_time, known.values()), *gone.values()], default="")):
            self._owes_a_reading = True
            now = time_text(int(self._clock()))
            known = {key: brought_back(server, now) for key, server in known.items()}
        batch, answers = decide_batch(changes, self._revision, known.get, gone)
        if batch.revision == self._revision:
            connection.execute("ROLLBACK")
            return answers
        before = _given(connection, batch.revision - self._revision) - 1
        if before != self._revision:  # others gave revisions meanwhile
            batch, answers = decide_batch(changes, before, known.get, gone)
        _write(connection, batch)
        self._revision = batch.revision
        return answers


def _locked(connection: Connection, keys: Sequence[str]) -> tuple[dict[str, Server], dict[str, str]]:
    """Begin a transaction, and lock and read the records of these keys; and when those were deleted that are gone."""
    with connection.pipeline():
        connection.execute("BEGIN ISOLATION LEVEL READ COMMITTED")
        connection.execute(_ROWS, {"keys": keys})
        rows = connection.execute(_LOCKED, {"keys": keys})
    found = records(rows.fetchall())
    missing = [key for key, server in found.items() if not server]
    gone = connection.execute(_GONE, [missing]).fetchall() if missing else []
    return {key: server for key, server in found.items() if server}, dict(gone)


def _given(connection: Connection, count: int) -> int:
    """The first of so many revisions that follow each other; those between which others took one are left out."""
    while True:
        ((first, last),) = connection.execute(_REVISIONS, [count]).fetchall()
        if last - first == count - 1:
            return int(first)


def _write(connection: Connection, batch: Batch) -> None:
    """Write the commit and end the transaction."""
    servers = [(key, server and orjson.dumps(server).decode()) for key, server in batch.servers.items()]
    entries = [(one["revision"], one["time"], entry_key(one), orjson.dumps(one).decode()) for one in batch.history]
    connection.is_committing = True
    with connection.pipeline():
        # A commit that the server gave up to wait for a standby would still be one: it shall say nothing instead.
        connection.execute("SET LOCAL statement_timeout = 0")
        connection.execute(_WRITE, [batch.revision, *_columns(servers, 2)])
        if entries:
            connection.execute(_TELL, _columns(entries, 4))
        connection.execute("COMMIT")


def _restore(connection: Connection, batch: Batch) -> None:
    """Write what another store gave, and have the revisions go on behind it."""
    keys = sorted({*batch.servers, *map(entry_key, batch.history)})  # of those that are gone too: they have a history
    known, _gone = _locked(connection, keys)
    connection.execute(_GO_ON, {"revision": batch.revision})
    _write(connection, replace(batch, servers={**dict.fromkeys(keys), **known, **batch.servers}))


def _columns(rows: Sequence[tuple[Any, ...]], count: int) -> list[list[Any]]:
    return [[row[number] for row in rows] for number in range(count)]


def _probe(connection: Connection) -> None:
    connection.execute("BEGIN")
    connection.execute(_PROBE)
    connection.execute("ROLLBACK")
