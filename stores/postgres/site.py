"""Where a database is: the same one by whichever host, user and spelling of the URL it is reached."""

from contextlib import closing
from typing import NoReturn

from domain.errors import Invalid
from storage import Site
from stores.postgres.database import Database

_LOOK = """
    SELECT pg_postmaster_start_time(), current_database(), current_schema(),
        coalesce(to_regclass('records'), to_regclass('servers'))::oid  -- as an earlier version called it
"""


def database_site(url: str) -> Site:
    """The site of a URL. Raises Unavailable where the database cannot be asked."""
    with closing(Database(url)) as database:
        ((started, name, schema, table),) = database.rows(_LOOK)
    site = (started, name, table or schema)
    called = f"the PostgreSQL database {name}" + (f", schema {schema}" if schema != "public" else "")

    def begin_anew() -> NoReturn:
        raise Invalid(f"{called} is no file that could be gone; a database has backups of its own.")

    return Site(called, site, frozenset([site]), table is not None, lambda _path: False, begin_anew)
