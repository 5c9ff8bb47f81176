"""The tables, and how they came to be: migrations, each made once, in their order."""

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
)

_LOCK = 0x6769746F70  # any number that nobody else in the database takes: "gitop"
_IS_THERE = "SELECT to_regclass('migrations') IS NOT NULL"
_NUMBER = "SELECT coalesce(max(number), 0) FROM migrations"
_TABLE = "CREATE TABLE IF NOT EXISTS migrations (number int PRIMARY KEY, made timestamptz NOT NULL DEFAULT now())"

# A dump that is restored in another cluster brings transaction numbers of the future: as those of this one are smaller,
# its rows would be read again and again.
_OF_THE_FUTURE = "SELECT key FROM servers WHERE changed >= pg_snapshot_xmax(pg_current_snapshot()) LIMIT 10000"
_TAKEN_OVER = "UPDATE servers SET changed = DEFAULT WHERE key = ANY(%s)"


def migrate(connection: Connection) -> None:
    """Make what is not there yet; of any number of processes one does it. Raises Unavailable at a newer schema."""
    number = _value(connection, _NUMBER) if _value(connection, _IS_THERE) else 0
    if number > len(MIGRATIONS):
        raise Unavailable(
            f"The database was upgraded by a newer version of this service: its schema is number {number}, "
            f"and this version knows {len(MIGRATIONS)}."
        )
    if number < len(MIGRATIONS):
        with connection.transaction():
            connection.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
            connection.execute(_TABLE)
            for next_number in range(_value(connection, _NUMBER) + 1, len(MIGRATIONS) + 1):
                connection.execute(MIGRATIONS[next_number - 1])
                connection.execute("INSERT INTO migrations (number) VALUES (%s)", [next_number])


def take_over(connection: Connection) -> int:
    """Give rows from another cluster a transaction of this one; how many there were, none when all are done."""
    keys = [key for (key,) in connection.execute(_OF_THE_FUTURE)]
    if keys:
        connection.execute(_TAKEN_OVER, [keys])
    return len(keys)


def _value(connection: Connection, query: str) -> int:
    row = connection.execute(query).fetchone()
    return int(row[0]) if row else 0
