"""What a reading selects and sums up."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import Invalid
from domain.freshness import computed
from domain.query import FILTERS, PAGE, TEXT_FILTERS, read_query, summarize
from domain.server import STATUSES, Server
from tests.storage.records import server

_servers = st.builds(
    server,
    st.sampled_from(["a/x", "a/y", "b/x"]),
    status=st.sampled_from(STATUSES),
    pipeline_status=st.none() | st.sampled_from(STATUSES),
    validation_status=st.sampled_from(["passed", "failed"]),
    environment=st.sampled_from(["prod", "dev", "a,b"]),
    changed_files=st.lists(st.sampled_from("abc"), unique=True),
    timestamp=st.sampled_from(["2026-04-26T10:30:00Z", "2026-04-26T10:30:01Z", "2025-12-31T23:59:59Z"]),
)


def _is_wanted(given: list[tuple[str, str]], one: Server, *, pages: bool = True) -> bool:
    return read_query(given, pages=pages).matches(one)


@given(st.lists(_servers))
def test_a_summary_is_what_counting_by_hand_gives(servers: list[Server]) -> None:
    count = dict.fromkeys(("total", *STATUSES, "stale", "problem", "validation_failed", "changed_files"), 0)
    groups, last = set[str](), None
    for one in servers:
        now = computed(one)
        count["total"] += 1
        count[one["status"]] += 1
        count["stale"] += 1 if now["stale"] else 0
        count["problem"] += now["problem"]
        count["validation_failed"] += 1 if one["validation_status"] == "failed" else 0
        count["changed_files"] += len(one["changed_files"])
        groups.add(one["server_group"])
        if last is None or one["timestamp"] > last:
            last = one["timestamp"]
    assert summarize(iter(servers)) == {**count, "groups": len(groups), "last_report": last}


def test_a_summary_of_nothing_has_every_key_too() -> None:
    empty = summarize([])
    assert empty.keys() == summarize([server("a/x")]).keys()
    assert empty["last_report"] is None
    assert {number for name, number in empty.items() if name != "last_report"} == {0}


@given(st.integers(0, 30), st.none() | st.integers(1, 30), st.integers(0, 30))
def test_a_page_is_that_part_of_what_was_found_and_pages_make_the_whole(
    size: int, limit: int | None, offset: int
) -> None:
    servers = {f"a/{number:02}": server(f"a/{number:02}") for number in range(size)}
    given_ = [("offset", str(offset))] + ([("limit", str(limit))] if limit else [])
    query = read_query(given_, pages=True)
    expected = list(servers)[offset:] if limit is None else list(servers)[offset : offset + limit]
    assert list(query.page(servers)) == expected
    assert query.is_paged == (limit is not None or offset > 0)


@given(
    st.sampled_from(TEXT_FILTERS),
    st.sets(st.sampled_from(["prod", "dev", "synced", "a", "x", "nope"]), min_size=1),
    _servers,
)
def test_several_values_are_the_same_however_they_are_given(name: str, words: set[str], one: Server) -> None:
    fields: dict[str, Any] = {**one}
    for given_ in ([(name, ",".join(words))], [(name, word) for word in words], [(name, "{" + ",".join(words) + "}")]):
        assert _is_wanted(given_, one) == (fields[name] in words)


@pytest.mark.parametrize(
    "values", [[""], ["*"], ["All"], ["$__all"], ["prod,*"], ["prod", "All"], ["{$__all}"], [","], ["{}"], ["", ""]]
)
def test_the_words_for_all_filter_nothing(values: list[str]) -> None:
    query = read_query([("environment", value) for value in values], pages=True)
    assert query.selects_all


@given(_servers, st.sampled_from(["true", "1"]), st.sampled_from(["false", "0"]))
def test_a_flag_selects_those_that_have_it_or_not(one: Server, yes: str, no: str) -> None:
    is_problem = bool(computed(one)["problem"])
    assert _is_wanted([("problem", yes)], one) is is_problem
    assert _is_wanted([("problem", no)], one) is not is_problem
    assert _is_wanted([("problem", yes), ("problem", no)], one)
    assert not _is_wanted([("stale", yes)], one)


def test_all_filters_have_to_fit() -> None:
    one = server("a/x", environment="prod", status="failed")
    assert _is_wanted([("environment", "prod"), ("status", "failed,synced")], one)
    assert not _is_wanted([("environment", "prod"), ("status", "synced")], one)
    assert not _is_wanted([("status", "Failed")], one)


@pytest.mark.parametrize(
    ("given_", "bad"),
    [
        ([("enviroment", "prod")], {"enviroment"}),
        ([("problem", "yes")], {"problem"}),
        ([("stale", "true,maybe")], {"stale"}),
        ([("limit", "0")], {"limit"}),
        ([("limit", "10001")], {"limit"}),
        ([("limit", "")], {"limit"}),
        ([("limit", "1"), ("limit", "2")], {"limit"}),
        ([("limit", "٣")], {"limit"}),
        ([("limit", "1" * 10_000)], {"limit"}),
        ([("offset", "-1")], {"offset"}),
        ([("offset", "1.5")], {"offset"}),
        ([("x", "1"), ("y", "2"), ("limit", "x"), ("host", "a")], {"x", "y", "limit"}),
    ],
)
def test_every_bad_parameter_is_named_and_so_are_the_allowed_ones(given_: list[tuple[str, str]], bad: set[str]) -> None:
    with pytest.raises(Invalid) as caught:
        read_query(given_, pages=True)
    assert caught.value.fields.keys() == bad
    assert all(name in str(caught.value) for name in (*bad, *FILTERS, *PAGE))


def test_a_name_that_begins_with_an_underscore_is_ignored_and_a_page_only_where_there_are_pages() -> None:
    assert read_query([("_", "1777199400"), ("_limit", "x")], pages=False).selects_all
    with pytest.raises(Invalid, match="'limit' is no parameter here"):
        read_query([("limit", "1")], pages=False)
