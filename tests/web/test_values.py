"""GET /values."""

import gzip

import pytest

from domain.query import TEXT_FILTERS
from tests.web.api import Api


@pytest.fixture
def fleet(api: Api) -> Api:
    """Three servers in two groups; one was never checked, one never deployed."""
    api.pipeline([
        {"server_group": "web", "host": "n2", "status": "failed", "environment": "prod, eu", "branch": "main"},
        {"server_group": "web", "host": "n1", "status": "synced", "environment": "lab"},
    ])  # fmt: skip
    api.cron(server_group="log", host="n1")
    api.cron(server_group="web", host="n1")
    return api


def values(api: Api, query: str) -> list[tuple[str, int]]:
    answer = api.get(f"/values?{query}")
    assert answer.status == 200, answer.json
    assert all(list(row) == ["value", "servers"] for row in answer.json)
    return [(row["value"], row["servers"]) for row in answer.json]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("field=server_group", [("log", 1), ("web", 2)]),
        ("field=host", [("n1", 2), ("n2", 1)]),
        ("field=environment", [("lab", 1), ("prod, eu", 1), ("unknown", 1)]),
        ("field=status", [("failed", 1), ("synced", 2)]),
        ("field=drift_status", [("none", 1), ("synced", 2)]),
        ("field=pipeline_status", [("failed", 1), ("none", 1), ("synced", 1)]),
        ("field=branch", [("main", 1)]),  # an empty one filters nothing, so it is no choice
        ("field=environment&server_group=web", [("lab", 1), ("prod, eu", 1)]),
        ("field=host&field=host&_=1", None),
        ("field=host&environment=prod, eu&stale=false&seen_after=1h", [("n2", 1)]),
        ("field=host&environment=nope", []),
        ("field=host&environment=&status=All", [("n1", 2), ("n2", 1)]),
    ],
)
def test_each_value_is_a_row_with_the_number_of_its_servers(
    fleet: Api, query: str, expected: list[tuple[str, int]] | None
) -> None:
    if expected is None:
        assert fleet.get(f"/values?{query}").status == 400
    else:
        assert values(fleet, query) == expected


@pytest.mark.parametrize("field", TEXT_FILTERS)
def test_every_text_filter_is_a_field_and_nothing_has_no_values(api: Api, field: str) -> None:
    assert values(api, f"field={field}") == []


@pytest.mark.parametrize(
    ("query", "bad"),
    [
        ("", {"field"}), ("field=", {"field"}), ("field=envronment", {"field"}), ("field=host,branch", {"field"}),
        ("field=stale", {"field"}), ("feild=host", {"field", "feild"}), ("field=host&limit=1", {"limit"}),
        ("field=host&status=syncd", {"status"}), ("field=All", {"field"}),
    ],
)  # fmt: skip
def test_what_is_no_field_or_filter_is_refused_and_the_fields_are_named(fleet: Api, query: str, bad: set[str]) -> None:
    answer = fleet.get(f"/values?{query}")
    assert answer.status == 400
    assert answer.json["fields"].keys() == bad
    if "field" in bad:
        assert answer.json["fields"]["field"] == f"must be {', '.join(TEXT_FILTERS[:-1])} or commit_sha"


def test_values_follow_every_change(fleet: Api) -> None:
    tag = fleet.get("/values?field=host").headers["ETag"]
    assert fleet.get("/values?field=host", if_none_match=tag).status == 304
    fleet.delete("/status/web/n2")
    fleet.pipeline(server_group="a", host="n0")
    assert fleet.get("/values?field=host", if_none_match=tag).status == 200
    assert values(fleet, "field=host") == [("n0", 1), ("n1", 2)]


def test_values_are_compressed_when_asked(fleet: Api) -> None:
    answer = fleet.get("/values?field=host", accept_encoding="gzip")
    assert gzip.decompress(answer.response.data) == fleet.get("/values?field=host").response.data
