"""What an operator sees of the file, and what becomes of what an operator does to it."""

import json
import stat
from pathlib import Path
from typing import Any

import pytest

from domain.kinds import SERVER
from domain.server import FIELDS
from storage import Decision
from tests.memory_store import snapshot_of
from tests.stores.kinds import NOW, ref
from tests.stores.records import files, note, of_servers, opened, put, remove, server, servers, told

SIXTEEN = {
    "project_name": "gitops-for-servers", "repo_name": "rsyslog", "server_group": "rsyslog-prod", "server_type": "rsyslog",
    "environment": "prod", "host": "rsyslog-01", "status": "synced", "changed_files": [], "validation_status": "passed",
    "validation_message": "", "commit_sha": "abc1234", "branch": "master", "updated_by": "woodpecker",
    "last_pipeline_run": "2026-04-26T10:30:00Z", "last_cron_check": "2026-04-26T11:00:00Z", "timestamp": "2026-04-26T11:00:00Z",
}  # fmt: skip


def _file(path: Path, **members: Any) -> None:
    path.write_text(json.dumps({"version": "2.0", "servers": {}, **members}))


def test_opening_and_reading_make_no_file(path: Path) -> None:
    store = opened(path)
    assert store.snapshot() == snapshot_of(0, {})
    assert store.get(SERVER, "a/x") is None
    assert list(path.parent.iterdir()) == []


def test_the_file_is_json_with_the_version_first_and_a_record_a_line_in_order(path: Path) -> None:
    store = opened(path)
    for key in ("b/x", "a-b/x", "a/y", "a/x"):
        put(store, server(key, validation_message='two\nlines "quoted" é'))
    text = path.read_text("utf-8")
    assert text.startswith('{"version":"2.0","revision":4,')
    assert text.endswith("}\n")
    assert list(json.loads(text)["servers"]) == ["a/x", "a/y", "a-b/x", "b/x"]
    assert [line.split(":")[0] for line in text.splitlines()] == [
        '{"version"', '"servers"', '"a/x"', '"a/y"', '"a-b/x"', '"b/x"', "}}",
    ]  # fmt: skip
    found = [line for line in text.splitlines() if '"host":"y"' in line]  # grep
    assert [json.loads("{" + line.removesuffix(",") + "}") for line in found] == [
        {"a/y": dict(server("a/y", validation_message='two\nlines "quoted" é'))}
    ]


def test_an_empty_fleet_is_json_too(path: Path) -> None:
    store = opened(path)
    put(store, server("a/x"))
    remove(store, "a/x")
    assert json.loads(path.read_bytes()) == {"version": "2.0", "revision": 2, "servers": {}}
    assert opened(path).snapshot() == snapshot_of(2, {})


def test_the_file_shows_a_change_as_soon_as_it_is_answered(path: Path) -> None:
    store = opened(path)
    for status in ("synced", "failed"):
        put(store, server("a/x", status=status))
        assert json.loads(path.read_bytes())["servers"]["a/x"]["status"] == status
    remove(store, "a/x")
    assert json.loads(path.read_bytes())["servers"] == {}


def test_another_store_reads_what_was_written(path: Path) -> None:
    store = opened(path)
    put(
        store,
        server("a/x", changed_files=["/etc/ä", "b\tc"], check_interval=300),
        server("b/x", legacy={"drift_count": 2}),
    )
    assert opened(path).snapshot() == store.snapshot()


def test_two_stores_on_one_file_see_each_other_at_once_in_turn(path: Path) -> None:
    stores = [opened(path), opened(path)]
    for turn in range(10):
        put(stores[turn % 2], server("a/x", commit_sha=str(turn)), server(f"b/{turn}"))
        assert [store.get(SERVER, "a/x") for store in stores] == [server("a/x", commit_sha=str(turn))] * 2
        assert stores[0].snapshot() == stores[1].snapshot()
        assert stores[0].snapshot().revision == 2 * (turn + 1)
    remove(stores[0], "a/x")
    assert stores[1].get(SERVER, "a/x") is None


@pytest.mark.parametrize("content", [b"", b" \n\t", b"{}", b" { }\n"])
def test_a_file_without_content_is_an_empty_store(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    store = opened(path)
    assert store.snapshot() == snapshot_of(0, {})
    put(store, server("a/x"))
    assert opened(path).get(SERVER, "a/x") == server("a/x")


def test_a_folder_that_is_missing_is_made(tmp_path: Path) -> None:
    store = opened(tmp_path / "data" / "status.json")
    assert servers(store) == {}
    put(store, server("a/x"))
    assert store.get(SERVER, "a/x")


def test_a_file_of_v2_0_with_sixteen_fields_a_record_gets_the_defaults(path: Path) -> None:
    _file(path, servers={"rsyslog-prod/rsyslog-01": SIXTEEN})
    record = opened(path).get(SERVER, "rsyslog-prod/rsyslog-01")
    assert record is not None
    assert set(FIELDS) <= record.keys()
    assert dict(record) == {
        **SIXTEEN, "first_seen": SIXTEEN["timestamp"], "status_since": SIXTEEN["timestamp"], "pipeline_status": None,
        "drift_status": None, "pipeline_url": "", "commit_message": "", "check_interval": None, "revision": 0, "legacy_revision": 0,
    }  # fmt: skip


def test_members_and_fields_of_a_later_version_survive_a_rewrite(path: Path) -> None:
    later = {"score": 1.5, "tags": ["a", None], "more": {"deep": True}}
    _file(
        path, servers={"a/x": {**server("a/x"), **later}, "b/x": dict(server("b/x"))}, notes={"by": "ä"}, sequence=[1]
    )
    store = opened(path)
    put(store, server("b/x", status="failed"))
    kept = json.loads(path.read_bytes())
    assert kept["servers"]["a/x"].items() >= later.items()
    assert (kept["notes"], kept["sequence"]) == ({"by": "ä"}, [1])
    put(opened(path), server("c/x"))
    again = json.loads(path.read_bytes())
    assert again["servers"]["a/x"].items() >= later.items()
    assert (again["notes"], again["sequence"]) == ({"by": "ä"}, [1])


def test_a_file_edited_by_hand_is_taken_over_whatever_its_layout(path: Path) -> None:
    store = opened(path)
    note(store, ("a/x", "unknown"), ("b/x", "unknown"), ("c/x", "unknown"))
    value = json.loads(path.read_bytes())
    del value["servers"]["a/x"]
    value["servers"]["b/x"]["branch"] = "by hand"
    shuffled = {"servers": dict(reversed(value["servers"].items())), "revision": 3, "version": "2.0"}
    path.write_text(json.dumps(shuffled, indent=4))

    assert store.snapshot() == snapshot_of(
        4, {"b/x": server("b/x", branch="by hand", revision=2), "c/x": server("c/x", revision=3)}
    )
    put(store, server("d/x"))
    assert list(json.loads(path.read_bytes())["servers"]) == ["b/x", "c/x", "d/x"]
    assert opened(path).get(SERVER, "b/x") == server("b/x", branch="by hand", revision=2)
    assert told(store)[3:] == [(4, "a/x", "deleted", "unknown")]


def test_a_line_edited_in_place_is_taken_over(path: Path) -> None:
    """`sed -i` keeps the layout, and even the size."""
    store = opened(path)
    note(store, ("a/x", "unknown"), ("b/x", "unknown"))
    edited = path.read_text().replace('"branch":""', '"branch":"next"', 1)
    path.with_name("edited").write_text(edited)
    path.with_name("edited").replace(path)
    assert store.snapshot() == snapshot_of(
        2, {"a/x": server("a/x", branch="next", revision=1), "b/x": server("b/x", revision=2)}
    )


def test_a_backup_that_was_put_back_is_taken_over_and_no_revision_is_given_twice(path: Path) -> None:
    store = opened(path)
    note(store, ("a/x", "unknown"))
    backup = path.with_name("backup.json")
    backup.write_bytes(path.read_bytes())
    for _ in range(3):
        note(store, ("a/x", "unknown"), ("b/x", "unknown"))
    backup.replace(path)
    assert store.snapshot() == snapshot_of(8, {"a/x": server("a/x", revision=1)})  # that b/x is gone took one
    given = list[int]()

    def decide(_before: object, revision: int) -> Decision:
        given.append(revision)
        return of_servers({"c/x": server("c/x")})

    store.change([ref("c/x")], decide)
    assert given == [9]
    assert opened(path).snapshot().revision == 9


def test_the_permissions_that_the_operator_gave_are_kept(path: Path) -> None:
    store = opened(path)
    put(store, server("a/x"))
    path.chmod(0o640)
    put(store, server("a/x"))
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    path.chmod(0o604)
    put(opened(path), server("a/x"))
    assert stat.S_IMODE(path.stat().st_mode) == 0o604


def test_a_symbolic_link_stays_a_link_to_the_file(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    link, real = tmp_path / "status.json", tmp_path / "real" / "fleet.json"
    link.symlink_to(real)
    put(opened(link), server("a/x"))
    assert link.is_symlink()
    assert not real.is_symlink()
    assert opened(real).get(SERVER, "a/x") == server("a/x")
    put(opened(real), server("b/x"))
    assert list(servers(opened(link))) == ["a/x", "b/x"]


def test_a_temporary_file_that_a_crash_left_does_no_harm(path: Path) -> None:
    store = opened(path)
    put(store, server("a/x"))
    for left in (b"", path.read_bytes()[:40], path.read_bytes() * 50):
        path.with_name("status.json.tmp").write_bytes(left)
        path.with_name("status.json.journal.tmp").write_bytes(left)
        path.with_name("status.json.journal").unlink()  # so that it is started anew
        assert opened(path).snapshot() == store.snapshot()
        put(opened(path), server("a/x"))
        assert files(path) == ["history", "journal", "lock"]


def test_a_check_leaves_nothing_behind_and_the_file_untouched(path: Path) -> None:
    store = opened(path)
    store.check()
    assert not path.exists()
    put(store, server("a/x"))
    content, inode = path.read_bytes(), path.stat().st_ino
    store.check()
    assert (path.read_bytes(), path.stat().st_ino) == (content, inode)
    assert files(path) == ["journal", "lock"]


def test_a_change_that_is_refused_or_changes_nothing_of_the_fleet_rewrites_only_what_it_must(path: Path) -> None:
    store = opened(path)
    put(store, server("a/x"))
    inode = path.stat().st_ino

    def refuse(_before: object, _revision: int) -> Any:
        raise KeyError("a/x")

    with pytest.raises(KeyError):
        store.change([ref("a/x")], refuse)
    assert path.stat().st_ino == inode


def test_times_of_a_record_are_kept_as_they_are(path: Path) -> None:
    put(opened(path), server("a/x", last_cron_check=NOW))
    again = opened(path).get(SERVER, "a/x")
    assert again is not None
    assert (again["last_cron_check"], again["last_pipeline_run"], again["timestamp"]) == (NOW, None, NOW)


def test_a_snapshot_copies_only_the_groups_that_were_changed(path: Path) -> None:
    store = opened(path)
    put(store, server("a/x"), server("b/x"))
    groups = store.snapshot().table(SERVER).parts
    put(store, server("b/x", status="failed"))
    assert store.snapshot().table(SERVER).parts["a"] is groups["a"]
    assert store.snapshot().table(SERVER).parts["b"] != groups["b"]
