"""A body becomes reports, or an Invalid that says all that is wrong."""

import contextlib
import json
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import Invalid
from domain.report import Report, read_reports, without_doubles
from domain.times import epoch

NOW = epoch("2026-04-26T10:30:00Z")

_numbers = st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
_texts = st.text(st.characters(codec="utf-8"))
_scalars = st.none() | st.booleans() | _numbers | _texts
_values = st.recursive(_scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_texts, inner, max_size=4))


@given(
    _values
    | st.dictionaries(
        st.sampled_from(["server_group", "host", "status", "changed_files", "check_interval", "observed"]), _values
    )
)
def test_no_json_makes_the_reading_of_reports_fail_in_another_way(value: Any) -> None:
    for source in ("pipeline", "cron"):
        with contextlib.suppress(Invalid):
            read_reports(source, json.dumps(value).encode(), NOW)


@given(st.lists(st.sampled_from(["/a", "/b", "/A", ""])))
def test_doubles_are_dropped_and_the_order_is_kept(files: list[str]) -> None:
    once = without_doubles(iter(files))
    assert sorted(once) == sorted(set(files))
    assert [files.index(name) for name in once] == sorted(files.index(name) for name in once)


def test_the_limit_of_files_counts_each_name_once() -> None:
    def body(files: list[str]) -> bytes:
        return json.dumps({"server_group": "a", "host": "x", "changed_files": files}).encode()

    names = [f"/{number}" for number in range(1_000)]
    (report,) = read_reports("cron", body(names * 2), NOW).reports
    assert report.fields["changed_files"] == names
    with pytest.raises(Invalid, match="at most 1,000 names"):
        read_reports("cron", body([*names, "/one-more"]), NOW)


def _read(source: Literal["pipeline", "cron"], **fields: Any) -> Report:
    body = {"server_group": "a", "host": "x", **({"status": "synced"} if source == "pipeline" else {}), **fields}
    return read_reports(source, json.dumps(body).encode(), NOW).reports[0]


@pytest.mark.parametrize("source", ["pipeline", "cron"])
@pytest.mark.parametrize(
    ("observed", "time"),
    [
        ("2026-04-26T10:15:00Z", "2026-04-26T10:15:00Z"), ("2026-04-26 12:15:00.9+02:00", "2026-04-26T10:15:00Z"),
        ("2026-04-26T10:15:00", "2026-04-26T10:15:00Z"), ("15m", "2026-04-26T10:15:00Z"), ("0s", "2026-04-26T10:30:00Z"),
        (str(NOW - 900), "2026-04-26T10:15:00Z"), (NOW - 900, "2026-04-26T10:15:00Z"), (NOW - 0.5, "2026-04-26T10:29:59Z"),
        ((NOW - 900) * 1_000, "2026-04-26T10:15:00Z"), (float(NOW - 900), "2026-04-26T10:15:00Z"),
        (0, "1970-01-01T00:00:00Z"), ("999999999d", "1970-01-01T00:00:00Z"), ("2030-01-01T00:00:00Z", "2030-01-01T00:00:00Z"),
        (None, None),
    ],
)  # fmt: skip
def test_a_report_says_when_it_was_made_in_each_form_of_a_time(
    source: Literal["pipeline", "cron"], observed: object, time: str | None
) -> None:
    report = _read(source, observed=observed)
    assert report.observed == time
    assert "observed" not in {**report.fields, **report.on_creation}


@pytest.mark.parametrize("source", ["pipeline", "cron"])
@pytest.mark.parametrize(
    "observed", ["", "now", "yesterday", "-15m", "15 m", "2026-04-26", "1e9", -1, 10**15, 1e30, True, False, [], {}, ["15m"]]
)  # fmt: skip
def test_what_is_no_time_is_refused_by_its_name(source: Literal["pipeline", "cron"], observed: object) -> None:
    with pytest.raises(Invalid) as refused:
        _read(source, observed=observed)
    assert refused.value.fields.keys() == {"observed"}
    assert "such as 15m" in refused.value.fields["observed"]


def test_many_names_that_are_no_field_are_counted_and_not_looked_at() -> None:
    with pytest.raises(Invalid, match="has 2,001 names"):
        _read("cron", **{f"x{number}": 1 for number in range(2_000)}, stauts=1)
