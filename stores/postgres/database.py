"""Connections to the database, how long they are waited for, and what their errors mean to an operator."""

import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import psycopg
from psycopg import errors
from psycopg._conninfo_attempts import conninfo_attempts
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from domain.errors import Unavailable

# A piece of work ends within SECONDS, and waits for at most one that came before it: a request ends within 5 seconds.
# The server gives up a little earlier, as only it can say what it was waiting for.
SECONDS = 2.2
SERVER_SECONDS = 2.0
CONNECT_SECONDS = 2  # the least that the driver knows
MOST_CONNECTIONS = 4  # of one process: one for commits, one for the fleet, the others for the history

READ_ONLY = "The database can only be read at this moment: it is a standby, or set to read-only."

_SETTINGS = f"""
    SET statement_timeout = {SERVER_SECONDS * 1_000:.0f};
    SET lock_timeout = {SERVER_SECONDS * 900:.0f};
    SET idle_in_transaction_session_timeout = {SERVER_SECONDS * 1_000:.0f};
    SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'
"""

# What the driver says of a connection that cannot be made. Its own words name host and user, so they are never shown.
# Of several hosts the standby counts: it says that a failover goes on.
_CAUSES = (
    ("read-only|hot standby", "can only be read at this moment: it is a standby, or set to read-only"),
    ("timeout expired", "does not answer"),
    ("refused", "refuses connections: is it running?"),
    ("translate host name|name or service", "has a host name that is not known"),
    ("too many|connection slots", "has no connection left"),
    ("starting up|shutting down|recovery", "is starting up, shutting down or failing over"),
    ("authentication|password|pg_hba|role .* does not exist", "refuses the login of STATUS_STORE"),
    ("database .* does not exist", "does not exist on its server"),
    ("SSL|certificate", "does not agree on encryption"),
)

Result = TypeVar("Result")
Values = Sequence[Any] | Mapping[str, Any] | None


class Connection(psycopg.Connection[tuple[Any, ...]]):
    """A connection whose answers are waited for until `deadline`, whatever became of server and network."""

    deadline = float("inf")
    is_committing = False  # whether it was told to commit, and did not answer yet

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        """What the driver waits by."""
        left = max(0.001, self.deadline - time.monotonic())
        try:
            return super().wait(gen, interval, min(left, timeout or left))
        except errors._WaitTimeout:
            self.pgconn.finish()  # an answer that still comes is to nobody's question
            raise errors.QueryCanceled("no answer") from None


class Database:
    """Lends connections, each to one piece of work at a time. They are made when they are needed: after any fork.

    Not the driver's pool: that makes them in threads of its own, and tells who waits neither why one cannot be made
    nor before the time is over (docs/STORE.md).
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._idle = list[Connection]()
        self._free = threading.Semaphore(MOST_CONNECTIONS)
        self._failed = dict[str, float]()  # when each host failed that did

    def run(self, work: Callable[[Connection], Result]) -> Result:
        """What the work gives. Raises Unavailable.

        It is begun anew where nothing of it can have been committed: after a deadlock, and where a connection that was
        idle turns out to be dead.
        """
        deadline = time.monotonic() + SECONDS
        while True:
            try:
                with self._lent(deadline) as connection:
                    return work(connection)
            except _Again:
                continue
            except psycopg.Error as error:
                raise Unavailable(explained(error)) from None

    def rows(self, query: str, values: Values = None) -> list[tuple[Any, ...]]:
        """What a query gives. Raises Unavailable."""
        return self.run(lambda connection: connection.execute(query, values).fetchall())

    @contextmanager
    def _lent(self, deadline: float) -> Iterator[Connection]:
        if not self._free.acquire(timeout=max(0.0, deadline - time.monotonic())):
            raise Unavailable("The database is slow: all connections of this process are in use.")
        try:
            idle = self._taken()
            connection = idle or self._connected(deadline)
            connection.deadline, connection.is_committing = deadline, False
            try:
                yield connection
            except BaseException as error:
                is_dead = connection.closed
                # Whatever failed halfway ends with its connection, and those that are idle with it: they may be dead
                # too, or lead to a server that is no longer the one to ask.
                connection.close()
                self.close()
                if is_dead and connection.is_committing:
                    raise Unavailable(
                        "The database went away during a commit: what was sent may be stored or not; send it again."
                    ) from None
                is_harmless = isinstance(error, errors.DeadlockDetected | errors.SerializationFailure)
                if (is_harmless or (is_dead and idle)) and time.monotonic() < deadline:
                    raise _Again from None
                raise
            self._idle.append(connection)
        finally:
            self._free.release()

    def _connected(self, deadline: float) -> Connection:
        connection = self._found(deadline)
        connection.deadline = deadline
        try:
            connection.execute(_SETTINGS)
        except psycopg.Error:
            connection.close()
            raise
        return connection

    def _found(self, deadline: float) -> Connection:
        """A connection to the first host of the URL that gives one; those that failed last are asked last.

        The driver would ask all of them, each time in the same order: one that does not answer takes all the time there
        is, so the next work has to begin with another.
        """
        said = list[str]()
        try:
            given = {"target_session_attrs": "primary"} | conninfo_to_dict(self._url)
            hosts = [make_conninfo("", **host) for host in conninfo_attempts(given)]
        except psycopg.Error as error:
            raise Unavailable(f"The database {_cause(str(error))}.") from None
        for host in sorted(hosts, key=lambda host: self._failed.get(host, 0.0)):
            if said and time.monotonic() > deadline - CONNECT_SECONDS:
                break
            try:
                connection = Connection.connect(
                    host,
                    autocommit=True,
                    connect_timeout=CONNECT_SECONDS,
                    client_encoding="utf8",
                    application_name="gitops-status",
                )
            except psycopg.Error as error:
                said.append(str(error))
                self._failed[host] = time.monotonic()
            else:
                self._failed.pop(host, None)
                return connection
        raise Unavailable(f"The database {_cause(' '.join(said))}.")

    def close(self) -> None:
        """End the connections that nobody uses."""
        while connection := self._taken():
            connection.close()

    def _taken(self) -> Connection | None:
        """One that nobody uses, if there is one."""
        try:
            return self._idle.pop()
        except IndexError:
            return None


class _Again(Exception):
    """The work is worth another try."""


def _cause(message: str) -> str:
    for pattern, cause in _CAUSES:
        if re.search(pattern, message, re.IGNORECASE):
            return cause
    return "cannot be reached with STATUS_STORE"


def explained(error: psycopg.Error) -> str:
    """A sentence about an error. Never the server's own words, as they may name what is secret."""
    match error:
        case errors.ReadOnlySqlTransaction():
            return READ_ONLY
        case errors.LockNotAvailable():
            return f"The database is slow: another change of the same server took over {SERVER_SECONDS:g} seconds."
        case errors.QueryCanceled():
            return f"The database did not answer within {SERVER_SECONDS:g} seconds."
        case errors.DiskFull():
            return "The database has no space left on its disk."
        case _ if error.sqlstate:
            words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", type(error).__name__).lower()
            return f"The database refused: {words} ({error.sqlstate})."
    return "The connection to the database broke."
