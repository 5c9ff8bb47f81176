"""What is computed from a record when it is read."""

import itertools

import pytest

from domain.freshness import computed
from domain.server import STATUSES, Status
from tests.storage.records import server


@pytest.mark.parametrize(("status", "code"), [("synced", 0), ("out_of_sync", 1), ("failed", 2), ("unknown", 3)])
def test_each_status_has_its_number(status: str, code: int) -> None:
    assert computed(server("a/x", status=status))["status_code"] == code


def test_the_files_are_counted() -> None:
    assert computed(server("a/x", changed_files=["/a", "/b"]))["changed_files_count"] == 2
    assert computed(server("a/x"))["changed_files_count"] == 0


@pytest.mark.parametrize(
    ("status", "validation", "pipeline"),
    list(itertools.product(STATUSES, ["passed", "failed", "skipped", "unknown"], [*STATUSES, None])),
)
def test_all_that_is_not_proven_good_is_a_problem(status: Status, validation: str, pipeline: Status | None) -> None:
    record = server("a/x", status=status, validation_status=validation, pipeline_status=pipeline)
    is_good = status == "synced" and validation != "failed" and pipeline != "failed"
    assert computed(record)["problem"] == (0 if is_good else 1)


def test_a_drift_check_does_not_hide_a_pipeline_that_failed() -> None:
    assert computed(server("a/x", status="synced", drift_status="synced", pipeline_status="failed"))["problem"] == 1
