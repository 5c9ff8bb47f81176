"""What a store must know of a noun, and what the nouns of the service say."""

from typing import Any

import pytest
from pydantic import TypeAdapter
from typing_extensions import TypedDict

from domain.history import change_entry
from domain.kinds import KINDS, SERVER, Kind, Ref, is_event, latest_of, ref_of, restoring
from domain.texts import Time
from tests.stores.kinds import NOW
from tests.stores.records import server

EARLY, LATE = "2020-01-01T00:00:00Z", "2027-01-01T00:00:00Z"


class Book(TypedDict):
    name: str
    read: Time | None


BOOK: Kind[Book] = Kind(
    "book",
    key=lambda book: book["name"],
    part=lambda key: key[:1],
    restore=restoring("book", TypeAdapter(Book), lambda book: book["name"]),
    times=("read",),
)
EVENT = {"revision": 1, "time": NOW, "kind": "book", "key": "a", "source": "api", "event": "read", "actor": ""}


def test_a_kind_names_its_records_and_its_member() -> None:
    assert (SERVER.member, SERVER.ref("a/x")) == ("servers", Ref("server", "a/x"))
    assert SERVER.key(server("a/x")) == "a/x"
    assert sorted(["a-b/x", "a/z", "a.b/x"], key=SERVER.order) == ["a/z", "a-b/x", "a.b/x"]
    assert next(iter(KINDS)) == "server"


def test_the_times_of_a_record_that_lie_ahead_are_found_and_brought_back() -> None:
    assert BOOK.latest({"name": "a", "read": None}) == ""
    book: Book = {"name": "a", "read": LATE}
    assert BOOK.latest(book) == LATE
    assert BOOK.brought_back(book, NOW) == {"name": "a", "read": NOW}
    assert BOOK.brought_back({"name": "a", "read": None}, NOW) == {"name": "a", "read": None}
    assert latest_of({"book": {"a": book}, "server": {"a/x": server("a/x")}}, {**KINDS, "book": BOOK}) == LATE
    assert latest_of({}, KINDS) == ""


def test_a_server_is_born_no_earlier_than_the_last_of_its_key_was_deleted() -> None:
    born = SERVER.born(server("a/x", timestamp=EARLY, first_seen=EARLY, status_since=EARLY), NOW)
    assert born == server("a/x")
    assert SERVER.born(server("a/x", timestamp=LATE), NOW)["timestamp"] == LATE


def test_records_of_a_model_are_read_and_taken_out() -> None:
    stored: dict[str, Any] = {"a": {"name": "a", "read": NOW}}
    assert BOOK.restore(stored) == {"a": {"name": "a", "read": NOW}}
    assert stored == {}


@pytest.mark.parametrize(
    ("record", "sentence"),
    [
        ({"name": "a", "read": "now"}, "the book 'a' is wrong at read: "),
        ({"read": None}, "the book 'a' is wrong at name: Field required"),
        (3, "the book 'a' is wrong at its top: "),
        ({"name": "b", "read": None}, "the book 'a' holds the names of another"),
    ],
)
def test_a_record_that_is_none_of_its_kind_is_named(record: object, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        BOOK.restore({"a": record})


def test_an_event_without_a_kind_is_a_servers() -> None:
    entry = change_entry(None, server("a/x"), "cron")
    assert entry
    assert ref_of(entry) == Ref("server", "a/x")
    assert ref_of(EVENT) == Ref("book", "a")


@pytest.mark.parametrize("name", [*EVENT])
def test_an_event_says_when_what_happened_to_what_by_whom(name: str) -> None:
    assert is_event(EVENT)
    assert is_event({**EVENT, "more": 3})
    assert not is_event({**EVENT, name: None})
    assert not is_event({key: value for key, value in EVENT.items() if key != name})
    assert not is_event([EVENT])
