"""Who caused what the history tells: on every route and page, and in entries of an earlier version."""

from pathlib import Path

import pytest

from stores.json_file.command import main as compact
from tests.web.api import ADMIN_TOKEN, Api
from tests.web.tokens import as_admin, make, sent


@pytest.fixture
def told(tmp_path: Path) -> Api:
    """Alice deploys, then a check finds a drift, a bot with a token finds it gone, and the server is deleted."""
    api = Api(tmp_path, admin_token=ADMIN_TOKEN)
    api.pipeline(updated_by="alice", commit_sha="abc")
    api.clock.advance(1)
    api.cron(changed_files=["/etc/a"])
    api.clock.advance(1)
    bot = make(api, label="drift-bot", scopes=["cron"])["token"]
    report = {"server_group": "web", "host": "web-01", "status": "synced"}
    assert api.request("POST", "/status/cron", headers=sent(bot), json=report).status == 200
    api.clock.advance(1)
    api.delete("/status/web/web-01")
    return api


WHO = ["alice", "cron", "drift-bot", "api"]


def test_no_one_is_named_for_what_another_found(told: Api) -> None:
    for path in ("/history", "/status/web/web-01/history"):
        assert [row["updated_by"] for row in told.get(path).json] == WHO
        assert [row["event"] for row in told.get(f"{path}?updated_by=alice").json] == ["created"]
        assert [row["updated_by"] for row in told.get(f"{path}?from=2s&to=2s").json] == ["alice", "cron"]
    by = [row["text"].rpartition("by ")[2] for row in told.get("/events").json]
    assert by == ["alice (pipeline)", "cron", "drift-bot (cron)", "api"]
    page = told.get("/servers/web/web-01", accept="text/html").response.text
    for words in ("pipeline, by alice", ">cron<", "cron, by drift-bot", ">api<"):
        assert words in page.replace(", commit", "<"), words


def test_who_deletes_with_a_token_is_named(told: Api) -> None:
    told.pipeline(updated_by="alice")
    assert as_admin(told, "DELETE", "/status/web/web-01").status == 204
    assert told.get("/history").json[-1]["updated_by"] == "admin"
    assert told.get("/events").json[-1]["text"].endswith("by admin (api)")


def test_a_report_that_names_nobody_is_by_its_source_alone(tmp_path: Path) -> None:
    api = Api(tmp_path)
    api.pipeline()
    api.legacy(server="old")
    assert [row["updated_by"] for row in api.get("/history").json] == ["pipeline", "legacy"]
    assert [row["text"].rpartition(", ")[2] for row in api.get("/events").json] == ["by pipeline", "by legacy"]


def test_entries_of_an_earlier_version_are_read_by_the_same_rule(told: Api) -> None:
    assert compact(["compact", str(told.store)]) == 0  # so that all entries stand in the history's file
    file = told.store.with_name("status.json.history")
    text = file.read_text()
    for who in WHO:
        text = text.replace(f'"updated_by":"{who}"', '"updated_by":"alice"')
    file.write_text(text.replace('"source":"api"', '"source":"file"'))
    api = Api(told.store.parent)
    api.clock.advance(3)
    rows = api.get("/history").json
    assert [row["updated_by"] for row in rows] == ["alice", "cron", "drift-bot", "file"]
    assert [row["event"] for row in api.get("/history?updated_by=file,cron").json] == ["changed", "deleted"]
    assert [row["updated_by"] for row in api.get("/history?from=1s&to=1s").json] == ["cron", "drift-bot"]
    assert [row["text"].rpartition("by ")[2] for row in api.get("/events").json][-1] == "file"
