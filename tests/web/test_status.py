"""GET /status and below."""

import gzip

import pytest

from domain.server import FIELDS
from tests.web.api import Api


@pytest.fixture
def fleet(api: Api) -> Api:
    """Four servers in three groups."""
    api.pipeline([
        {"server_group": "web-a", "host": "n1", "status": "synced", "server_type": "nginx", "environment": "prod", "branch": "main"},
        {"server_group": "web", "host": "n2", "status": "failed", "server_type": "nginx", "environment": "lab"},
        {"server_group": "web", "host": "n1", "status": "synced", "server_type": "nginx", "environment": "prod"},
        {"server_group": "log", "host": "r1", "status": "unknown", "server_type": "rsyslog", "environment": "prod"},
    ])  # fmt: skip
    return api


def hosts(api: Api, path: str) -> list[str]:
    answer = api.get(path)
    assert answer.status == 200, answer.json
    return [f"{row['server_group']}/{row['host']}" for row in answer.json]


ALL = ["log/r1", "web/n1", "web/n2", "web-a/n1"]


def test_an_empty_board_is_an_empty_array(api: Api) -> None:
    answer = api.get("/status")
    assert (answer.status, answer.json) == (200, [])


def test_rows_are_sorted_by_group_then_host(fleet: Api) -> None:
    assert hosts(fleet, "/status") == ALL


def test_every_row_is_flat_and_has_every_key_in_one_type(fleet: Api) -> None:
    fleet.cron(check_interval=60)
    rows = fleet.get("/status").json
    expected = (
        *(name for name in FIELDS if name != "changed_files"),
        "changed_files_count",
        "status_code",
        "stale",
        "problem",
    )
    for row in rows:
        assert tuple(row) == expected
    for key in expected:
        types = {type(row[key]) for row in rows} - {type(None)}
        assert len(types) <= 1, key
        assert types <= {str, int, bool}, key


def test_a_group_shows_its_rows_and_an_unknown_one_is_404(fleet: Api) -> None:
    assert hosts(fleet, "/status/web") == ["web/n1", "web/n2"]
    assert hosts(fleet, "/status/web?status=unknown") == []
    answer = fleet.get("/status/nobody")
    assert (answer.status, answer.json["code"]) == (404, "not_found")


def test_a_server_shows_its_changed_files_and_an_unknown_one_is_404(fleet: Api) -> None:
    assert fleet.record("/status/web/n1")["changed_files"] == []
    assert fleet.get("/status/web/nobody").status == 404
    assert fleet.get("/status/web/..%2f..%2fetc").status == 404


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("server_type=nginx", ["web/n1", "web/n2", "web-a/n1"]),
        ("server_type=nginx&environment=prod", ["web/n1", "web-a/n1"]),
        ("status=failed,unknown", ["log/r1", "web/n2"]),
        ("status=failed&status=unknown", ["log/r1", "web/n2"]),
        ("status={failed,unknown}", ["log/r1", "web/n2"]),
        ("status=%7Bfailed%2Cunknown%7D", ["log/r1", "web/n2"]),
        ("status={failed}", ["web/n2"]),
        ("status=", ALL), ("status=*", ALL), ("status=All", ALL), ("status=$__all", ALL), ("status={}", ALL),
        ("host=n1", ["web/n1", "web-a/n1"]), ("branch=main", ["web-a/n1"]),
        ("server_group=web", ["web/n1", "web/n2"]), ("pipeline_status=failed", ["web/n2"]),
        ("drift_status=synced", []), ("drift_status=none", ALL), ("pipeline_status=none", []), ("validation_status=unknown", ALL), ("project_name=x", []), ("repo_name=x", []),
        ("updated_by=pipeline", ALL), ("commit_sha=x", []),
        ("problem=true", ["log/r1", "web/n2"]), ("problem=1", ["log/r1", "web/n2"]), ("problem=false", ["web/n1", "web-a/n1"]),
        ("problem=0,1", ALL), ("problem=", ALL), ("stale=true", []), ("stale=0", ALL), ("_=123&_cache=no", ALL),
        ("limit=2", ALL[:2]), ("offset=3", ALL[3:]), ("limit=2&offset=1", ALL[1:3]), ("limit=10000", ALL), ("offset=9", []),
        ("limit=1&status=synced", ["web/n1"]),
    ],
)  # fmt: skip
def test_filters_select(fleet: Api, query: str, expected: list[str]) -> None:
    assert hosts(fleet, f"/status?{query}") == expected


@pytest.mark.parametrize(
    "query",
    ["stattus=failed", "limit=0", "limit=10001", "limit=x", "limit=", "limit=1&limit=2", "limit=-1", "limit=²", "offset=-1",
     "offset=x", "problem=maybe", "stale=2", "Status=failed", "limit=" + "9" * 5_000, "problem=True",
     "seen_after=yesterday", "seen_before=7w", "created_after=-1", "created_before=1h&created_before=1h",
     "created_after=1h&created_before=2h", "status=sinced", "status=SYNCED", "pipeline_status=green", "drift_status=null",
     "validation_status=fail", "status=failed,syncd", "seen_after=2026-04-26T10:30:00+02:00"],
)  # fmt: skip
def test_what_is_no_filter_is_refused_and_the_allowed_ones_are_named(fleet: Api, query: str) -> None:
    answer = fleet.get(f"/status?{query}")
    assert answer.status == 400
    assert list(answer.json["fields"]) == [query.partition("=")[0]]
    assert "server_group, server_type, environment" in answer.json["error"]


def test_the_values_of_a_fixed_list_and_the_plus_of_a_zone_are_named(fleet: Api) -> None:
    for path in ("/status", "/status/web", "/summary", "/groups", "/values", "/"):
        answer = fleet.get(f"{path}?status=syncd&drift_status=x&created_before=2026-04-26T10:30:00+02:00&field=host")
        assert (answer.status, answer.json["code"]) == (400, "invalid")
        assert answer.json["fields"]["status"] == "must be synced, out_of_sync, failed or unknown"
        assert answer.json["fields"]["drift_status"] == "must be synced, out_of_sync, failed, unknown or none"
        assert "%2B" in answer.json["fields"]["created_before"]


def test_what_was_deployed_and_never_checked_can_be_asked_for(fleet: Api) -> None:
    fleet.cron(server_group="web", host="n1")
    fleet.cron(server_group="new", host="n1")
    assert hosts(fleet, "/status?drift_status=none") == ["log/r1", "web/n2", "web-a/n1"]
    assert hosts(fleet, "/status?pipeline_status=none") == ["new/n1"]
    assert hosts(fleet, "/status?drift_status=none,synced&pipeline_status=synced") == ["web/n1", "web-a/n1"]


@pytest.mark.parametrize("query", ["prod, eu", "{prod, eu}", "lab,prod, eu", "x&environment=prod, eu", "{x,prod, eu}"])
def test_a_value_with_a_comma_is_found_on_every_route(fleet: Api, query: str) -> None:
    fleet.pipeline(server_group="eu", host="n1", environment="prod, eu", updated_by="Doe, Jane")
    query = f"environment={query}&updated_by=Doe, Jane"
    assert hosts(fleet, f"/status?{query}") == hosts(fleet, f"/status/eu?{query}") == ["eu/n1"]
    assert fleet.get(f"/summary?{query}").json["total"] == 1
    assert [row["server_group"] for row in fleet.get(f"/groups?{query}").json] == ["eu"]
    assert fleet.get(f"/values?field=host&{query}").json == [{"value": "n1", "servers": 1}]
    assert [row["host"] for row in fleet.get(f"/history?{query}").json] == ["n1"]
    assert [row["title"] for row in fleet.get(f"/events?{query}").json] == ["eu/n1: created, synced"]
    board = fleet.get(f"/?{query}", accept="text/html").response.text
    assert "/servers/eu/n1" in board
    assert "/servers/web/n1" not in board


def test_ages_select_by_the_last_report_and_by_the_first(fleet: Api) -> None:
    fleet.clock.advance(3_600)
    fleet.cron(server_group="web", host="n1")
    fleet.cron(server_group="new", host="n1")
    for query, expected in (
        ("seen_after=59m", ["new/n1", "web/n1"]),
        ("seen_before=1h", ["log/r1", "web/n2", "web-a/n1"]),
        ("created_after=1h", ["log/r1", "new/n1", "web/n1", "web/n2", "web-a/n1"]),
        ("created_after=3599s", ["new/n1"]),
        ("created_before=2026-04-26T10:30:00Z&seen_after=2026-04-26T13:30:00%2B02:00", ["web/n1"]),
        ("created_before=1777199400000&seen_after=1777203000.0", ["web/n1"]),
        ("seen_before=1777199399", []),
        ("seen_after=&created_before=", ["log/r1", "new/n1", "web/n1", "web/n2", "web-a/n1"]),
    ):
        assert hosts(fleet, f"/status?{query}") == expected, query
    assert hosts(fleet, "/status/web?seen_after=59m") == ["web/n1"]
    assert fleet.get("/summary?seen_after=59m").json["total"] == 2
    assert [row["server_group"] for row in fleet.get("/groups?seen_after=59m").json] == ["new", "web"]


def test_the_total_of_a_page_is_in_a_header_only_when_asked(fleet: Api) -> None:
    assert fleet.get("/status?limit=1").headers["X-Total-Count"] == "4"
    assert fleet.get("/status?offset=9&status=synced").headers["X-Total-Count"] == "2"
    assert "X-Total-Count" not in fleet.get("/status").headers


@pytest.mark.parametrize("accept", ["application/json;q=0.9,text/plain", "text/html", "image/png", ""])
def test_a_reading_is_json_whatever_accept_says(fleet: Api, accept: str) -> None:
    assert fleet.get("/status", accept=accept).headers["Content-Type"] == "application/json"


@pytest.mark.parametrize(
    "path", ["/status", "/status/web", "/status/web/n1", "/summary", "/groups", "/status?status=failed"]
)
def test_a_reading_is_compressed_when_asked_and_varies(fleet: Api, path: str) -> None:
    plain, packed = fleet.get(path), fleet.get(path, accept_encoding="gzip, deflate")
    assert "Content-Encoding" not in plain.headers
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.response.data) == plain.response.data
    assert plain.headers["Vary"] == packed.headers["Vary"] == "Accept-Encoding"
    assert "Content-Encoding" not in fleet.get(path, accept_encoding="gzip;q=0, br").headers


@pytest.mark.parametrize(
    "path", ["/status", "/status/web", "/status/web/n1", "/summary", "/groups", "/status?status=failed"]
)
def test_only_if_none_match_is_answered_304_and_a_report_ends_it(fleet: Api, path: str) -> None:
    tag = fleet.get(path).headers["ETag"]
    unchanged = fleet.get(path, if_none_match=tag)
    assert (unchanged.status, unchanged.response.data, unchanged.headers["ETag"]) == (304, b"", tag)
    assert fleet.get(path, if_modified_since="Sun, 26 Apr 2037 10:30:00 GMT").status == 200
    assert fleet.get(path, range="bytes=0-1").status == 200

    fleet.clock.advance(1)
    fleet.cron([{"server_group": "web", "host": host, "status": "failed"} for host in ("n1", "n2")])

    assert fleet.get(path, if_none_match=tag).status == 200


def test_head_gives_the_headers_of_get(fleet: Api) -> None:
    head, get = fleet.request("HEAD", "/status"), fleet.get("/status")
    assert (head.status, head.response.data) == (200, b"")
    assert head.headers["Content-Length"] == get.headers["Content-Length"]


def test_rows_follow_every_change(fleet: Api) -> None:
    assert hosts(fleet, "/status") == ALL
    fleet.delete("/status/web/n1")
    assert hosts(fleet, "/status") == ["log/r1", "web/n2", "web-a/n1"]
    fleet.pipeline(server_group="aaa", host="z")
    assert hosts(fleet, "/status") == ["aaa/z", "log/r1", "web/n2", "web-a/n1"]
    fleet.cron(server_group="aaa", host="z", changed_files=["/x"])
    assert fleet.get("/status").json[0]["changed_files_count"] == 1


def test_a_deleted_server_leaves_every_reading(fleet: Api) -> None:
    answer = fleet.delete("/status/log/r1")
    assert (answer.status, answer.response.data) == (204, b"")
    assert fleet.delete("/status/log/r1").status == 404
    assert fleet.get("/status/log/r1").status == 404
    assert fleet.get("/status/log").status == 404
    assert fleet.get("/summary").json["total"] == 3
    assert b"r1" not in fleet.store.read_bytes()


def test_a_server_deleted_and_seen_again_starts_anew(fleet: Api) -> None:
    fleet.delete("/status/web/n1")
    fleet.clock.advance(60)
    answer = fleet.cron(server_group="web", host="n1")
    assert answer.status == 201
    assert (answer.json["first_seen"], answer.json["server_type"]) == ("2026-04-26T10:31:00Z", "unknown")
