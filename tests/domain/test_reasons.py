"""Why a server is a problem."""

import itertools

import pytest

from domain.freshness import Moment, computed
from domain.reasons import problems, reasons
from domain.server import STATUSES
from domain.times import epoch
from tests.stores.kinds import NOW
from tests.stores.records import server

MOMENT = Moment(epoch(NOW), 7_200)
LONG_AGO = "2026-04-20T10:30:00Z"


def test_a_server_has_a_reason_exactly_when_it_is_a_problem() -> None:
    for status, validation, pipeline, check in itertools.product(
        STATUSES, ["passed", "failed", "skipped", "unknown"], [*STATUSES, None], [None, NOW, LONG_AGO]
    ):
        one = server(
            "a/x", status=status, validation_status=validation, pipeline_status=pipeline, last_cron_check=check
        )
        assert bool(reasons(one, MOMENT)) == bool(computed(one, MOMENT)["problem"]), one


def test_a_failed_validation_comes_first_with_its_message_and_once() -> None:
    one = server(
        "a/x", status="failed", pipeline_status="failed", validation_status="failed", validation_message="line 3",
        last_pipeline_run=NOW,
    )  # fmt: skip
    assert [(reason.sentence, reason.time, reason.detail) for reason in reasons(one, MOMENT)] == [
        ("Validation failed", NOW, "line 3"),
        ("The last pipeline failed", NOW, ""),
    ]


def test_a_pipeline_that_failed_otherwise_shows_what_it_said() -> None:
    [one] = reasons(server("a/x", status="failed", pipeline_status="failed", validation_message="no route"), MOMENT)
    assert (one.sentence, one.detail) == ("The last pipeline failed", "no route")


def test_a_drift_check_that_fails_is_told_beside_a_pipeline_that_failed() -> None:
    both = server("a/x", status="failed", pipeline_status="failed", drift_status="failed")
    assert [reason.words for reason in reasons(both, MOMENT)] == ["pipeline failed", "drift check failed"]
    assert [reason.words for reason in reasons(server("a/x", status="failed"), MOMENT)] == ["failed"]


def test_drift_names_its_files() -> None:
    [one] = reasons(server("a/x", status="out_of_sync", changed_files=["/a", "/b"]), MOMENT)
    assert (one.kind, one.sentence, one.files) == (
        "out_of_sync",
        "Out of sync: 2 files not as in git, since",
        ["/a", "/b"],
    )
    [one] = reasons(server("a/x", status="out_of_sync"), MOMENT)
    assert one.sentence == "Out of sync: no file was named, since"


@pytest.mark.parametrize(
    ("interval", "detail"),
    [
        (300, "One every 5 minutes; after 10 minutes without one it counts as stale."),
        (None, "It sent no interval; after 2 hours without one it counts as stale."),
    ],
)
def test_silence_says_since_when_and_what_was_expected(interval: int | None, detail: str) -> None:
    [one] = reasons(server("a/x", status="synced", last_cron_check=LONG_AGO, check_interval=interval), MOMENT)
    assert (one.kind, one.time, one.detail) == ("stale", LONG_AGO, detail)


def test_the_worst_server_sorts_first() -> None:
    fleet = [
        server("a/silent", status="synced", last_cron_check=LONG_AGO),
        server("a/unknown"),
        server("a/drift", status="out_of_sync"),
        server("a/failed", status="failed", pipeline_status="failed"),
        server("a/worst", status="failed", pipeline_status="failed", validation_status="failed"),
    ]
    found = problems([*fleet, server("a/good", status="synced")], MOMENT)
    assert [server for server, _ in found] == fleet[::-1]
    assert all(why == reasons(server, MOMENT) for server, why in found)
