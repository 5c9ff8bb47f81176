"""What is counted, of a fleet and of each group."""

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.freshness import Moment, computed
from domain.query import TEXT_FILTERS, read_query
from domain.server import STATUSES, Server
from domain.summary import group_rows, summarize, value_rows
from tests.stores.records import server

MOMENT = Moment(1_777_199_400, 7_200)

_servers = st.builds(
    server,
    st.sampled_from(["a/x", "a/y", "b/x", "A/z", "a-b/x"]),
    status=st.sampled_from(STATUSES),
    pipeline_status=st.none() | st.sampled_from(STATUSES),
    validation_status=st.sampled_from(["passed", "failed"]),
    changed_files=st.lists(st.sampled_from("abc"), unique=True),
    timestamp=st.sampled_from(["2026-04-26T10:30:00Z", "2026-04-26T10:30:01Z", "2025-12-31T23:59:59Z"]),
    last_cron_check=st.sampled_from([None, "2026-04-26T10:30:00Z", "2026-04-26T08:30:00Z", "2026-04-26T08:29:59Z"]),
    check_interval=st.sampled_from([None, 60, 3_600]),
)


def _by_hand(servers: Sequence[Server]) -> dict[str, Any]:
    count: dict[str, Any] = dict.fromkeys(
        ("total", *STATUSES, "stale", "problem", "validation_failed", "changed_files"), 0
    )
    count["last_report"] = None
    for one in servers:
        now = computed(one, MOMENT)
        count["total"] += 1
        count[one["status"]] += 1
        count["stale"] += 1 if now["stale"] else 0
        count["problem"] += now["problem"]
        count["validation_failed"] += 1 if one["validation_status"] == "failed" else 0
        count["changed_files"] += len(one["changed_files"])
        if count["last_report"] is None or one["timestamp"] > count["last_report"]:
            count["last_report"] = one["timestamp"]
    return count


@given(st.lists(_servers))
def test_a_summary_is_what_counting_by_hand_gives(servers: list[Server]) -> None:
    groups = {one["server_group"] for one in servers}
    assert summarize(iter(servers), MOMENT) == {**_by_hand(servers), "groups": len(groups)}


@given(st.lists(_servers))
def test_each_group_is_what_counting_it_by_hand_gives_and_they_are_sorted(servers: list[Server]) -> None:
    rows = group_rows(iter(servers), MOMENT)
    assert [row["server_group"] for row in rows] == sorted({one["server_group"] for one in servers})
    for row in rows:
        counts: dict[str, Any] = {**row}
        name, _worst = counts.pop("server_group"), counts.pop("worst")
        assert counts == _by_hand([one for one in servers if one["server_group"] == name])


@pytest.mark.parametrize(("worse", "better"), list(combinations(["failed", "out_of_sync", "unknown", "synced"], 2)))
def test_the_worst_of_a_group_is_failed_then_out_of_sync_then_unknown_then_synced(worse: str, better: str) -> None:
    fleet = [server("a/x", status=better), server("a/y", status=worse), server("b/x", status=better)]
    assert [row["worst"] for row in group_rows(fleet, MOMENT)] == [worse, better]


def test_a_stale_server_is_counted_and_a_problem_though_its_status_is_synced() -> None:
    fleet = [
        server("a/x", status="synced", last_cron_check="2026-04-26T08:29:59Z"),
        server("a/y", status="synced", last_cron_check="2026-04-26T08:30:00Z"),
        server("b/x", status="synced"),
    ]
    assert (summarize(fleet, MOMENT)["stale"], summarize(fleet, MOMENT)["problem"]) == (1, 1)
    rows = [(row["stale"], row["problem"], row["worst"]) for row in group_rows(fleet, MOMENT)]
    assert rows == [(1, 1, "synced"), (0, 0, "synced")]


def test_nothing_is_a_summary_with_every_key_and_no_group() -> None:
    empty = summarize([], MOMENT)
    assert empty.keys() == summarize([server("a/x")], MOMENT).keys()
    assert empty["last_report"] is None
    assert {number for name, number in empty.items() if name != "last_report"} == {0}
    assert group_rows([], MOMENT) == []


@given(st.lists(_servers), st.sampled_from(TEXT_FILTERS))
def test_each_value_is_counted_and_its_filter_finds_as_many(servers: list[Server], field: str) -> None:
    rows = value_rows(servers, field)
    values = [row["value"] for row in rows]
    assert values == sorted({*values})
    for row in rows:
        query = read_query([(field, row["value"])], MOMENT.now, pages=False)
        assert row["servers"] == sum(query.matches(one, MOMENT) for one in servers) > 0
    fields: list[Any] = [*servers]
    assert sum(row["servers"] for row in rows) == sum(one[field] != "" for one in fields)
