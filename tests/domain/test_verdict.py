"""One verdict, and drift, pipeline and validation beside it."""

import itertools
from collections import Counter
from typing import Any

import pytest

from domain.freshness import Moment, computed
from domain.server import STATUSES, Server
from domain.times import epoch
from domain.verdict import KINDS, Axis, axes, groups_worst_first, lasting, verdict, verdicts_by_group, worst_kind
from tests.stores.kinds import NOW
from tests.stores.records import server

MOMENT = Moment(epoch(NOW), 7_200)
LONG_AGO, STALE_SINCE = "2026-04-20T10:30:00Z", "2026-04-20T12:30:01Z"
QUIET = {"fine", "past", "none", "never_checked"}


def good(**fields: Any) -> Server:
    """A server that is well, but for these fields."""
    return server("a/x", **{"status": "synced", "drift_status": "synced", "last_cron_check": NOW, **fields})


def every_server() -> list[Server]:
    """Each mixture of what makes a verdict, whether a report can bring it about or not."""
    said = [*STATUSES, None]
    mixtures = itertools.product(
        STATUSES, said, said, ["passed", "failed", "skipped", "unknown"], [None, NOW, LONG_AGO]
    )
    names = ("status", "pipeline_status", "drift_status", "validation_status", "last_cron_check")
    return [server("a/x", **dict(zip(names, mixture, strict=True))) for mixture in mixtures]


def test_only_a_server_without_a_problem_that_was_checked_is_well() -> None:
    kinds = Counter[str]()
    for one in every_server():
        problem, kind = computed(one, MOMENT)["problem"], verdict(one, MOMENT).kind
        assert (kind == "well") == (problem == 0 and one["last_cron_check"] is not None), one
        assert (kind == "never_checked") == (problem == 0 and one["last_cron_check"] is None), one
        kinds[kind] += 1
    assert kinds.keys() == set(KINDS)


def test_none_of_the_three_looks_wrong_beside_a_verdict_that_is_well() -> None:
    for one in every_server():
        if not computed(one, MOMENT)["problem"]:
            assert {axis.look for axis in axes(one, MOMENT)} <= QUIET, one


@pytest.mark.parametrize(
    ("fields", "words", "also"),
    [
        ({}, "synced", []),
        ({"last_cron_check": None, "drift_status": None}, "deployed, never checked", []),
        ({"last_cron_check": LONG_AGO}, "stale", []),
        ({"status": "unknown"}, "unknown", []),
        ({"status": "out_of_sync", "last_cron_check": LONG_AGO}, "out of sync", ["stale"]),
        ({"pipeline_status": "failed"}, "pipeline failed", []),
        ({"status": "failed", "drift_status": "failed"}, "drift check failed", []),
        ({"status": "failed", "drift_status": None}, "failed", []),
        (
            {"status": "out_of_sync", "pipeline_status": "failed", "validation_status": "failed"},
            "validation failed",
            ["pipeline failed", "out of sync"],
        ),
    ],
)
def test_the_worst_is_said_first_and_the_rest_beside_it(fields: dict[str, Any], words: str, also: list[str]) -> None:
    said = verdict(good(**fields), MOMENT)
    assert (said.words, list(said.also)) == (words, also)


def told(**fields: Any) -> list[tuple[str, str]]:
    return [(axis.look, axis.words) for axis in axes(good(**fields), MOMENT)]


def test_drift_pipeline_and_validation_are_three_things() -> None:
    run = "2026-04-26T10:00:00Z"
    one = good(pipeline_status="failed", validation_status="passed", last_pipeline_run=run)
    assert axes(one, MOMENT) == (
        Axis("Drift", "fine", "synced", NOW),
        Axis("Pipeline", "failed", "failed", run),
        Axis("Validation", "fine", "passed", run),
    )


def test_what_was_never_reported_is_no_fault() -> None:
    assert told() == [("fine", "synced"), ("none", "not reported"), ("none", "not reported")]
    assert told(last_cron_check=None, drift_status=None)[0] == ("never_checked", "never checked")
    assert told(drift_status=None)[0] == ("none", "not reported"), "a record of the first version has no word for it"
    assert told(validation_status="skipped")[2] == ("none", "skipped")


def test_what_a_newer_report_mended_is_past_and_what_nothing_mended_is_not() -> None:
    assert told(drift_status="out_of_sync")[0] == ("past", "out of sync")
    assert told(pipeline_status="out_of_sync")[1] == ("past", "out of sync")
    assert told(status="failed", pipeline_status="failed", drift_status="out_of_sync")[0] == (
        "out_of_sync",
        "out of sync",
    )


def test_a_drift_check_that_is_overdue_says_so_beside_what_it_found() -> None:
    assert told(last_cron_check=LONG_AGO)[0] == ("stale", "stale")
    found = told(last_cron_check=LONG_AGO, drift_status="out_of_sync", status="out_of_sync")
    assert found[0] == ("out_of_sync", "out of sync, stale")


def test_what_holds_now_says_since_when() -> None:
    assert lasting(good(), MOMENT) == []
    assert lasting(good(last_cron_check=LONG_AGO), MOMENT) == [("stale", STALE_SINCE)]
    never = good(
        last_cron_check=None, pipeline_status="failed", last_pipeline_run=LONG_AGO, first_seen="2026-04-01T00:00:00Z"
    )
    assert lasting(never, MOMENT) == [("failed", LONG_AGO), ("never_checked", "2026-04-01T00:00:00Z")]


def test_a_group_is_as_bad_as_its_worst() -> None:
    counts = verdicts_by_group(
        [good(), good(last_cron_check=None), {**good(status="failed"), "server_group": "b"}], MOMENT
    )
    assert counts == {"a": {"well": 1, "never_checked": 1}, "b": {"failed": 1}}
    assert [worst_kind(one) for one in counts.values()] == ["never_checked", "failed"]
    assert worst_kind(Counter()) is None


def test_the_worst_group_comes_first_then_the_one_with_more_problems() -> None:
    def of(group: str, **fields: Any) -> Server:
        return {**good(**fields), "server_group": group}

    fleet = [
        of("a"),
        of("b", last_cron_check=None),
        of("c", status="failed"),
        of("d", status="failed"),
        of("d", status="unknown"),
        of("e", status="out_of_sync"),
    ]
    found = groups_worst_first(fleet, MOMENT)
    assert [group["server_group"] for group in found] == ["d", "c", "e", "b", "a"]
    assert [(group["kind"], group["never_checked"]) for group in found[-2:]] == [("never_checked", 1), ("well", 0)]
