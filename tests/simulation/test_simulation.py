"""200 servers over 30 days: each reading is what the list of reports says."""

import itertools
from collections import Counter

import pytest

from tests.simulation import plain
from tests.simulation.fleet import END, happenings
from tests.simulation.look import Month
from tests.simulation.plain import Fields
from tests.simulation.play import play


@pytest.fixture(scope="module")
def month(tmp_path_factory: pytest.TempPathFactory) -> Month:
    return play(tmp_path_factory.mktemp("simulation"), happenings())


def assert_as_recomputed(month: Month, kind: str) -> None:
    for reading in month.of(kind):
        expected = reading.expected(month.at(reading.moment), reading.moment)
        assert reading.status == (200 if expected is not None else 404), reading.where()
        assert reading.body == expected, reading.where()


def test_the_month_holds_what_it_should_try(month: Month) -> None:
    """Or else all the rest proves little."""
    now = [plain.rows(month.at(moment), moment) for moment in month.moments]
    rows = [row for board in now for row in board]
    assert 10_000 <= len(month.happenings) <= 16_000
    assert len({one.key for one in month.happenings}) == 200
    assert len(month.moments) >= 38
    assert {row["status"] for row in rows} == {"synced", "out_of_sync", "failed", "unknown"}
    assert any(row["status"] == "synced" and row["pipeline_status"] == "failed" and row["problem"] for row in rows)
    assert any(row["status"] == "synced" and row["validation_status"] == "failed" for row in rows)
    assert any(row["status"] == "synced" and row["stale"] and row["validation_status"] == "passed" for row in rows)
    assert any(row["last_cron_check"] is None for row in now[-1])
    assert any(row["last_pipeline_run"] is None for row in now[-1])
    assert any(row["last_cron_check"] and row["check_interval"] is None and not row["stale"] for row in rows)
    changes = Counter(entry["event"] for entry in month.at(month.moments[-1]).entries)
    assert changes["deleted"] >= 8
    assert changes["created"] > 200
    assert changes["changed"] > 1_000


def test_a_server_turns_stale_in_one_second_and_no_other(month: Month) -> None:
    """Read in the second before, in the last one and in the first one in which it is stale."""
    boards = {reading.moment: reading.body for reading in month.of("board")}
    for last in month.boundaries:
        before, at, after = (
            {(row["server_group"], row["host"]) for row in boards[last + second] if row["stale"]}
            for second in (-1, 0, 1)
        )
        assert after - at, plain.text(last)
        assert before


def test_the_board_is_what_the_reports_say(month: Month) -> None:
    assert_as_recomputed(month, "board")


def test_a_board_that_a_client_keeps_while_it_is_told_that_nothing_changed_is_still_true(month: Month) -> None:
    assert_as_recomputed(month, "kept board")


def test_the_summary_counts_the_board(month: Month) -> None:
    assert_as_recomputed(month, "summary")


def test_the_groups_count_the_board(month: Month) -> None:
    assert_as_recomputed(month, "groups")


def test_the_values_of_a_field_are_those_of_the_board(month: Month) -> None:
    assert_as_recomputed(month, "values")


def test_one_group_is_its_part_of_the_board(month: Month) -> None:
    assert_as_recomputed(month, "group")


def test_a_filter_leaves_what_it_names_on_every_route(month: Month) -> None:
    assert_as_recomputed(month, "filters")


def test_a_page_is_a_part_of_what_the_filter_leaves(month: Month) -> None:
    for reading in month.of("pages"):
        rows, total = reading.expected(month.at(reading.moment), reading.moment)
        assert (reading.body, reading.total) == (rows, str(total)), reading.where()


def test_one_server_is_what_was_reported_about_it(month: Month) -> None:
    assert_as_recomputed(month, "server")
    assert {reading.status for reading in month.of("server")} == {200, 404}


def with_revisions(month: Month, moment: int, rows: list[Fields]) -> list[Fields]:
    """The contract says of revisions only that they grow: the n-th entry has the n-th of the whole history."""
    whole = next(reading for reading in month.of("whole history") if reading.moment == min(moment, END))
    return [{**row, "revision": whole.body[row["revision"] - 1]["revision"]} for row in rows]


def test_the_whole_history_is_what_the_reports_changed(month: Month) -> None:
    for reading in month.of("whole history"):
        revisions = [row["revision"] for row in reading.body]
        expected = reading.expected(month.at(reading.moment), reading.moment)
        assert len(expected) < 10_000
        assert [{**row, "revision": number} for number, row in enumerate(reading.body, 1)] == expected, reading.where()
        assert all(before < after for before, after in itertools.pairwise(revisions)), reading.where()


@pytest.mark.parametrize("kind", ["history", "server history"])
def test_a_part_of_the_history_begins_with_what_was_in_force(month: Month, kind: str) -> None:
    for reading in month.of(kind):
        expected = reading.expected(month.at(reading.moment), reading.moment)
        assert reading.status == 200, reading.where()
        assert reading.body == with_revisions(month, reading.moment, expected), reading.where()


def test_what_is_too_old_has_gone_but_the_state_that_it_left_is_still_told(month: Month) -> None:
    for reading in month.of("aged"):
        expected = reading.expected(month.at(reading.moment), reading.moment)
        assert reading.body == with_revisions(month, reading.moment, expected), reading.where()
    assert len(month.of("aged")[0].body) < len(month.at(END).entries)


def test_events_are_the_statuses_that_changed_and_the_servers_that_came_and_went(month: Month) -> None:
    for reading in month.of("events"):
        expected = reading.expected(month.at(reading.moment), reading.moment)
        assert len(reading.body) == len(expected), reading.where()
        for mark, entry in zip(reading.body, expected, strict=True):
            assert mark.keys() == {"time", "title", "text", "tags"}
            if entry is None:
                assert (mark["tags"], mark["time"]) == ("truncated", reading.body[1]["time"]), reading.where()
                continue
            assert mark["time"] == plain.text(entry["time"]), reading.where()
            assert f"{entry['server_group']}/{entry['host']}" in mark["title"], reading.where()
            assert entry["status"] in mark["title"], reading.where()


def test_the_wide_rows_count_the_servers_as_they_were_then(month: Month) -> None:
    assert_as_recomputed(month, "steps")
