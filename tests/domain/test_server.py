"""A record as it stands in a file, and the one form of a time."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.server import FIELDS, Record, new_server, read_time, restore_servers, server_key, time_text
from tests.storage.records import NOW, server

SAME = "2026-04-26T10:30:00Z"


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2026-04-26T10:30:00Z", SAME),
        ("2026-04-26t10:30:00z", SAME),
        ("2026-04-26 10:30:00Z", SAME),
        ("2026-04-26T10:30:00", SAME),
        ("2026-04-26T10:30:00+00:00", SAME),
        ("2026-04-26T10:30:00-00:00", SAME),
        ("2026-04-26T12:30:00+02:00", SAME),
        ("2026-04-26T05:00:00-05:30", SAME),
        ("2026-04-27T00:30:00+14:00", SAME),
        ("2026-04-26T10:30:00.5Z", SAME),
        ("2026-04-26T10:30:00.999999999Z", SAME),
        ("2024-02-29T00:00:00Z", "2024-02-29T00:00:00Z"),
        ("2000-02-29T23:59:59Z", "2000-02-29T23:59:59Z"),
        ("2024-03-01T00:30:00+01:00", "2024-02-29T23:30:00Z"),
        ("2025-12-31T23:30:00-01:00", "2026-01-01T00:30:00Z"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"),
        ("9999-12-31T23:59:59Z", "9999-12-31T23:59:59Z"),
    ],
)
def test_an_rfc_3339_time_is_read_in_the_one_form(text: str, time: str) -> None:
    assert read_time(text) == time


@pytest.mark.parametrize(
    "text",
    [
        "", "now", "2026-04-26T10:30:00,5Z", "2026-04-26T10:30:00.Z", "2026-04-26T10:30:00+01", "2026-04-26T10:30:00+0100",
        "2026-04-26T10:30:00 Z", "2026-04-26T10:30:00+01:00:30", "2026-04-26", "2026-04-26T10:30", "10:30:00Z", "20260426T103000Z", "2026-W17-7T10:30:00Z", "26-04-26T10:30:00Z",
        "2026-04-26T10:30:00Zx", "2026-04-26T10:30:00Z\n", " 2026-04-26T10:30:00Z", "2026-04-26_10:30:00Z", "2026-04-26T10:30:00UTC",
        "2023-02-29T00:00:00Z", "1900-02-29T00:00:00Z", "2026-04-31T00:00:00Z", "2026-13-01T00:00:00Z", "2026-00-10T00:00:00Z",
        "2026-04-26T25:00:00Z", "2026-04-26T10:60:00Z", "2026-04-26T10:30:61Z", "2026-04-26T10:30:00+24:00", "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00", "२०२६-04-26T10:30:00Z", "2026-04-26T10:30:0٣Z",
        None, True, 5, 1_777_199_400.0, [], {}, b"2026-04-26T10:30:00Z",
    ],
)  # fmt: skip
def test_what_is_no_time_is_none(text: object) -> None:
    assert read_time(text) is None


@given(st.text() | st.text("0123456789-:TtZz+. ", max_size=30))
def test_no_text_makes_the_reading_of_a_time_fail(text: str) -> None:
    time = read_time(text)
    assert time is None or read_time(time) == time


@given(
    st.datetimes(datetime(2, 1, 1), datetime(9998, 1, 1)),
    st.integers(-1_439, 1_439),
)
def test_every_moment_reads_as_that_moment_whatever_its_offset(moment: datetime, minutes: int) -> None:
    there = moment.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    expected = there.astimezone(UTC).replace(microsecond=0, tzinfo=None).isoformat() + "Z"
    assert read_time(there.isoformat()) == expected


@given(st.integers(0, 253_402_300_799))
def test_a_time_that_we_write_is_one_that_we_read(seconds: int) -> None:
    text = time_text(seconds)
    assert len(text) == 20
    assert read_time(text) == text
    assert datetime.fromisoformat(text).timestamp() == seconds


def test_times_sort_as_they_follow_each_other() -> None:
    moments = [0, 1, 59, 60, 86_399, 86_400, 951_827_696, 1_777_199_400, 4_102_444_800]
    assert [time_text(moment) for moment in moments] == sorted(time_text(moment) for moment in moments)
    assert time_text(1_777_199_400) == SAME


def test_a_new_server_has_every_field_of_a_record() -> None:
    new = new_server("web", "web-01", NOW)
    assert list(new)[: len(FIELDS)] == list(FIELDS) == list(Record.__annotations__)
    assert [new["timestamp"], new["first_seen"], new["status_since"]] == [NOW] * 3
    assert restore_servers({"web/web-01": new}) == {"web/web-01": new}


def test_two_new_servers_do_not_change_with_each_other() -> None:
    assert server_key("web", "web-01") == "web/web-01"
    assert new_server("a", "x", NOW) == new_server("a", "x", NOW)
    assert new_server("a", "x", NOW) is not new_server("a", "x", NOW)


@pytest.mark.parametrize("field", sorted(server("a/x").keys() - {"server_group", "host", "timestamp"}))
def test_a_field_that_a_stored_record_lacks_takes_its_default(field: str) -> None:
    record: dict[str, Any] = {**server("a/x")}
    default = record.pop(field)
    assert restore_servers({"a/x": record}) == {"a/x": {**record, field: default}}


@pytest.mark.parametrize("field", ["server_group", "host", "timestamp"])
def test_a_stored_record_without_name_or_time_is_refused(field: str) -> None:
    record: dict[str, Any] = {**server("a/x")}
    del record[field]
    with pytest.raises(ValueError, match=f"the record 'a/x' is wrong at {field}"):
        restore_servers({"a/x": record})


def test_restoring_takes_the_records_out_of_what_it_was_given_and_leaves_each_as_it_was() -> None:
    record = {"server_group": "a", "host": "x", "timestamp": NOW}
    stored: dict[str, Any] = {"a/x": record}
    assert restore_servers(stored)
    assert stored == {}
    assert record == {"server_group": "a", "host": "x", "timestamp": NOW}


@pytest.mark.parametrize("key", ["a/y", "a", "a/x/", "/x", "A/x", "", "a-x"])
def test_a_record_under_a_key_that_is_not_its_own_is_refused(key: str) -> None:
    with pytest.raises(ValueError, match="holds the names of another server"):
        restore_servers({key: server("a/x")})
