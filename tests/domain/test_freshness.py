"""What is computed from a record when it is read."""

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.freshness import TIMES, Moment, computed, holds_until
from domain.kinds import SERVER
from domain.server import STATUSES, Server, Status
from domain.times import epoch, time_text
from tests.stores.kinds import NOW
from tests.stores.records import server

MOMENT = Moment(epoch(NOW), 7_200)


@pytest.mark.parametrize(("status", "code"), [("synced", 0), ("out_of_sync", 1), ("failed", 2), ("unknown", 3)])
def test_each_status_has_its_number(status: str, code: int) -> None:
    assert computed(server("a/x", status=status), MOMENT)["status_code"] == code


def test_the_files_are_counted() -> None:
    assert computed(server("a/x", changed_files=["/a", "/b"]), MOMENT)["changed_files_count"] == 2
    assert computed(server("a/x"), MOMENT)["changed_files_count"] == 0


@pytest.mark.parametrize(
    ("status", "validation", "pipeline", "check"),
    list(
        itertools.product(
            STATUSES,
            ["passed", "failed", "skipped", "unknown"],
            [*STATUSES, None],
            [None, "2026-04-26T08:30:00Z", "2026-04-26T08:29:59Z"],
        )
    ),
)
def test_all_that_is_not_proven_good_is_a_problem(
    status: Status, validation: str, pipeline: Status | None, check: str | None
) -> None:
    record = server("a/x", status=status, validation_status=validation, pipeline_status=pipeline, last_cron_check=check)
    is_stale = check == "2026-04-26T08:29:59Z"
    is_good = status == "synced" and validation != "failed" and pipeline != "failed" and not is_stale
    assert computed(record, MOMENT)["problem"] == (0 if is_good else 1)
    assert computed(record, MOMENT)["stale"] is is_stale


def test_a_drift_check_does_not_hide_a_pipeline_that_failed() -> None:
    one = server("a/x", status="synced", drift_status="synced", pipeline_status="failed", last_cron_check=NOW)
    assert computed(one, MOMENT)["problem"] == 1


@pytest.mark.parametrize(
    ("check_interval", "stale_after", "silence"),
    [
        (None, 7_200, 7_200),
        (None, 60, 60),
        (None, 31_536_000, 31_536_000),
        (1, 7_200, 60),
        (29, 7_200, 60),
        (30, 7_200, 60),
        (31, 7_200, 62),
        (300, 7_200, 600),
        (86_400, 60, 172_800),
        (31_536_000, 7_200, 63_072_000),
    ],
)
def test_a_server_is_stale_one_second_after_two_of_its_intervals_and_not_before(
    check_interval: int | None, stale_after: int, silence: int
) -> None:
    one = server("a/x", last_cron_check=NOW, check_interval=check_interval)
    for seconds, is_stale in ((-1, False), (0, False), (silence - 1, False), (silence, False), (silence + 1, True)):
        assert computed(one, Moment(epoch(NOW) + seconds, stale_after))["stale"] is is_stale, seconds


@given(st.sampled_from([None, 1, 31_536_000]), st.integers(0, 253_402_300_799))
def test_a_server_that_never_had_a_drift_check_is_never_stale(check_interval: int | None, now: int) -> None:
    one = server("a/x", last_pipeline_run=NOW, check_interval=check_interval)
    assert not computed(one, Moment(now, 60))["stale"]
    assert holds_until([one], Moment(now, 60)) == math.inf


_START = epoch(NOW)
_fleets = st.lists(
    st.builds(
        lambda ago, interval: server(
            "a/x", last_cron_check=None if ago is None else time_text(_START - ago), check_interval=interval
        ),
        st.none() | st.integers(-100, 400),  # also in the future: the clock was set back
        st.sampled_from([None, 1, 30, 31, 60, 150]),
    ),
    max_size=6,
)


@given(_fleets, st.integers(60, 300))
def test_an_answer_holds_until_the_first_second_in_which_time_alone_changes_it(
    fleet: list[Server], stale_after: int
) -> None:
    def shown(now: int) -> list[bool]:
        return [computed(one, Moment(now, stale_after))["stale"] for one in fleet]

    at_first = shown(_START)
    searched = range(_START, _START + 100 + 300 + 2)  # the longest silence after the latest check
    change = next((second for second in searched if shown(second) != at_first), math.inf)
    assert holds_until(iter(fleet), Moment(_START, stale_after)) == change


@given(st.lists(st.integers(0, 10**6), min_size=1), st.integers(60, 10**6))
def test_of_many_servers_the_first_that_turns_stale_counts(checks: list[int], stale_after: int) -> None:
    fleet = [server("a/x", last_cron_check=time_text(_START - ago)) for ago in checks]
    until = holds_until(fleet, Moment(_START, stale_after))
    assert until == min((_START - ago + stale_after + 1 for ago in checks if ago <= stale_after), default=math.inf)


@pytest.mark.parametrize("field", TIMES)
def test_a_time_that_lies_ahead_is_found_and_brought_back_and_nothing_else(field: str) -> None:
    ahead = server("a/x", **{"last_cron_check": "2020-01-01T00:00:00Z", field: "2027-01-01T00:00:00Z"})
    assert SERVER.latest(ahead) == "2027-01-01T00:00:00Z"
    assert SERVER.brought_back(ahead, "2026-12-01T00:00:00Z") == {**ahead, field: "2026-12-01T00:00:00Z"}
    assert SERVER.latest(server("a/x")) == NOW
    assert SERVER.brought_back(server("a/x"), NOW) == server("a/x")
