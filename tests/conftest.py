"""What tests of several rings share: a database."""

import os
from collections.abc import Iterator

import pytest

from tests.postgres import fresh_schema, postgres_server


@pytest.fixture(scope="session")
def database_server() -> Iterator[str]:
    """The URL of a database: TEST_DATABASE_URL, or a server that is started for these tests."""
    if url := os.environ.get("TEST_DATABASE_URL"):
        yield url
        return
    with postgres_server() as server:
        yield server.url


@pytest.fixture
def database(database_server: str) -> Iterator[str]:
    """The URL of an empty database, as STATUS_STORE takes it."""
    with fresh_schema(database_server) as url:
        yield url
