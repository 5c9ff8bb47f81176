"""A version 1 file becomes a store of version 2.0 on its first load, and is kept beside (API.md, section 6)."""

import json
from pathlib import Path
from typing import Any

import pytest

from domain.errors import Unavailable
from domain.kinds import SERVER
from storage import Store
from tests.stores.child import V1, V1_BYTES, v1_store
from tests.stores.kinds import ref
from tests.stores.records import at_once, files, note, of_servers, opened, put, server, servers, told

NOW = "2026-04-26T10:30:00Z"
KEY = "rsyslog-lab/rsyslog-lab"

# What becomes of the file that the documents of version 1 show.
GOLDEN = {
    "project_name": "gitops-for-servers", "repo_name": "rsyslog", "server_group": "rsyslog-lab", "server_type": "rsyslog",
    "environment": "lab", "host": "rsyslog-lab", "status": "out_of_sync", "changed_files": ["/etc/rsyslog.conf"],
    "validation_status": "unknown", "validation_message": "", "commit_sha": "", "branch": "", "updated_by": "legacy",
    "last_pipeline_run": "2026-04-26T00:00:00Z", "last_cron_check": None, "timestamp": "2026-04-26T00:00:00Z",
    "first_seen": "2026-04-26T00:00:00Z", "status_since": "2026-04-26T00:00:00Z", "pipeline_status": "out_of_sync",
    "drift_status": None, "pipeline_url": "", "commit_message": "", "check_interval": None, "revision": 1, "legacy_revision": 1,
    "legacy": {"drift_count": 1, "deployed_files": ["/d"], "drifted_files": ["/etc/rsyslog.conf"]},
}  # fmt: skip


def _migrated(path: Path, document: Any) -> Any:
    path.write_text(json.dumps(document))
    (record,) = servers(v1_store(path)).values()
    return record


def test_a_version_1_file_becomes_the_record_of_its_server(path: Path) -> None:
    path.write_bytes(V1_BYTES)
    assert v1_store(path).get(SERVER, KEY) == GOLDEN
    assert json.loads(path.read_bytes()) == {"version": "2.0", "revision": 1, "servers": {KEY: GOLDEN}}


def test_a_synced_file_of_version_1_keeps_what_was_deployed(path: Path) -> None:
    record = _migrated(path, {**V1, "sync_status": "SYNCED", "drift_count": 0, "drifted_files": []})
    assert (record["status"], record["changed_files"]) == ("synced", ["/d"])


def test_the_version_1_file_is_kept_byte_for_byte_with_its_permissions(path: Path) -> None:
    path.write_bytes(V1_BYTES)
    path.chmod(0o640)
    v1_store(path).snapshot()
    copy = path.with_name("status.v1.json")
    assert copy.read_bytes() == V1_BYTES
    assert copy.stat().st_mode == path.stat().st_mode
    put(opened(path), server("a/x"))
    assert copy.read_bytes() == V1_BYTES


@pytest.mark.parametrize("name", ["fleet.json", "fleet", "fleet.of.ours.json"])
def test_the_kept_file_has_the_name_of_the_store(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(V1_BYTES)
    v1_store(path).snapshot()
    assert (tmp_path / f"{name.removesuffix('.json')}.v1.json").read_bytes() == V1_BYTES


def test_a_kept_file_that_is_there_already_is_never_overwritten(path: Path) -> None:
    copy = path.with_name("status.v1.json")
    copy.write_bytes(b"an older one")
    path.write_bytes(V1_BYTES)
    assert v1_store(path).get(SERVER, KEY) == GOLDEN
    assert copy.read_bytes() == b"an older one"


def test_the_second_start_changes_no_byte(path: Path) -> None:
    path.write_bytes(V1_BYTES)
    v1_store(path).snapshot()
    before = {entry.name: (entry.read_bytes(), entry.stat().st_ino) for entry in path.parent.iterdir()}
    assert v1_store(path, clock=lambda: 0.0).get(SERVER, KEY) == GOLDEN
    v1_store(path).check()
    assert {entry.name: (entry.read_bytes(), entry.stat().st_ino) for entry in path.parent.iterdir()} == before


@pytest.mark.parametrize(
    ("last_check", "time", "run"),
    [
        ("2026-04-26T02:00:00+02:00", "2026-04-26T00:00:00Z", "2026-04-26T00:00:00Z"),
        ("2026-04-26 00:00:00", "2026-04-26T00:00:00Z", "2026-04-26T00:00:00Z"),
        ("2026-05-22T00:00:00Z", NOW, NOW),
        (None, NOW, None),
        ("", NOW, None),
        ("never", NOW, None),
        ("2026-02-30T00:00:00Z", NOW, None),
        (1_777_199_400, NOW, None),
    ],
)
def test_its_times_are_its_last_check_if_that_is_one_and_else_now(
    path: Path, last_check: Any, time: str, run: str | None
) -> None:
    record = _migrated(path, {**V1, "last_check": last_check})
    assert [record[field] for field in ("timestamp", "first_seen", "status_since")] == [time] * 3
    assert record["last_pipeline_run"] == run
    assert record["last_cron_check"] is None


@pytest.mark.parametrize("member", V1)
def test_one_known_member_makes_a_version_1_file(path: Path, member: str) -> None:
    record = _migrated(path, {member: V1[member], "unknown_member": 1})
    assert (record["repo_name"], record["host"]) == ("rsyslog", "rsyslog-lab")
    assert record["status"] == ("out_of_sync" if member == "sync_status" else "unknown")
    assert "unknown_member" not in record


def test_members_of_a_wrong_type_count_as_missing(path: Path) -> None:
    record = _migrated(path, {"sync_status": 5, "drift_count": "1", "deployed_files": "/d", "drifted_files": [1]})
    assert (record["status"], record["changed_files"], record["legacy"]) == ("unknown", [], {})


@pytest.mark.parametrize(
    ("document", "sentence"),
    [
        ({**V1, "server": "no name"}, "server must be 1 to 253 of"),
        ({**V1, "server": ""}, "server must be 1 to 253 of"),
        ({**V1, "server": ["x"]}, "server must be 1 to 253 of"),
        ({**V1, "repo": "a\x07"}, "repo must be a string"),
        ({"foo": 1}, "neither of version 2.0 nor of version 1"),
        ({**V1, "version": "1.0"}, "its version is '1.0'"),
        ([V1], "no JSON object"),
    ],
)
def test_what_makes_no_record_is_refused_and_stays(path: Path, document: Any, sentence: str) -> None:
    path.write_text(json.dumps(document))
    content = path.read_bytes()
    store = v1_store(path)
    for use in (store.snapshot, store.check, lambda: put(store, server("a/x"))):
        with pytest.raises(Unavailable, match=sentence):
            use()
    assert path.read_bytes() == content
    assert not path.with_name("status.v1.json").exists()


def test_a_change_can_be_the_first_use(path: Path) -> None:
    path.write_bytes(V1_BYTES)
    commit = v1_store(path).change(
        [ref(KEY)], lambda _before, revision: of_servers({KEY: server(KEY, revision=revision)})
    )
    assert commit.before == {SERVER.name: {KEY: GOLDEN}}
    assert path.with_name("status.v1.json").read_bytes() == V1_BYTES
    assert opened(path).snapshot().revision == 2


def test_a_first_change_that_is_refused_migrates_all_the_same(path: Path) -> None:
    path.write_bytes(V1_BYTES)

    def refuse(_before: object, _revision: int) -> Any:
        raise KeyError

    with pytest.raises(KeyError):
        v1_store(path).change([ref(KEY)], refuse)
    assert opened(path).get(SERVER, KEY) == GOLDEN


def test_many_first_readings_at_once_migrate_once(path: Path) -> None:
    path.write_bytes(V1_BYTES)
    stores, seen = [v1_store(path, clock) for clock in (lambda: 1.8e9, lambda: 1.9e9)], list[Any]()

    def read(store: Store) -> None:
        seen.append(store.snapshot())

    at_once(*[lambda store=store: read(store) for store in stores * 4])
    assert [snapshot.revision for snapshot in seen] == [1] * 8
    assert all(snapshot.table(SERVER).records == {KEY: GOLDEN} for snapshot in seen)
    assert path.with_name("status.v1.json").read_bytes() == V1_BYTES
    assert files(path) == ["history", "journal", "lock", "status.v1.json"]
    assert [told(store) for store in stores] == [[(1, KEY, "created", GOLDEN["status"])]] * 2


def test_many_first_readings_of_a_file_without_a_time_agree_on_one(path: Path) -> None:
    """Each store has a clock of its own; only the first to commit says when it was."""
    path.write_text(json.dumps({"sync_status": "SYNCED"}))
    seen = set[str]()

    def read(now: float) -> None:
        record = v1_store(path, lambda: now).get(SERVER, KEY)
        assert record
        seen.add(record["timestamp"])

    at_once(*[lambda now=now: read(now) for now in range(6)])
    assert len(seen) == 1


def test_a_version_1_file_put_back_while_the_service_runs_is_migrated_and_the_history_goes_on(path: Path) -> None:
    store = v1_store(path)
    note(store, ("a/x", "synced"))
    path.write_bytes(V1_BYTES)
    assert list(servers(store)) == [KEY]
    note(store, (KEY, "synced"))
    assert told(v1_store(path)) == told(store)
    assert [(*entry, one["source"]) for entry, one in zip(told(store), store.events(), strict=True)] == [
        (1, "a/x", "created", "synced", "pipeline"), (2, "a/x", "deleted", "synced", "file"),
        (3, KEY, "created", "out_of_sync", "legacy"), (4, KEY, "changed", "synced", "pipeline"),
    ]  # fmt: skip
    assert path.with_name("status.v1.json").read_bytes() == V1_BYTES
