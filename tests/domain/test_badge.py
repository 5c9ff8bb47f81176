"""A badge is as good as the worst that it stands for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.badge import badge
from domain.freshness import Moment, computed
from domain.server import STATUSES, Server
from tests.stores.records import server

MOMENT = Moment(1_777_199_400, 7_200)

_servers = st.builds(
    server,
    st.just("web/n1"),
    status=st.sampled_from(STATUSES),
    pipeline_status=st.none() | st.sampled_from(STATUSES),
    validation_status=st.sampled_from(["passed", "failed"]),
    last_cron_check=st.sampled_from([None, "2026-04-26T10:30:00Z", "2026-04-26T08:29:59Z"]),
)


@given(st.lists(_servers, min_size=1, max_size=5))
def test_it_is_green_only_where_none_has_a_problem(servers: list[Server]) -> None:
    is_green = badge("web", servers, MOMENT)["color"] == "brightgreen"
    assert is_green == (not any(computed(one, MOMENT)["problem"] for one in servers))


@pytest.mark.parametrize(
    ("status", "color"),
    [("synced", "brightgreen"), ("out_of_sync", "orange"), ("failed", "red"), ("unknown", "lightgrey")],
)
def test_each_status_has_its_word_and_its_colour(status: str, color: str) -> None:
    shown = badge("web", [server("web/n1", status=status)], MOMENT)
    assert (shown["message"], shown["color"]) == (status.replace("_", " "), color)
    assert shown["isError"] == (color == "red")
