"""The history in the database: read in pages, so that it costs what is taken from it and holds nothing open."""

from collections.abc import Callable, Iterator
from typing import Any

import orjson

from domain.kinds import Event
from storage import Span
from stores.postgres.database import Connection, Database
from stores.postgres.pages import Pages
from stores.postgres.replica import Replica
from stores.retention import Mark

MOST_KEYS = 1_000  # that the database is asked to look for; of more it gives all, and they are chosen here

_LAST = 2**63 - 1
_EVENTS = """
    SELECT revision, key, entry::text FROM history
    WHERE revision > %(after)s AND revision < %(before)s AND time BETWEEN %(since)s AND %(until)s
        AND (%(kind)s = '' OR kind = %(kind)s) AND (%(keys)s::text[] IS NULL OR key = ANY(%(keys)s::text[]))
    ORDER BY revision {} LIMIT %(page)s
"""
_OLDEST_FIRST, _NEWEST_FIRST = _EVENTS.format(""), _EVENTS.format("DESC")
_IN_FORCE = """
    SELECT revision, entry::text FROM unnest(%s::text[]) AS wanted, LATERAL (
        SELECT revision, entry FROM history WHERE key = wanted AND kind = %s AND time < %s
        ORDER BY revision DESC LIMIT 1
    ) AS last
"""
_PRUNE = """
    DELETE FROM history WHERE revision IN (
        SELECT revision FROM history AS old WHERE time < %(oldest)s AND (
            EXISTS (SELECT FROM history AS later
                WHERE later.key = old.key AND later.kind = old.kind AND later.revision > old.revision
                    AND later.time < %(oldest)s)
            OR NOT EXISTS (SELECT FROM records
                WHERE records.kind = old.kind AND records.key = old.key AND record IS NOT NULL)
        ) LIMIT %(page)s
    )
"""
# To now, or to the time of the record's next entry if that is earlier; the first ones first: so the times of one record
# never run backwards. The time is the second member of an entry.
_BRING_BACK = """
    UPDATE history SET time = new.time,
        entry = regexp_replace(entry::text, '"time" *: *"[^"]*"', '"time":"' || new.time || '"')::json
    FROM (
        SELECT revision, LEAST(%(now)s, (SELECT min(later.time) FROM history AS later
            WHERE later.key = ahead.key AND later.kind = ahead.kind AND later.revision > ahead.revision)) AS time
        FROM history AS ahead WHERE ahead.time > %(now)s ORDER BY revision LIMIT %(page)s FOR UPDATE
    ) AS new WHERE history.revision = new.revision
"""


class History:
    """What the database tells of the past."""

    def __init__(self, database: Database, replica: Replica, pages: Pages) -> None:
        self._database = database
        self._pages = pages
        self._replica = replica
        self._due = ""  # the time before which entries are being taken out

    def events(self, span: Span, *, newest_first: bool) -> Iterator[Event]:
        """The entries of a span."""
        wanted = set(self._replica.keys(span.kind, span.about)) if span.about else None
        self._replica.be_loaded()
        place: dict[str, Any] = {"after": span.after, "before": _LAST, "since": span.since, "until": span.until}
        place["kind"] = span.kind
        place["keys"] = list(wanted) if wanted is not None and len(wanted) <= MOST_KEYS else None
        place["page"] = self._pages.first
        query = _NEWEST_FIRST if newest_first else _OLDEST_FIRST
        while rows := self._database.rows(query, place):
            for _revision, key, entry in rows:
                if wanted is None or key in wanted:
                    yield orjson.loads(entry)
            place["before" if newest_first else "after"] = rows[-1][0]
            place["page"] = self._pages.later

    def in_force(self, kind: str, time: str, about: Callable[[str], bool] | None) -> Iterator[Event]:
        """The entry of the state of each record of a kind just before a time."""
        keys, found, page = self._replica.keys(kind, about), list[tuple[Any, ...]](), self._pages.later
        for start in range(0, len(keys), page):
            found += self._database.rows(_IN_FORCE, [keys[start : start + page], kind, time])
        for _revision, text in sorted(found):
            entry: Event = orjson.loads(text)
            if entry["event"] != "deleted":
                yield entry

    def prune(self, oldest: str) -> None:
        """Take out the entries before a time, many at once; what fails is done with the next call, also one that names
        none. Of each record that is still there the last of them stays, so that the state in force has no hole."""
        self._due, page = oldest or self._due, self._pages.pruned
        while self._due:
            if self._database.run(lambda connection: _pruned(connection, self._due, page)) < page:
                self._due = ""

    def bring_back(self, now: str) -> None:
        """Bring the times of entries that are later than now back to it, many at once."""
        values = {"now": now, "page": self._pages.brought_back}
        while self._database.run(lambda connection: connection.execute(_BRING_BACK, values).rowcount):
            pass


class MarkRow:
    """When entries may go, in a row of the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def read(self) -> Mark:
        return Mark(*self._database.rows("SELECT oldest, seconds FROM retention")[0])

    def write(self, mark: Mark) -> None:
        values = [mark.oldest, mark.seconds]
        self._database.run(lambda one: one.execute("UPDATE retention SET oldest = %s, seconds = %s", values))


def _pruned(connection: Connection, oldest: str, page: int) -> int:
    return connection.execute(_PRUNE, {"oldest": oldest, "page": page}).rowcount
