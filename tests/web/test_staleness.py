"""A green row whose drift checks stopped turns into a problem by time alone, in every reading."""

from pathlib import Path
from typing import Any

import pytest

from config import Settings
from tests.web.api import START, Answer, Api

FRESH, STALE = 600, 601  # seconds after a check that runs every 300
READINGS = ["/status", "/status/web", "/status/web/n1", "/summary", "/groups", "/status?host=n1", "/summary?host=n1"]


@pytest.fixture
def fleet(api: Api) -> Api:
    """Three synced servers: one checked every 300 seconds, one checked now and then, one never."""
    api.cron([
        {"server_group": "web", "host": "n1", "check_interval": 300, "changed_files": []},
        {"server_group": "web", "host": "n2", "changed_files": []},
    ])  # fmt: skip
    api.pipeline(server_group="log", host="r1")
    return api


def at(api: Api, seconds: float, path: str, **headers: str) -> Answer:
    """A reading so many seconds after the reports."""
    api.clock.now = START + seconds
    answer = api.get(path, **headers)
    assert answer.status in {200, 304}, answer.response.data
    return answer


def hosts(answer: Answer) -> list[str]:
    return [row["host"] for row in answer.json]


def stale_and_problem(reading: Any) -> tuple[int, int]:
    """The sums over a reading, whichever it is."""
    rows = reading if isinstance(reading, list) else [reading]
    return sum(row["stale"] for row in rows), sum(row["problem"] for row in rows)


@pytest.mark.parametrize("path", READINGS)
def test_a_synced_server_becomes_a_problem_when_its_checks_stop(fleet: Api, path: str) -> None:
    for seconds, expected in ((0, 0), (FRESH, 0), (STALE, 1)):
        assert stale_and_problem(at(fleet, seconds, path).json) == (expected, expected), seconds


def test_without_an_interval_it_takes_as_long_as_the_setting_says(fleet: Api, tmp_path: Path) -> None:
    assert hosts(at(fleet, 7_200, "/status?stale=true")) == ["n1"]
    assert hosts(at(fleet, 7_201, "/status?stale=true")) == ["n1", "n2"]
    strict = Api(tmp_path, stale_after=60)
    assert hosts(at(strict, 60, "/status?stale=true")) == []
    assert hosts(at(strict, 61, "/status?stale=true")) == ["n2"]
    assert hosts(at(strict, 10**8, "/status?stale=false")) == ["r1"]


def test_the_filters_follow_the_time(fleet: Api) -> None:
    for seconds, stale in ((FRESH, []), (STALE, ["n1"])):
        for flag in ("stale", "problem"):
            assert hosts(at(fleet, seconds, f"/status?{flag}=true")) == stale
            assert sorted(hosts(at(fleet, seconds, f"/status?{flag}=false")) + stale) == ["n1", "n2", "r1"]
            assert at(fleet, seconds, f"/summary?{flag}=1").json["total"] == len(stale)
            assert len(at(fleet, seconds, f"/groups?{flag}=1").json) == len(stale)


@pytest.mark.parametrize("path", READINGS)
def test_nothing_changed_is_answered_until_a_server_turns_stale_and_not_after(fleet: Api, path: str) -> None:
    first = at(fleet, 0, path)
    tag = first.headers["ETag"]
    for seconds in (1, 300, FRESH):
        assert at(fleet, seconds, path, if_none_match=tag).status == 304
        assert at(fleet, seconds, path).response.data == first.response.data
    after = at(fleet, STALE, path, if_none_match=tag)
    assert (after.status, after.headers["ETag"] != tag) == (200, True)
    assert at(fleet, 7_200, path, if_none_match=after.headers["ETag"]).status == 304


@pytest.mark.parametrize("path", READINGS)
def test_the_next_check_makes_a_server_fresh_again(fleet: Api, path: str) -> None:
    stale = at(fleet, STALE, path)
    assert fleet.cron(server_group="web", host="n1").json["stale"] is False
    again = fleet.get(path, if_none_match=stale.headers["ETag"])
    assert (again.status, stale_and_problem(again.json)) == (200, (0, 0))
    assert stale_and_problem(at(fleet, STALE + FRESH, path).json) == (0, 0)
    assert stale_and_problem(at(fleet, STALE + STALE, path).json) == (1, 1)


@pytest.mark.parametrize("path", READINGS)
def test_a_deployment_is_no_check_and_leaves_a_server_stale(fleet: Api, path: str) -> None:
    at(fleet, STALE, path)
    answer = fleet.pipeline(server_group="web", host="n1").json
    assert (answer["stale"], answer["problem"]) == (True, 1)
    assert stale_and_problem(fleet.get(path).json) == (1, 1)


@pytest.mark.parametrize("path", READINGS)
def test_a_clock_that_jumps_takes_the_staleness_with_it(fleet: Api, path: str) -> None:
    before = at(fleet, FRESH, path)
    for seconds, expected in ((STALE, 1), (FRESH, 0), (STALE, 1), (-60, 0), (STALE, 1), (0, 0)):
        assert stale_and_problem(at(fleet, seconds, path).json) == (expected, expected), seconds
    assert at(fleet, 10, path, if_none_match=before.headers["ETag"]).status == 304
    assert stale_and_problem(at(fleet, 10**11, path).json)[0] > 0


@pytest.mark.parametrize("path", READINGS)
@pytest.mark.parametrize("start", [-61, -(10**6), -2 * 10**6])
def test_silence_counts_from_the_moment_to_which_a_clock_that_was_ahead_is_put_right(
    fleet: Api, path: str, start: int
) -> None:
    for seconds, expected in ((0, 0), (FRESH, 0), (STALE, 1)):
        assert stale_and_problem(at(fleet, start + seconds, path).json) == (expected, expected), seconds


def test_the_board_of_a_browser_says_stale_in_the_status_cell(fleet: Api) -> None:
    fresh, stale = (at(fleet, seconds, "/", accept="text/html").response.text for seconds in (FRESH, STALE))
    cell = '<span class="status stale">stale</span></td>'
    assert cell not in fresh
    assert stale.count(cell) == 1
    assert "<title>0 problems of 3 " in fresh
    assert "<title>1 problem of 3 " in stale


def test_a_file_with_a_time_that_cannot_be_is_refused_and_not_a_crash(fleet: Api, tmp_path: Path) -> None:
    fleet.get("/status")
    content = fleet.store.read_bytes()
    assert b'"last_cron_check":"2026-04-26T' in content
    other = tmp_path / "other"
    other.mkdir()
    (other / "status.json").write_bytes(
        content.replace(b'"last_cron_check":"2026-04-26T', b'"last_cron_check":"2026-13-26T')
    )
    answer = Api(other).get("/status")
    assert answer.status == 503
    assert "last_cron_check" in answer.json["error"]


def test_the_default_of_the_setting_is_two_hours() -> None:
    assert Settings().stale_after == 7_200
