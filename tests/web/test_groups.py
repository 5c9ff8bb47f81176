"""GET /groups."""

import pytest

from tests.web.api import Api


@pytest.fixture
def fleet(api: Api) -> Api:
    """Four servers in three groups, sent in another order than they are shown in."""
    api.pipeline([
        {"server_group": "web-a", "host": "n1", "status": "synced", "server_type": "nginx"},
        {"server_group": "web", "host": "n2", "status": "failed", "server_type": "nginx", "changed_files": ["/a"]},
        {"server_group": "web", "host": "n1", "status": "synced", "validation_status": "failed"},
        {"server_group": "log", "host": "r1", "status": "unknown", "server_type": "rsyslog"},
    ])  # fmt: skip
    return api


def test_each_group_is_a_flat_row_of_counts_with_its_worst_status(fleet: Api) -> None:
    rows = fleet.get("/groups").json
    assert [(row["server_group"], row["total"], row["worst"]) for row in rows] == [
        ("log", 1, "unknown"), ("web", 2, "failed"), ("web-a", 1, "synced"),
    ]  # fmt: skip
    assert rows[1] == {
        "server_group": "web", "total": 2, "synced": 1, "out_of_sync": 0, "failed": 1, "unknown": 0, "stale": 0,
        "problem": 2, "validation_failed": 1, "changed_files": 1, "worst": "failed", "last_report": "2026-04-26T10:30:00Z",
    }  # fmt: skip


def test_the_groups_of_nothing_are_an_empty_array(api: Api) -> None:
    answer = api.get("/groups")
    assert (answer.status, answer.json) == (200, [])


def test_the_groups_add_up_to_the_summary(fleet: Api) -> None:
    summary, rows = fleet.get("/summary").json, fleet.get("/groups").json
    assert summary.pop("groups") == len(rows)
    assert summary.pop("last_report") == max(row["last_report"] for row in rows)
    assert summary == {name: sum(row[name] for row in rows) for name in summary}


def test_groups_follow_every_change(fleet: Api) -> None:
    assert len(fleet.get("/groups").json) == 3
    fleet.delete("/status/log/r1")
    fleet.cron(server_group="aaa", host="z", changed_files=["/x"])
    rows = [(row["server_group"], row["worst"]) for row in fleet.get("/groups").json]
    assert rows == [("aaa", "out_of_sync"), ("web", "failed"), ("web-a", "synced")]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("server_type=nginx", [("web", 1), ("web-a", 1)]),
        ("server_group=web,log", [("log", 1), ("web", 2)]),
        ("problem=true&host=n1", [("web", 1)]),
        ("status=", [("log", 1), ("web", 2), ("web-a", 1)]),
        ("environment=nope", []),
        ("_=1&created_before=0s", [("log", 1), ("web", 2), ("web-a", 1)]),
    ],
)
def test_filters_choose_what_is_counted(fleet: Api, query: str, expected: list[tuple[str, int]]) -> None:
    rows = fleet.get(f"/groups?{query}").json
    assert [(row["server_group"], row["total"]) for row in rows] == expected


@pytest.mark.parametrize("query", ["limit=1", "offset=0", "group=web", "stale=2", "seen_before=soon"])
def test_what_is_no_filter_is_refused(fleet: Api, query: str) -> None:
    answer = fleet.get(f"/groups?{query}")
    assert answer.status == 400
    assert list(answer.json["fields"]) == [query.partition("=")[0]]
    assert "Allowed are: server_group, server_type" in answer.json["error"]
