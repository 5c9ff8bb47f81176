"""What counts as a change, and what its entry says."""

from typing import Any

import pytest

from domain.history import Source, attributed, change_entry, deletion_entry
from domain.server import Server
from tests.storage.records import NOW, server

LATER = "2026-04-26T12:00:00Z"


def _before(**fields: Any) -> Server:
    return server("web/web-01", revision=4, status="synced", changed_files=["/etc/a", "/etc/b"], **fields)


def _after(**fields: Any) -> Server:
    return server("web/web-01", **{**_before(), "revision": 5, "timestamp": LATER, **fields})


@pytest.mark.parametrize(
    "heartbeat",
    [
        {},
        {"changed_files": ["/etc/b", "/etc/a"]},
        {"changed_files": ["/etc/b", "/etc/a", "/etc/b"]},
        {"validation_message": "other words", "branch": "next", "updated_by": "somebody", "environment": "prod"},
        {"last_cron_check": LATER, "drift_status": "synced", "check_interval": 60},
    ],
)
def test_a_heartbeat_leaves_no_entry(heartbeat: dict[str, Any]) -> None:
    assert change_entry(_before(), _after(**heartbeat), "cron") is None


@pytest.mark.parametrize(
    "change",
    [
        {"status": "failed"},
        {"validation_status": "failed"},
        {"commit_sha": "def5678"},
        {"changed_files": ["/etc/a"]},
        {"changed_files": ["/etc/a", "/etc/b", "/etc/c"]},
        {"changed_files": []},
    ],
)
def test_a_change_leaves_the_state_after_it_and_the_status_before(change: dict[str, Any]) -> None:
    after = _after(environment="prod", server_type="nginx", updated_by="ci", **change)
    assert change_entry(_before(), after, "pipeline") == {
        "revision": 5, "time": LATER, "server_group": "web", "host": "web-01", "server_type": "nginx",
        "environment": "prod", "source": "pipeline", "event": "changed", "from_status": "synced",
        "status": after["status"], "changed_files": after["changed_files"],
        "validation_status": after["validation_status"], "commit_sha": after["commit_sha"], "updated_by": "ci",
        "actor": "",
    }  # fmt: skip


def test_a_creation_comes_from_no_status() -> None:
    entry = change_entry(None, _after(status="unknown"), "legacy")
    assert entry
    assert (entry["event"], entry["from_status"], entry["status"]) == ("created", None, "unknown")
    assert (entry["revision"], entry["time"], entry["source"]) == (5, LATER, "legacy")


def test_a_deletion_keeps_the_last_state_with_its_own_revision_and_time() -> None:
    last = _before(commit_sha="abc", validation_status="passed")
    entry = deletion_entry(last, 9, LATER)
    assert (entry["event"], entry["source"], entry["revision"], entry["time"]) == ("deleted", "api", 9, LATER)
    assert (entry["from_status"], entry["status"]) == ("synced", "synced")
    assert (entry["commit_sha"], entry["validation_status"]) == ("abc", "passed")
    assert (entry["server_group"], entry["host"], entry["changed_files"]) == ("web", "web-01", ["/etc/a", "/etc/b"])
    assert last["timestamp"] == NOW


@pytest.mark.parametrize(
    ("source", "actor", "who"),
    [
        ("pipeline", "", "alice"), ("pipeline", "ci", "alice"), ("legacy", "", "alice"), ("legacy", "old", "alice"),
        ("cron", "", "cron"), ("cron", "drift-bot", "drift-bot"), ("api", "", "api"), ("api", "ops", "ops"),
    ],
)  # fmt: skip
def test_an_entry_names_who_caused_it(source: Source, actor: str, who: str) -> None:
    before, after = _before(updated_by="alice"), _after(updated_by="alice", status="failed")
    for entry in (change_entry(before, after, source, actor), change_entry(None, after, source, actor)):
        assert entry
        assert (entry["updated_by"], entry.get("actor")) == (who, actor)
        assert attributed({**entry, "updated_by": "alice"}) == entry  # as an earlier version stored it
        assert attributed(entry) is entry


def test_a_deletion_names_who_deleted() -> None:
    assert deletion_entry(_before(updated_by="alice"), 9, LATER)["updated_by"] == "api"
    assert deletion_entry(_before(updated_by="alice"), 9, LATER, "ops")["updated_by"] == "ops"


def test_an_entry_without_an_actor_of_another_source_names_the_source() -> None:
    old: Any = {**deletion_entry(_before(updated_by="alice"), 9, LATER), "updated_by": "alice", "source": "file"}
    del old["actor"]
    assert attributed(old)["updated_by"] == "file"
    assert old["updated_by"] == "alice"  # what a store hands out is shared
