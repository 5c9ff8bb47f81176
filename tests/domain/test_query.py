"""What a reading selects."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import Invalid
from domain.filters import LOST_PLUS, WHEN
from domain.freshness import Moment, computed
from domain.query import AGES, FILTERS, PAGE, TEXT_FILTERS, read_query
from domain.server import CHOICES, STATUSES, Server
from domain.times import time_text
from tests.stores.records import server

NOW = 1_777_199_400
MOMENT = Moment(NOW, 7_200)

_servers = st.builds(
    server,
    st.sampled_from(["a/x", "a/y", "b/x"]),
    status=st.sampled_from(STATUSES),
    pipeline_status=st.none() | st.sampled_from(STATUSES),
    validation_status=st.sampled_from(["passed", "failed"]),
    environment=st.sampled_from(["prod", "dev", "a,b"]),
    last_cron_check=st.sampled_from([None, "2026-04-26T10:30:00Z", "2026-04-26T08:29:59Z"]),
)


def _is_wanted(given: list[tuple[str, str]], one: Server, *, pages: bool = True) -> bool:
    return read_query(given, NOW, pages=pages).matches(one, MOMENT)


@given(st.integers(0, 10), st.none() | st.integers(1, 30), st.integers(0, 30))
def test_a_page_is_that_part_of_what_was_found_and_pages_make_the_whole(
    size: int, limit: int | None, offset: int
) -> None:
    keys = [f"{group}/{number}" for group in "abc" for number in range(size)]
    parts = {group: {key: server(key) for key in keys if key.startswith(group)} for group in "abc"}
    given_ = [("offset", str(offset))] + ([("limit", str(limit))] if limit else [])
    query = read_query(given_, NOW, pages=True)
    expected = keys[offset:] if limit is None else keys[offset : offset + limit]
    assert [key for part in query.page(parts).values() for key in part] == expected
    assert query.is_paged == (limit is not None or offset > 0)


@given(
    st.sampled_from([name for name in TEXT_FILTERS if name not in CHOICES]),
    st.sets(st.sampled_from(["prod", "dev", "synced", "a", "x", "nope", "none"]), min_size=1),
    _servers,
)
def test_several_values_are_the_same_however_they_are_given(name: str, words: set[str], one: Server) -> None:
    fields: dict[str, Any] = {**one}
    for given_ in ([(name, ",".join(words))], [(name, word) for word in words], [(name, "{" + ",".join(words) + "}")]):
        assert _is_wanted(given_, one) == (fields[name] in words)


_parts = st.lists(st.text("a {}", max_size=3), min_size=1, max_size=6)


@given(st.lists(_parts, min_size=1, max_size=3), _parts)
def test_a_value_with_commas_is_any_run_of_neighbouring_parts(given_: list[list[str]], parts: list[str]) -> None:
    lists, value = [",".join(one) for one in given_], ",".join(parts)
    one = server("a/x", environment=value)
    runs = {
        tuple(inner[start:end])
        for inner in given_
        for start in range(len(inner))
        for end in range(start + 1, len(inner) + 1)
    }
    is_filter = any(part for inner in given_ for part in inner)
    is_wanted = not is_filter or (value != "" and tuple(parts) in runs)
    assert _is_wanted([("environment", "{" + text + "}") for text in lists], one) == (
        is_wanted or value in {"{" + text + "}" for text in lists}  # braces may belong to the value
    )
    if not any(text.startswith("{") and text.endswith("}") for text in lists):
        assert _is_wanted([("environment", text) for text in lists], one) == is_wanted


def test_a_long_list_is_searched_for_a_value_with_commas() -> None:
    """A URL holds 4,000 parts, and these have eight million runs."""
    query = read_query([("environment", "prod, eu," + "x," * 4_000 + "y")], NOW, pages=True)
    assert query.matches(server("a/x", environment="prod, eu"), MOMENT)
    assert query.matches(server("a/x", environment="x,x,x,y"), MOMENT)
    assert not query.matches(server("a/x", environment="eu,x"), MOMENT)


@pytest.mark.parametrize("name", CHOICES)
@pytest.mark.parametrize("form", ["{}", "{{{},nope}}", "nope,{}", "{}x", " {}"])
def test_a_value_that_a_field_cannot_have_is_refused_with_those_that_it_can(name: str, form: str) -> None:
    for word in CHOICES[name]:
        if form == "{}":
            assert not read_query([(name, word)], NOW, pages=True).selects_all
            continue
        with pytest.raises(Invalid) as caught:
            read_query([(name, form.format(word))], NOW, pages=True)
        *others, last = CHOICES[name]
        assert caught.value.fields == {name: f"must be {', '.join(others)} or {last}"}


def test_the_fields_with_a_fixed_list_are_those_of_the_record() -> None:
    assert CHOICES.keys() <= {*TEXT_FILTERS}
    assert CHOICES["status"] == STATUSES
    assert CHOICES["drift_status"] == CHOICES["pipeline_status"] == (*STATUSES, "none")
    assert CHOICES["validation_status"] == ("passed", "failed", "skipped", "unknown")


@given(_servers)
def test_none_finds_the_servers_that_no_such_report_ever_came_about(one: Server) -> None:
    assert _is_wanted([("pipeline_status", "none")], one) == (one["pipeline_status"] is None)
    assert _is_wanted([("pipeline_status", "none,failed")], one) == (one["pipeline_status"] in (None, "failed"))
    assert _is_wanted([("drift_status", "none")], one)
    assert not _is_wanted([("drift_status", "synced")], one)
    assert not _is_wanted([("branch", "none")], one)


@pytest.mark.parametrize(
    "values", [[""], ["*"], ["All"], ["$__all"], ["prod,*"], ["prod", "All"], ["{$__all}"], [","], ["{}"], ["", ""]]
)
def test_the_words_for_all_filter_nothing(values: list[str]) -> None:
    query = read_query([("environment", value) for value in values], NOW, pages=True)
    assert query.selects_all


@pytest.mark.parametrize("text", [",", "{}", "5,*", "*,"])
def test_a_list_is_no_age(text: str) -> None:
    with pytest.raises(Invalid, match="seen_after"):
        read_query([("seen_after", text)], NOW, pages=True)


@given(_servers, st.sampled_from(["true", "1"]), st.sampled_from(["false", "0"]))
def test_a_flag_selects_those_that_have_it_or_not(one: Server, yes: str, no: str) -> None:
    now = computed(one, MOMENT)
    for flag, has_it in (("problem", bool(now["problem"])), ("stale", now["stale"])):
        assert _is_wanted([(flag, yes)], one) is has_it
        assert _is_wanted([(flag, no)], one) is not has_it
        assert _is_wanted([(flag, yes), (flag, no)], one)


def test_all_filters_have_to_fit() -> None:
    one = server("a/x", environment="prod", status="failed")
    assert _is_wanted([("environment", "prod"), ("status", "failed,synced")], one)
    assert not _is_wanted([("environment", "prod"), ("status", "synced")], one)
    assert not _is_wanted([("environment", "Prod")], one)


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
        read_query(given_, NOW, pages=True)
    assert caught.value.fields.keys() == bad
    assert all(name in str(caught.value) for name in (*bad, *FILTERS, *PAGE))


def test_a_name_that_begins_with_an_underscore_is_ignored_and_a_page_only_where_there_are_pages() -> None:
    assert read_query([("_", "1777199400"), ("_limit", "x")], NOW, pages=False).selects_all
    with pytest.raises(Invalid, match="'limit' is no parameter here"):
        read_query([("limit", "1")], NOW, pages=False)


SEEN = "2026-04-26T10:30:00Z"


@pytest.mark.parametrize("field", ["timestamp", "first_seen"])
@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2026-04-26T09:00:00Z", NOW - 5_400),
        ("2026-04-26T09:00:00", NOW - 5_400),
        ("2026-04-26 11:00:00+02:00", NOW - 5_400),
        ("1777194000", NOW - 5_400),
        ("1777194000.0", NOW - 5_400),
        ("1777194000000", NOW - 5_400),
        ("45s", NOW - 45),
        ("15m", NOW - 900),
        ("24h", NOW - 86_400),
        ("7d", NOW - 604_800),
        ("99999999999", 99_999_999_999),  # the last that counts as seconds
        ("999999999999999", 253_402_300_799),  # our times end with the year 9999
        ("100000000000", 100_000_000),
        ("999999999d", 0),
    ],
)
def test_an_age_is_bounded_in_each_form_its_bounds_included(field: str, text: str, seconds: int) -> None:
    name = {"timestamp": "seen", "first_seen": "created"}[field]
    at, earlier, later = (
        server("a/x", **{"timestamp": "", "first_seen": "", field: time})
        for time in (time_text(seconds), time_text(seconds - 1), time_text(seconds + 1))
    )
    assert [_is_wanted([(f"{name}_{side}", text)], at) for side in ("after", "before")] == [True, True]
    if earlier != at:
        assert [_is_wanted([(f"{name}_{side}", text)], earlier) for side in ("after", "before")] == [False, True]
    if later != at:
        assert [_is_wanted([(f"{name}_{side}", text)], later) for side in ("after", "before")] == [True, False]


@pytest.mark.parametrize("text", ["2026-04-26T10:30:00.5Z", "2026-04-26T10:30:00.5", "1777199400.5", "1777199400500"])
def test_a_fraction_of_a_second_counts(text: str) -> None:
    one, next_one = server("a/x", timestamp=SEEN), server("a/x", timestamp="2026-04-26T10:30:01Z")
    assert [_is_wanted([("seen_after", text)], each) for each in (one, next_one)] == [False, True]
    assert [_is_wanted([("seen_before", text)], each) for each in (one, next_one)] == [True, False]


@given(st.integers(0, 20), st.integers(0, 20), st.integers(0, 20), st.integers(0, 20))
def test_ages_and_other_filters_have_to_fit_all(seen: int, created: int, after: int, before: int) -> None:
    one = server("a/x", timestamp=time_text(NOW + seen), first_seen=time_text(NOW + created))
    given_ = [("seen_after", str(NOW + after)), ("created_before", str(NOW + before)), ("host", "x")]
    assert _is_wanted(given_, one) == (seen >= after and created <= before)
    assert not _is_wanted([*given_, ("environment", "nope")], one)


@pytest.mark.parametrize("name", AGES)
def test_an_empty_age_filters_nothing(name: str) -> None:
    assert read_query([(name, "")], NOW, pages=True).selects_all
    assert not read_query([(name, "0")], NOW, pages=True).selects_all


@pytest.mark.parametrize("name", AGES)
@pytest.mark.parametrize(
    "text", ["yesterday", "7w", "-1", "1.5h", "2026-04-26", "2026-02-30T00:00:00Z", "1h,2h", " 1h"]
)
def test_an_age_that_is_no_time_is_refused_with_the_forms_there_are(name: str, text: str) -> None:
    with pytest.raises(Invalid, match=f"'{name}' must be an RFC 3339 time, epoch seconds or milliseconds") as caught:
        read_query([(name, text)], NOW, pages=True)
    assert caught.value.fields == {name: WHEN}


@pytest.mark.parametrize("name", AGES)
@pytest.mark.parametrize("text", ["2026-04-26T10:30:00 01:00", "2026-04-26 10:30:00.5 14:00"])
def test_a_plus_that_a_url_made_a_space_is_told_how_to_write_it(name: str, text: str) -> None:
    with pytest.raises(Invalid, match="%2B") as caught:
        read_query([(name, text)], NOW, pages=True)
    assert caught.value.fields == {name: LOST_PLUS}


@pytest.mark.parametrize("name", AGES)
def test_an_age_that_is_given_twice_is_refused(name: str) -> None:
    with pytest.raises(Invalid) as caught:
        read_query([(name, "1h"), (name, "1h")], NOW, pages=True)
    assert caught.value.fields == {name: WHEN}


@pytest.mark.parametrize(
    ("lower", "upper"),
    [("seen_after", "seen_before"), ("created_after", "created_before"), ("created_after", "seen_before")],
)
def test_a_pair_of_ages_that_no_server_can_match_is_refused_and_names_both(lower: str, upper: str) -> None:
    for earlier, later in (("2h", "1h"), ("1777199400", "1777199401"), ("1777199400.2", "1777199400.8")):
        with pytest.raises(Invalid, match=f"'{lower}' is later than {upper}, so no server can match") as caught:
            read_query([(lower, later), (upper, earlier)], NOW, pages=True)
        assert caught.value.fields.keys() == {lower}
    assert not read_query([(lower, "2h"), (upper, "1h")], NOW, pages=True).selects_all
    assert _is_wanted([(lower, str(NOW)), (upper, str(NOW))], server("a/x"))


def test_a_server_may_be_seen_long_after_it_was_created() -> None:
    one = server("a/x", first_seen="2026-01-01T00:00:00Z")
    assert _is_wanted([("seen_after", "1h"), ("created_before", "30d")], one)


@pytest.mark.parametrize(
    "given_", [[], ["nope"], ["host", "host"], [""], ["stale"], ["changed_files"], ["host,branch"]]
)
def test_the_field_whose_values_are_asked_for_is_one_of_the_text_filters(given_: list[str]) -> None:
    parameters = [*(("field", name) for name in given_), ("x", "1")]
    with pytest.raises(Invalid) as caught:
        read_query(parameters, NOW, pages=False, needs_field=True)
    assert caught.value.fields.keys() == {"field", "x"}
    assert all(name in caught.value.fields["field"] for name in TEXT_FILTERS)
    assert "created_before, field." in str(caught.value)


def test_a_field_is_taken_where_it_is_asked_for_only() -> None:
    query = read_query([("field", "branch"), ("host", "x")], NOW, pages=False, needs_field=True)
    assert (query.field, query.matches(server("a/x"), MOMENT)) == ("branch", True)
    with pytest.raises(Invalid, match="'field' is no parameter here"):
        read_query([("field", "branch")], NOW, pages=False)
