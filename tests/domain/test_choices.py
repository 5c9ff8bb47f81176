"""What there is to choose in a filter, and what was chosen in vain."""

import pytest

from domain.choices import FREE_TEXTS, MAX_VALUES, Unknown, fitting_nothing, unknown, values
from domain.freshness import Moment
from domain.query import TEXT_FILTERS, Query, read_query
from tests.stores.records import server

NOW = 1_777_199_400
MOMENT = Moment(NOW, 7_200)
SERVERS = [
    server("a/x", environment="prod", branch="main"),
    server("a/y", environment="lab", status="failed"),
    server("b/x", environment="a,b"),
]


def query(*given: tuple[str, str]) -> Query:
    return read_query(given, NOW, pages=False)


def test_the_free_texts_are_filters_and_all_but_those_with_fixed_values() -> None:
    fixed = {"status", "pipeline_status", "drift_status", "validation_status"}
    assert {*FREE_TEXTS} == {*TEXT_FILTERS} - fixed


def test_the_values_are_those_that_a_filter_can_ask_for() -> None:
    assert values(SERVERS, "environment") == ["a,b", "lab", "prod"]
    assert values(SERVERS, "branch") == ["main"]
    assert values([server("a/x", environment=word) for word in ("All", "*", "$__all", "", "x")], "environment") == ["x"]
    assert values([], "status") == []


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("prod", []), ("prodd", ["prodd"]), ("prod,prodd,x", ["prodd", "x"]), ("{x,lab}", ["x"]), ("", []), ("x,All", []),
        ("Prod", ["Prod"]), ("prod,", []),
    ],
)  # fmt: skip
def test_unknown_are_the_words_that_no_server_has(given: str, words: list[str]) -> None:
    found = list(unknown(SERVERS, query(("environment", given))))
    assert found == ([Unknown("environment", words, ["a,b", "lab", "prod"], 0)] if words else [])


def test_each_filter_has_its_own_unknown_words_in_one_order() -> None:
    given = [("host", "z"), ("environment", "prod"), ("server_group", "c"), ("status", "unknown"), ("branch", "x")]
    for sent in (given, given[::-1]):
        assert [one.name for one in unknown(SERVERS, query(*sent))] == ["server_group", "host", "branch"]


def test_of_many_values_the_first_are_named() -> None:
    many = [server(f"a/{number:03}") for number in range(MAX_VALUES + 5)]
    (one,) = unknown(many, query(("host", "x")))
    assert (len(one.values), one.values[0], one.more) == (MAX_VALUES, "000", 5)


def test_what_fits_nothing_by_itself_is_told_from_what_fits_nothing_together() -> None:
    given = [("environment", "prod"), ("status", "failed"), ("stale", "true"), ("seen_before", "1d")]
    assert fitting_nothing(SERVERS, query(*given), MOMENT) == {"stale", "seen_before"}
    assert fitting_nothing(SERVERS, query(*given[:2]), MOMENT) == set()
    assert fitting_nothing([], query(*given[:2]), MOMENT) == {"environment", "status"}


@pytest.mark.parametrize("given", ["a,b", "lab,a,b", "{a,b}", "{x}", "x,{x}"])
def test_a_value_that_holds_commas_or_braces_is_known(given: str) -> None:
    servers = [*SERVERS, server("b/y", environment="{x}"), server("b/z", environment="x")]
    assert not list(unknown(servers, query(("environment", given))))
