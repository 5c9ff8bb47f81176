"""The store in a PostgreSQL database: any number of machines share it, and none of them keeps anything."""

import threading
import time
from collections.abc import Callable, Iterator, MutableSequence, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any

import orjson

from domain.errors import Unavailable
from domain.freshness import MOST_AHEAD
from domain.kinds import KINDS, Event, Kind, Kinds, Ref, latest_of, ref_of
from domain.times import believable, time_text
from storage import EVERYTHING, Changes, Commit, Decide, Decision, R, Snapshot, Span
from stores.batch import Batch, decide_batch
from stores.postgres.database import READ_ONLY, Connection, Database
from stores.postgres.history import History, MarkRow
from stores.postgres.pages import AS_IT_IS, Pages
from stores.postgres.replica import Known, Replica, restored
from stores.queue import Answer, CommitQueue, Take
from stores.retention import Retention
from stores.trouble import Trouble

MOST_REFS = 2_000  # of the changes that share a commit: more would not end in time
BROUGHT_BACK_AT_ONCE = 1_000  # records in one commit

# A row for each key comes first: what is there can be locked. All who come take new keys and then old ones, each in
# their order, so no two commits can deadlock.
_ROWS = """
    INSERT INTO records (kind, key) SELECT kind, key FROM unnest(%(kinds)s::text[], %(keys)s::text[]) AS ref (kind, key)
    WHERE NOT EXISTS (SELECT FROM records WHERE records.kind = ref.kind AND records.key = ref.key)
    ON CONFLICT DO NOTHING
"""
_LOCKED = """
    SELECT kind, key, record::text FROM records
    JOIN unnest(%(kinds)s::text[], %(keys)s::text[]) AS ref (kind, key) USING (kind, key)
    ORDER BY kind, key FOR UPDATE OF records
"""
_GONE = """
    SELECT kind, key, time FROM unnest(%s::text[], %s::text[]) AS ref (kind, key), LATERAL (
        SELECT time FROM history WHERE history.key = ref.key AND history.kind = ref.kind ORDER BY revision DESC LIMIT 1
    ) AS last
"""
_REVISIONS = (
    "SELECT min(number), max(number) FROM (SELECT nextval('revisions') AS number FROM generate_series(1, %s)) AS s"
)
_GO_ON = "SELECT setval('revisions', %(revision)s) FROM revisions WHERE last_value <= %(revision)s"
# Arrays go over in the binary form: the other has each quote of each record escaped, which takes longer than all else.
_WRITE = """
    UPDATE records SET record = new.record::json, revision = %s, changed = DEFAULT
    FROM unnest(%b::text[], %b::text[], %b::text[]) AS new (kind, key, record)
    WHERE records.kind = new.kind AND records.key = new.key
"""
_TELL = """
    INSERT INTO history (revision, time, kind, key, entry)
    SELECT revision, time, kind, key, entry::json
    FROM unnest(%b::bigint[], %b::text[], %b::text[], %b::text[], %b::text[]) AS new (revision, time, kind, key, entry)
"""
_IS_READ_ONLY = "SELECT current_setting('transaction_read_only') = 'on'"
# What it leaves, a dead row and what the server's log tells of it, is synced though it is rolled back.
_PROBE = "INSERT INTO records (key) VALUES (gen_random_uuid()::text)"


class PostgresStore:
    """A row a record, a row an entry, a transaction a commit.

    A commit locks the rows of its records, and nobody else waits for it. Each process holds all records in memory and
    asks before each reading what was changed since. Changes of one process that wait at the same moment share a
    transaction.
    """

    def __init__(  # noqa: PLR0913 - what `open_store` is told, the clock that never jumps, the pages and the kinds
        self,
        url: str,
        *,
        oldest: Callable[[], str] = lambda: "",
        committed: Callable[[float], None] = lambda _seconds: None,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        pages: Pages = AS_IT_IS,
        kinds: Kinds = KINDS,
    ) -> None:
        self._kinds = kinds
        self._database = Database(url)
        self._replica = Replica(self._database, pages, kinds)
        self._history = History(self._database, self._replica, pages)
        self._queue = CommitQueue(self._commit, MOST_REFS)
        self._revision = 0  # the last that this process gave
        self._oldest = Retention(oldest, MarkRow(self._database), monotonic)
        self._committed = committed
        self._clock = believable(clock)
        self._trouble = Trouble(pages.costly)
        self._one_at_a_time = threading.Lock()
        self._owes_a_reading = False  # as a commit came upon a time that lies ahead: there may be others

    def get(self, kind: Kind[R], key: str) -> R | None:
        with self._read() as known:
            return known.tables.get(kind.name, key)  # type: ignore[no-any-return]  # what its kind gave

    def snapshot(self) -> Snapshot:
        with self._read() as known:
            return known.tables.snapshot()

    def change(self, refs: Sequence[Ref], decide: Decide) -> Commit:
        commit = self._queue.submit(refs, decide)
        if self._owes_a_reading:
            self._owes_a_reading = False
            with suppress(Unavailable), self._read():  # it was stored
                pass
        return commit

    def restore(self, records: Changes, events: Sequence[Event], revision: int) -> None:
        self._replica.be_loaded()
        self._database.run(lambda connection: _restore(connection, Batch(revision, records, events), self._kinds))

    def events(self, span: Span = EVERYTHING, *, newest_first: bool = False) -> Iterator[Any]:
        with self._read():
            return self._history.events(span, newest_first=newest_first)

    def in_force(self, kind: Kind[Any], time: str, about: Callable[[str], bool] | None = None) -> Iterator[Any]:
        with self._read():
            return self._history.in_force(kind.name, time, about)

    def check(self, *, writes: bool = True) -> None:
        self.snapshot()
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

    def share(self, known: MutableSequence[int]) -> None:
        """The database itself says what it is."""

    def begin(self) -> None:
        self.snapshot()

    def sweep(self) -> None:
        with self._read():  # which brings back what lies ahead
            pass
        self._history.prune(self._oldest())

    def close(self) -> None:
        self._database.close()

    def _commit(self, take: Take) -> Sequence[Answer]:
        started = time.monotonic()
        self._replica.be_loaded()
        with self._trouble.remembered():
            answers = self._database.run(lambda connection: self._transaction(connection, take))
        self._committed(time.monotonic() - started)
        return answers

    @contextmanager
    def _read(self) -> Iterator[Known]:
        """The records with every commit that was acknowledged before, and no time that lies ahead. They may be used
        until the block ends. If the database cannot be written, what is there is shown all the same."""
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
            return Decision(
                {name: {key: {**one} for key, one in records.items() if one} for name, records in before.items()}
            )

        with self._replica.read() as known:
            refs = known.tables.ahead(now) if self._is_ahead(known.latest) else []
        for start in range(0, len(refs), BROUGHT_BACK_AT_ONCE):
            self._queue.submit(refs[start : start + BROUGHT_BACK_AT_ONCE], decide)
        self._history.bring_back(now)
        with self._replica.read() as known:
            tables = known.tables.snapshot().tables
            known.tables.latest = latest_of({name: table.records for name, table in tables.items()}, self._kinds)

    def _transaction(self, connection: Connection, take: Take) -> Sequence[Answer]:
        changes = take()
        refs = sorted({ref for change in changes for ref in change.refs})
        known, gone = _locked(connection, refs, self._kinds)
        if self._is_ahead(max([latest_of(known, self._kinds), *(max(times.values()) for times in gone.values())])):
            self._owes_a_reading = True
            now = time_text(int(self._clock()))
            for name, records in known.items():
                known[name] = {key: self._kinds[name].brought_back(one, now) for key, one in records.items()}

        def get(kind: str, key: str) -> Any:
            return known.get(kind, {}).get(key)

        batch, answers = decide_batch(changes, self._revision, get, gone, self._kinds)
        if batch.revision == self._revision:
            connection.execute("ROLLBACK")
            return answers
        before = _given(connection, batch.revision - self._revision) - 1
        if before != self._revision:  # others gave revisions meanwhile
            batch, answers = decide_batch(changes, before, get, gone, self._kinds)
        _write(connection, batch)
        self._revision = batch.revision
        return answers


def _locked(
    connection: Connection, refs: Sequence[Ref], kinds: Kinds
) -> tuple[dict[str, dict[str, Any]], dict[str, dict[str, str]]]:
    """Begin a transaction, and lock and read these records; and when those were deleted that are gone."""
    names, keys = _columns(refs, 2)
    with connection.pipeline():
        connection.execute("BEGIN ISOLATION LEVEL READ COMMITTED")
        connection.execute(_ROWS, {"kinds": names, "keys": keys})
        rows = connection.execute(_LOCKED, {"kinds": names, "keys": keys})
    found, gone = restored(rows.fetchall(), kinds), dict[str, dict[str, str]]()
    missing = [(name, key) for name, records in found.items() for key, record in records.items() if not record]
    for name, key, time_of in connection.execute(_GONE, _columns(missing, 2)) if missing else ():
        gone.setdefault(name, {})[key] = time_of
    return {name: {key: one for key, one in records.items() if one} for name, records in found.items()}, gone


def _given(connection: Connection, count: int) -> int:
    """The first of so many revisions that follow each other; those between which others took one are left out."""
    while True:
        ((first, last),) = connection.execute(_REVISIONS, [count]).fetchall()
        if last - first == count - 1:
            return int(first)


def _write(connection: Connection, batch: Batch) -> None:
    """Write the commit and end the transaction."""
    records = [
        (name, key, record and orjson.dumps(record).decode())
        for name, of_kind in batch.records.items()
        for key, record in of_kind.items()
    ]
    entries = [(one["revision"], one["time"], *ref_of(one), orjson.dumps(one).decode()) for one in batch.events]
    connection.is_committing = True
    with connection.pipeline():
        # A commit that the server gave up to wait for a standby would still be one: it shall say nothing instead.
        connection.execute("SET LOCAL statement_timeout = 0")
        connection.execute(_WRITE, [batch.revision, *_columns(records, 3)])
        if entries:
            connection.execute(_TELL, _columns(entries, 5))
        connection.execute("COMMIT")


def _restore(connection: Connection, batch: Batch, kinds: Kinds) -> None:
    """Write what another store gave, and have the revisions go on behind it."""
    given = {Ref(name, key) for name, of_kind in batch.records.items() for key in of_kind}
    refs = sorted(given.union(map(ref_of, batch.events)))  # of those that are gone too: they have a history
    known, _gone = _locked(connection, refs, kinds)
    records = dict[str, dict[str, Any]]()
    for name, key in refs:
        records.setdefault(name, {})[key] = known.get(name, {}).get(key)
    for name, of_kind in batch.records.items():
        records.setdefault(name, {}).update(of_kind)
    connection.execute(_GO_ON, {"revision": batch.revision})
    _write(connection, replace(batch, records=records))


def _columns(rows: Sequence[tuple[Any, ...]], count: int) -> list[list[Any]]:
    return [[row[number] for row in rows] for number in range(count)]


def _probe(connection: Connection) -> None:
    connection.execute("BEGIN")
    connection.execute(_PROBE)
    connection.execute("ROLLBACK")
