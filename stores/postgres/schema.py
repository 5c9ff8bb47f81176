"""The tables, and how they came to be: migrations, each made once, in their order."""

import time

from domain.errors import Unavailable
from stores.postgres.database import Connection

# Never changed once released; what comes is added at the end. Texts sort by their bytes, whatever the database's rule.
MIGRATIONS = (
    """
    CREATE SEQUENCE revisions;

    -- No record: deleted, or only locked so far. The row stays, as every replica must hear of it.
    -- `changed` is the transaction that wrote the row; a replica asks for those that its last snapshot did not show.
    CREATE TABLE servers (
        key text COLLATE "C" PRIMARY KEY,
        record json,
        revision bigint NOT NULL DEFAULT 0,
        changed xid8 NOT NULL DEFAULT pg_current_xact_id()
    );
    CREATE INDEX servers_changed ON servers (changed);

    CREATE TABLE history (
        revision bigint PRIMARY KEY,
        time text COLLATE "C" NOT NULL,
        key text COLLATE "C" NOT NULL,
        entry json NOT NULL
    );
    CREATE INDEX history_time ON history (time);
    CREATE INDEX history_of_server ON history (key, revision);
    """,
    """
    CREATE TABLE keyring (version bigint NOT NULL, content text NOT NULL);
    INSERT INTO keyring VALUES (0, '');
    """,
    """
    CREATE TABLE retention (oldest text NOT NULL, seconds double precision NOT NULL);
    INSERT INTO retention VALUES ('', 0);
    """,
    # Every kind in one table. A replica of an earlier version goes on reading and writing servers by the view. What is
    # said of the other kinds is found without a look at the servers'.
    """
    ALTER TABLE servers RENAME TO records;
    ALTER TABLE records ADD COLUMN kind text COLLATE "C" NOT NULL DEFAULT 'server';
    ALTER TABLE records DROP CONSTRAINT servers_pkey, ADD PRIMARY KEY (kind, key);
    ALTER INDEX servers_changed RENAME TO records_changed;
    CREATE VIEW servers AS SELECT key, record, revision, changed FROM records WHERE kind = 'server';
    ALTER VIEW servers ALTER COLUMN revision SET DEFAULT 0;
    ALTER VIEW servers ALTER COLUMN changed SET DEFAULT pg_current_xact_id();

    ALTER TABLE history ADD COLUMN kind text COLLATE "C" NOT NULL DEFAULT 'server';
    CREATE INDEX history_of_others ON history (kind, revision) WHERE kind <> 'server';
    """,
)

MIGRATION_SECONDS = 300

_LOCK = 0x6769746F70  # any number that nobody else in the database takes: "gitop"
_IS_THERE = "SELECT to_regclass('migrations') IS NOT NULL"
_NUMBER = "SELECT coalesce(max(number), 0) FROM migrations"
_TABLE = "CREATE TABLE IF NOT EXISTS migrations (number int PRIMARY KEY, made timestamptz NOT NULL DEFAULT now())"

# A dump that is restored in another cluster brings transaction numbers of the future: as those of this one are smaller,
# its rows would be read again and again.
_OF_THE_FUTURE = "SELECT kind, key FROM records WHERE changed >= pg_snapshot_xmax(pg_current_snapshot()) LIMIT 10000"
_TAKEN_OVER = """
    UPDATE records SET changed = DEFAULT FROM unnest(%s::text[], %s::text[]) AS future (kind, key)
    WHERE records.kind = future.kind AND records.key = future.key
"""


def migrate(connection: Connection) -> None:
    """Make what is not there yet; of any number of processes one does it. Raises Unavailable at a newer schema."""
    number = _value(connection, _NUMBER) if _value(connection, _IS_THERE) else 0
    if number > len(MIGRATIONS):
        raise Unavailable(
            f"The database was upgraded by a newer version of this service: its schema is number {number}, "
            f"and this version knows {len(MIGRATIONS)}."
        )
    if number < len(MIGRATIONS):
        # It may take as long as the tables want; those who wait for it give up in time, and ask again.
        connection.deadline = time.monotonic() + MIGRATION_SECONDS
        with connection.transaction():
            connection.execute("SELECT set_config('statement_timeout', %s, true)", [f"{MIGRATION_SECONDS}s"])
            connection.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
            connection.execute(_TABLE)
            for next_number in range(_value(connection, _NUMBER) + 1, len(MIGRATIONS) + 1):
                connection.execute(MIGRATIONS[next_number - 1])
                connection.execute("INSERT INTO migrations (number) VALUES (%s)", [next_number])


def take_over(connection: Connection) -> int:
    """Give rows from another cluster a transaction of this one; how many there were, none when all are done."""
    rows = connection.execute(_OF_THE_FUTURE).fetchall()
    if rows:
        connection.execute(_TAKEN_OVER, [[kind for kind, _key in rows], [key for _kind, key in rows]])
    return len(rows)


def _value(connection: Connection, query: str) -> int:
    row = connection.execute(query).fetchone()
    return int(row[0]) if row else 0
