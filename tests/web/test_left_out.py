"""A reading that leaves something out says so."""

import pytest

from tests.web.api import START, Api

PATHS = ("/history", "/events", "/status/web/web-01/history")


@pytest.fixture
def told(api: Api) -> Api:
    """Four changes of one server, one every hundred seconds."""
    for status in ("synced", "failed", "out_of_sync", "synced"):
        api.pipeline(status=status)
        api.clock.advance(100)
    return api


@pytest.mark.parametrize("path", PATHS)
def test_a_header_says_that_there_are_older_entries(told: Api, path: str) -> None:
    cut = told.get(f"{path}?limit=3")
    assert cut.headers["X-More"] == "true"
    assert told.get(f"{path}?limit=3", if_none_match=cut.headers["ETag"]).headers["X-More"] == "true"
    assert told.get(f"{path}?limit=1&status=synced").headers["X-More"] == "true"
    assert told.get(f"{path}?limit=1&from={START + 200}").headers["X-More"] == "true"


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "query",
    [
        "", "limit=4", "limit=1&event=created", f"limit=2&from={START + 200}", f"limit=1&from={START + 150}&to={START + 250}",
        "status=unknown", "limit=1&source=cron",
    ],
)  # fmt: skip
def test_there_is_none_where_all_that_was_asked_for_is_shown(told: Api, path: str, query: str) -> None:
    """The states in force at the start are no part of what the limit counts."""
    assert "X-More" not in told.get(f"{path}?{query}").headers


def test_the_first_annotation_says_that_older_ones_are_left_out(told: Api) -> None:
    first, *shown = told.get("/events?limit=2").json
    assert shown == told.get("/events").json[-2:]
    assert first == {
        "time": shown[0]["time"],
        "title": "Only the newest 2 are shown",
        "text": "Ask for a shorter time or fewer servers, or raise limit, to 10,000 at most.",
        "tags": "truncated",
    }
    one = told.get("/events?limit=1").json
    assert [row["title"] for row in one] == ["Only the newest is shown", "web/web-01: out_of_sync → synced"]


def test_without_a_limit_more_than_a_thousand_are_told(told: Api) -> None:
    told.pipeline([{"server_group": "g", "host": f"h-{number}", "status": "synced"} for number in range(997)])
    assert told.get("/events").json[0]["title"] == "Only the newest 1,000 are shown"
    assert len(told.get("/events?limit=10000").json) == 1_001
