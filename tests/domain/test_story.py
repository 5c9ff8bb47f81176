"""The history of a server as people read it."""

from typing import Any, cast

import pytest

from domain.history import Entry
from domain.story import HOUR, runs, steps
from domain.times import epoch, time_text
from tests.stores.kinds import NOW

START = epoch(NOW)


def entry(seconds: int = 0, status: str = "synced", event: str = "changed", **fields: Any) -> Entry:
    blank = {"changed_files": [], "validation_status": "passed", "commit_sha": "abc"}
    return cast(Entry, {"time": time_text(START + seconds), "status": status, "event": event, **blank, **fields})


def told(*entries: Entry, count: int = 6, lasting: Any = ()) -> list[tuple[str | None, int, int]]:
    return [(run.kind, run.first, run.hours) for run in runs(entries, START, count, lasting)]


def test_nothing_is_known_of_hours_before_the_first_report_and_after_a_deletion() -> None:
    assert told() == [(None, 0, 6)]
    assert told(entry(2 * HOUR, event="created"), entry(4 * HOUR, event="deleted")) == [
        (None, 0, 2),
        ("well", 2, 2),
        (None, 4, 2),
    ]


def test_an_hour_shows_the_worst_that_was_in_force_within_it() -> None:
    fleeting = [entry(-5), entry(2 * HOUR + 10, "failed"), entry(2 * HOUR + 20, "synced")]
    assert told(*fleeting) == [("well", 0, 2), ("failed", 2, 1), ("well", 3, 3)]
    # What ends within an hour still counts for it.
    assert told(entry(-5, "out_of_sync"), entry(HOUR + 1)) == [("out_of_sync", 0, 2), ("well", 2, 4)]
    # What ends at its first second does not.
    assert told(entry(-5, "out_of_sync"), entry(HOUR)) == [("out_of_sync", 0, 1), ("well", 1, 5)]


def test_an_hour_in_which_validation_failed_is_not_well() -> None:
    assert told(entry(-5), entry(2 * HOUR, validation_status="failed"), entry(3 * HOUR)) == [
        ("well", 0, 2),
        ("failed", 2, 1),
        ("well", 3, 3),
    ]


def test_what_holds_now_holds_since_its_time_to_the_end() -> None:
    since = [("stale", time_text(START + 4 * HOUR + 1)), ("never_checked", time_text(START - 9 * HOUR))]
    assert told(entry(-5), entry(5 * HOUR, "failed"), lasting=since) == [
        ("never_checked", 0, 4),
        ("stale", 4, 1),
        ("failed", 5, 1),
    ]
    assert told(entry(-5), lasting=[("stale", time_text(START + 99 * HOUR))])[-1] == ("stale", 5, 1), "a clock ahead"


def test_each_run_says_when_it_began() -> None:
    assert [run.time for run in runs([entry(2 * HOUR, event="created")], START, 4)] == [
        time_text(START),
        time_text(START + 2 * HOUR),
    ]


def test_each_step_tells_what_it_changed_the_newest_first() -> None:
    entries = [
        entry(event="created", changed_files=["/a", "/b"]),
        entry(1, validation_status="failed", commit_sha="def", changed_files=["/b", "/c"]),
        entry(2, "failed", validation_status="failed", commit_sha="def", changed_files=["/c", "/b"]),
        entry(3, event="deleted"),
    ]
    newest_first = steps(entries, is_whole=True)
    assert [step.entry["event"] for step in newest_first] == ["deleted", "changed", "changed", "created"]
    assert newest_first[2].changes == [
        "validation passed → failed",
        "commit abc → def",
        "1 new file",
        "1 gone",
    ]
    assert [list(step.files) for step in newest_first] == [[], [], ["/b", "/c"], ["/a", "/b"]]


def test_a_part_of_a_history_takes_its_first_entry_only_to_compare() -> None:
    [one] = steps([entry(commit_sha="abc"), entry(1, commit_sha="")], is_whole=False)
    assert one.changes == ["commit abc → none"]


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        (["/a"], ["/a", "/b", "/c"], ["2 new files"]),
        (["/a", "/b"], ["/b"], ["1 file gone"]),
        (["/a", "/b"], [], ["2 files gone"]),
        (["/a", "/b", "/c", "/d"], [f"/{number}" for number in range(60)], ["60 new files", "4 gone"]),
        (["/a", "/b"], ["/b", "/a"], []),
    ],
)
def test_files_that_came_are_told_as_well_as_those_that_went(
    before: list[str], after: list[str], words: list[str]
) -> None:
    [one] = steps([entry(changed_files=before), entry(1, changed_files=after)], is_whole=False)
    assert list(one.changes) == words


@pytest.mark.parametrize(
    ("source", "who", "words"),
    [
        ("pipeline", "alice", "pipeline, by alice"), ("pipeline", "pipeline", "pipeline"), ("pipeline", "", "pipeline"),
        ("cron", "cron", "cron"), ("cron", "drift-bot", "cron, by drift-bot"), ("api", "ops", "api, by ops"),
    ],
)  # fmt: skip
def test_a_step_says_where_it_came_from_and_who_caused_it(source: str, who: str, words: str) -> None:
    [one] = steps([entry(source=source, updated_by=who)], is_whole=True)
    assert one.cause == words
