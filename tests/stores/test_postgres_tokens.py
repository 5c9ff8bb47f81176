"""The tokens in a database keep the promises of their contract."""

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from pydantic import SecretStr

from domain.errors import NotFound, Unavailable
from domain.tokens import Token
from storage import TokenStore
from stores import open_tokens
from stores.postgres.tokens import PostgresTokens
from tests.stores.records import token

Open = Callable[[], TokenStore]


@pytest.fixture
def open_one(database: str) -> Iterator[Open]:
    """Another process's view of the tokens in one database."""
    with contextlib.ExitStack() as resources:
        yield lambda: resources.enter_context(contextlib.closing(open_tokens(SecretStr(database))))


def test_each_process_sees_a_change_that_returned_half_a_second_later(database: str) -> None:
    now = [100.0]
    with contextlib.ExitStack() as resources:
        one, other = [
            resources.enter_context(contextlib.closing(PostgresTokens(database, lambda: now[0]))) for _ in range(2)
        ]
        assert other.keyring().tokens == {}
        one.change(lambda _tokens: {"b": token("b"), "a": token("a")})
        assert one.keyring().tokens.keys() == {"a", "b"}
        now[0] += 0.5
        assert other.keyring().tokens.keys() == {"a", "b"}
        assert one.keyring().tokens.keys() == {"a", "b"}
        other.change(lambda _tokens: {})
        now[0] += 0.5
        assert one.keyring().tokens == {}


def test_the_key_is_made_once_and_stays(open_one: Open) -> None:
    tokens = open_one()
    assert tokens.keyring().key == ""
    tokens.change(lambda known: known)
    key = tokens.keyring().key
    assert len(key) == 64
    open_one().change(lambda _known: {"a": token("a")})
    assert open_one().keyring().key == key


def test_what_a_decision_raises_changes_nothing(open_one: Open) -> None:
    tokens = open_one()
    tokens.change(lambda _known: {"a": token("a")})

    def refuse(_known: Mapping[str, Token]) -> Mapping[str, Token]:
        raise NotFound("No.")

    with pytest.raises(NotFound):
        tokens.change(refuse)
    assert open_one().keyring().tokens.keys() == {"a"}


def test_many_at_once_lose_nothing(open_one: Open) -> None:
    stores, begin = [open_one() for _ in range(4)], threading.Barrier(4)

    def add(number: int) -> None:  # each counts what all others added
        begin.wait()
        for _ in range(5):
            stores[number].change(lambda known: {**known, str(len(known)): token(str(len(known)))})

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(add, range(4)))
    assert len(open_one().keyring().tokens) == 20


def test_a_damaged_keyring_is_said_and_never_written_over(open_one: Open, database: str) -> None:
    open_one().change(lambda _known: {"a": token("a")})
    with contextlib.closing(psycopg.connect(database, autocommit=True)) as connection:
        connection.execute("UPDATE keyring SET content = 'nonsense', version = version + 1")
        for ask in (lambda: open_one().keyring(), lambda: open_one().change(lambda known: known)):
            with pytest.raises(Unavailable, match="cannot be understood"):
                ask()
        assert connection.execute("SELECT content FROM keyring").fetchone() == ("nonsense",)
