"""A query finds nothing beyond the groups of who asks."""

from dataclasses import replace

import pytest

from domain.freshness import Moment
from domain.query import read_query
from domain.tokens import ANYBODY
from tests.stores.records import server

NOW = 1_777_199_400
MOMENT = Moment(NOW, 7_200)


@pytest.mark.parametrize(
    ("groups", "found"), [((), "abc"), (("a",), "a"), (("?",), "abc"), (("b*", "c"), "bc"), (("x",), "")]
)
def test_nothing_is_found_beyond_the_groups_of_who_asks(groups: tuple[str, ...], found: str) -> None:
    rights = replace(ANYBODY, groups=groups)
    servers = [server("a/x"), server("b/x"), server("c/x")]
    for given_ in ([], [("server_group", "a,b,c")], [("status", "unknown")]):
        query = replace(read_query(given_, NOW, pages=False), rights=rights)
        assert "".join(one["server_group"] for one in servers if query.matches(one, MOMENT)) == found
        assert query.selects_all == (not groups and not given_)
