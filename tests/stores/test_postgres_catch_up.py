"""What a replica asks of the database before it answers: all that its last snapshot did not show, and no more."""

import contextlib
import random
from collections.abc import Iterator
from typing import Any

import orjson
import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from storage import Store
from stores.postgres.replica import CHANGED
from tests.stores.databases import connected
from tests.stores.records import opened, put, server, servers

# One transaction each, as reports come.
UPDATES = """
    DO $$ BEGIN FOR number IN 1..{} LOOP
        UPDATE records SET changed = DEFAULT WHERE key = 'a/' || number % 50;
        COMMIT;
    END LOOP; END $$
"""


@pytest.fixture(params=["here", "in another database"])
def opened_long_ago(request: pytest.FixtureRequest, database: str) -> Iterator[None]:
    """A transaction with a number, begun before all others and never ended."""
    with contextlib.closing(opened(database)) as store:
        put(store, *(server(f"a/{number}") for number in range(50)))
    place = make_conninfo(database, dbname="template1", options="") if request.param != "here" else database
    with connected(place) as somebody, somebody.transaction():
        somebody.execute("SELECT pg_current_xact_id()")
        yield


def pages_read(somebody: psycopg.Connection) -> int:
    """How many pages of tables and indexes the question takes, where one row was changed since the last."""
    seen = somebody.execute("SELECT pg_current_snapshot()::text").fetchone()
    somebody.execute(UPDATES.format(1))
    question = f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {CHANGED}"
    answer: Any = somebody.execute(question, {"seen": seen and seen[0], "page": 10}).fetchone()
    plan = answer[0][0]["Plan"]
    assert plan["Actual Rows"] == 1
    return int(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])


@pytest.mark.usefixtures("opened_long_ago")
def test_a_question_costs_what_was_changed_since_the_last_whatever_transaction_is_open(database: str) -> None:
    with connected(database) as somebody:
        somebody.execute(UPDATES.format(3_000))
        assert pages_read(somebody) < 30
        somebody.execute("UPDATE records SET changed = DEFAULT; ANALYZE records")  # many rows of one transaction
        assert pages_read(somebody) < 30


class Somebody:
    """Who changes one server after the other in transactions of several steps, some of them taken back."""

    def __init__(self, connection: psycopg.Connection, name: str, chance: random.Random) -> None:
        self.run, self.name, self.chance = connection.execute, name, chance
        self.is_open = False

    def step(self) -> None:
        """Whatever comes next."""
        if not self.is_open:
            self.run("BEGIN")
            self.is_open = True
        match self.chance.randrange(8):
            case 0 | 1 | 2:
                self.run(
                    "INSERT INTO records (key, record) VALUES (%s, %s) "
                    "ON CONFLICT (kind, key) DO UPDATE SET record = excluded.record, changed = DEFAULT",
                    self.some_record(),
                )
            case 3:
                self.run("UPDATE records SET record = NULL, changed = DEFAULT WHERE key = %s", [self.some_key()])
            case 4:
                self.run("SAVEPOINT within")
            case 5:
                self.run(
                    "SAVEPOINT within; "
                    f"UPDATE records SET record = NULL, changed = DEFAULT WHERE key LIKE '{self.name}/%'; "
                    "ROLLBACK TO within"
                )
            case 6:
                self.end("COMMIT")
            case 7:
                self.end("ROLLBACK" if self.chance.random() < 0.3 else "COMMIT")

    def end(self, how: str) -> None:
        """End the transaction."""
        self.run(how)
        self.is_open = False

    def some_key(self) -> str:
        return f"{self.name}/{self.chance.randrange(3)}"

    def some_record(self) -> list[str]:
        key = self.some_key()
        number = self.chance.randrange(1_000)
        return [key, orjson.dumps(server(key, check_interval=number)).decode()]


@pytest.mark.parametrize("seed", range(4))
def test_nothing_that_was_committed_is_missed_in_whatever_order_it_becomes_visible(
    database: str, stores: list[Store], seed: int
) -> None:
    chance = random.Random(seed)
    with contextlib.ExitStack() as resources:
        put(stores[0], server("a/0"))
        reader, looks = stores[1], resources.enter_context(connected(database))
        people = [
            Somebody(resources.enter_context(connected(database)), name, random.Random(f"{seed}{name}"))
            for name in "abcde"
        ]
        for _ in range(250):
            chance.choice(people).step()
            if chance.random() < 0.5:
                rows = looks.execute("SELECT key, record FROM records WHERE record IS NOT NULL").fetchall()
                assert servers(reader) == dict(sorted(rows))
