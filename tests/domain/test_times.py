"""Times are read in every form that callers send, and written in one."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.times import epoch, has_lost_plus, read_length, read_time, read_when, time_text

SAME = "2026-04-26T10:30:00Z"
SECONDS = 1_777_199_400


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
    assert datetime.fromisoformat(text).timestamp() == epoch(text) == seconds


def test_times_sort_as_they_follow_each_other() -> None:
    moments = [0, 1, 59, 60, 86_399, 86_400, 951_827_696, 1_777_199_400, 4_102_444_800]
    assert [time_text(moment) for moment in moments] == sorted(time_text(moment) for moment in moments)
    assert time_text(SECONDS) == SAME


def test_a_time_before_1970_or_after_9999_is_written_as_the_nearest_there_is() -> None:
    assert time_text(-1) == "1970-01-01T00:00:00Z"
    assert time_text(10**15) == "9999-12-31T23:59:59Z"


@pytest.mark.parametrize(
    ("text", "seconds"), [("0s", 0), ("45s", 45), ("15m", 900), ("24h", 86_400), ("7d", 604_800), ("007d", 604_800)]
)
def test_a_length_is_read_in_seconds(text: str, seconds: int) -> None:
    assert read_length(text) == seconds
    assert read_when(text, SECONDS) == SECONDS - seconds


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        (SAME, SECONDS),
        ("2026-04-26T10:30:00", SECONDS),
        ("2026-04-26 12:30:00.25+02:00", SECONDS + 0.25),
        ("0", 0),
        ("1777199400", SECONDS),
        ("1777199400.5", SECONDS + 0.5),
        ("99999999999", 99_999_999_999),
        ("100000000000", 100_000_000),
        ("1777199400000", SECONDS),
        ("1777199400250", SECONDS + 0.25),
    ],
)
def test_a_caller_may_mean_a_moment_in_each_form(text: str, seconds: float) -> None:
    assert read_when(text, 5) == seconds


@pytest.mark.parametrize(
    ("number", "seconds"),
    [
        (0, 0),
        (-0.0, 0),
        (SECONDS, SECONDS),
        (SECONDS + 0.5, SECONDS + 0.5),
        (10**11, 10**8),
        (SECONDS * 1_000.0, SECONDS),
    ],
)
def test_a_number_is_epoch_seconds_or_milliseconds(number: float, seconds: float) -> None:
    assert read_when(number, 5) == seconds


@pytest.mark.parametrize("number", [-1, -0.5, 10**15, 2**80, 1e300, float("inf"), float("nan"), True, None, [], b"15m"])
def test_what_is_neither_a_text_nor_such_a_number_is_none(number: object) -> None:
    assert read_when(number, SECONDS) is None


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "now", "yesterday", "7", "7w", "1.5h", "-1h", "h", "7 d", "7D", "7d ", "7d\n", "٣d", "1d12h", "9" * 10 + "s",
    ],
)  # fmt: skip
def test_what_is_no_length_is_none(text: str) -> None:
    assert read_length(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "now", "-1", "+1", "1e9", "1.", ".5", "0x10", "1_000", "1" * 16, "٣", "nan", "inf", "1 ", "1\n",
        "2026-04-26", "2026-02-30T00:00:00Z", "2026-04-26T10:30:00,5Z", "1h30m",
    ],
)  # fmt: skip
def test_what_is_no_moment_is_none(text: str) -> None:
    assert read_when(text, SECONDS) is None


@given(st.text() | st.text("0123456789-:TtZz+. smhd", max_size=30))
def test_no_text_makes_the_reading_of_a_moment_fail(text: str) -> None:
    when = read_when(text, SECONDS)
    assert when is None or len(time_text(int(when))) == 20


@pytest.mark.parametrize(
    ("text", "has_lost_it"),
    [
        ("2026-04-26T10:30:00 01:00", True), ("2026-04-26 10:30:00.25 00:00", True),
        ("2026-04-26T10:30:00+01:00", False), (SAME, False), ("2026-04-26 10:30:00", False), ("", False), (" ", False),
        ("2026-04-26T10:30:00 0100", False), ("2026-04-26T10:30:00  01:00", False), ("2026-02-30T00:00:00 01:00", False),
    ],
)  # fmt: skip
def test_a_time_whose_plus_became_a_space_is_known(text: str, has_lost_it: bool) -> None:
    assert has_lost_plus(text) is has_lost_it
