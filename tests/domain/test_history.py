"""What counts as a change, and what its entry says."""

from typing import Any

import pytest

from domain.history import Source, attributed, change_entry, deletion_entry, file_entries
from domain.server import Server
from tests.stores.kinds import NOW
from tests.stores.records import server

SOON, LATER = "2026-04-26T11:00:00Z", "2026-04-26T12:00:00Z"


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


def test_the_entries_of_a_file_are_what_leads_from_the_last_entries_to_its_servers() -> None:
    """In the order of their revisions, stamped now; those that agree leave none."""
    last = (("same", NOW), ("other", LATER), ("gone", NOW))
    created = [change_entry(None, server(f"a/{host}", timestamp=time), "cron") for host, time in last]
    entries = [*filter(None, created), deletion_entry(server("a/again"), 5, LATER)]
    servers = {
        "a/same": server("a/same"), "a/other": server("a/other", status="failed", updated_by="me"),
        "a/again": server("a/again"), "b/new": server("b/new", timestamp=NOW),
    }  # fmt: skip
    found = file_entries(servers, entries, 9, SOON, is_upgraded=False)
    assert [(one["revision"], one["host"], one["event"], one["from_status"], one["time"]) for one in found] == [
        (10, "other", "changed", "unknown", LATER), (11, "gone", "deleted", "unknown", SOON),
        (12, "again", "created", None, LATER), (13, "new", "created", None, SOON),
    ]  # fmt: skip
    assert {(one["source"], one.get("actor")) for one in found} == {("file", "")}
    assert found[0]["updated_by"] == "file"
    assert list(found[0]) == list(entries[0])


@pytest.mark.parametrize(("timestamp", "time"), [("2020-01-01T00:00:00Z", "2020-01-01T00:00:00Z"), (LATER, SOON)])
def test_what_a_file_of_version_1_creates_is_by_the_old_dialect_and_as_old_as_it_says(
    timestamp: str, time: str
) -> None:
    (entry,) = file_entries({"a/x": server("a/x", timestamp=timestamp)}, [], 0, SOON, is_upgraded=True)
    assert (entry["source"], entry["event"], entry["revision"], entry["time"]) == ("legacy", "created", 1, time)
