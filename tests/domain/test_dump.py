"""The lines of a dump: every kind of record, in one order, or a sentence that names the line."""

from collections.abc import Iterable

import orjson
import pytest

from domain.dump import Thing, dump_lines, read_dump, store_thing
from domain.errors import Invalid
from domain.history import change_entry
from domain.kinds import KINDS as OF_THE_SERVICE
from tests.stores.kinds import KINDS, parcel, parcel_event, tick
from tests.stores.records import server

THINGS: list[Thing] = [
    store_thing(9, ["server", "parcel", "tick"]),
    ("server", server("a/x")),
    ("server", server("a-b/x")),
    ("parcel", parcel("b/1")),
    ("parcel", parcel("b-c/1")),
    ("tick", tick("a", 3)),
    ("entry", change_entry(None, server("a/x", revision=1), "cron")),
    ("entry", parcel_event(2, "b/1", "came", state="here")),
]


def refused(things: Iterable[Thing], sentence: str) -> None:
    with pytest.raises(Invalid, match=sentence):
        list(read_dump(dump_lines(things), KINDS))


def test_what_is_written_reads_back() -> None:
    assert list(read_dump(dump_lines(THINGS), KINDS)) == THINGS


def test_a_dump_of_servers_is_of_the_version_that_it_was() -> None:
    assert store_thing(9, ["server"]) == store_thing(9, []) == ("store", {"version": "1", "revision": 9})
    first = next(iter(dump_lines(THINGS)))
    assert orjson.loads(first)["value"]["version"] == "2", "so an older version, which reads 1, refuses it at once"


def test_a_kind_that_is_not_known_is_refused() -> None:
    with pytest.raises(Invalid, match="Line 4 of the dump is wrong: there is no kind 'parcel'"):
        list(read_dump(dump_lines(THINGS), OF_THE_SERVICE))


def test_records_that_do_not_stand_in_their_order_are_refused() -> None:
    refused([*THINGS[:3], THINGS[4], THINGS[3]], "Line 5 of the dump is wrong: it does not stand in the order")
    refused([THINGS[0], THINGS[3], THINGS[1]], "Line 3 of the dump is wrong: it does not stand in the order")


@pytest.mark.parametrize(
    ("thing", "sentence"),
    [
        (("parcel", {**parcel("b/1"), "seen": "now"}), "the parcel 'b/1' is wrong at seen"),
        (("parcel", {"state": "here"}), "its value names no parcel"),
        (("server", {"host": "x"}), "the record 'None/x' is wrong at server_group"),
        (("entry", {**parcel_event(2, "b/1"), "key": 3}), "it is no history entry"),
    ],
)
def test_a_wrong_value_is_named(thing: Thing, sentence: str) -> None:
    refused([THINGS[0], thing], f"Line 2 of the dump is wrong: {sentence}")
