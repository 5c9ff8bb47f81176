"""The lead where the store is a database."""

from stores.postgres.database import Connection, Database

_KEY = (
    0x67697473  # any number that nobody else in the database takes: "gits"; and the schema, as others may have theirs
)
_TRY = "SELECT pg_try_advisory_lock(%s, hashtext(coalesce(current_schema(), '')))"
_ASK = "SELECT"

# A machine that loses its power or its network says no farewell: the server asks after it, and ends its session within
# 10 seconds.
_WATCH = """
    SET tcp_keepalives_idle = 4; SET tcp_keepalives_interval = 2; SET tcp_keepalives_count = 3;
    SET tcp_user_timeout = '10s'
"""


class PostgresLeadership:
    """An advisory lock, which a session has until it ends: on a connection of its own, as one that is lent to whoever
    needs it would make each of them the leader, and end with any of them."""

    def __init__(self, url: str) -> None:
        self._database = Database(url)
        self._leader: Connection | None = None

    def is_held(self) -> bool:
        return self._database.run(self._lead)

    def close(self) -> None:
        self._database.close()

    def _lead(self, connection: Connection) -> bool:
        if connection is self._leader:
            connection.execute(_ASK)  # else it would not be known that the session has ended
            return True
        connection.execute(_WATCH)
        self._leader = connection if connection.execute(_TRY, [_KEY]).fetchone() == (True,) else None
        return self._leader is not None
