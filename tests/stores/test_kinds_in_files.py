"""Several kinds in the files: what stands where, what an older version reads there, and what churns."""

import shutil
from pathlib import Path
from typing import Any

import orjson
import pytest

from domain import kinds
from domain.errors import Unavailable
from stores.json_file.store import JsonFileStore
from stores.json_file.verify import verify
from tests.stores.child import V1_BYTES, v1_store
from tests.stores.kinds import KINDS, NOW, PARCEL, parcel, tick
from tests.stores.older import refuses_older
from tests.stores.records import (
    agree,
    beside,
    got,
    in_file,
    keep_in_journal,
    never_version_1,
    note,
    opened,
    put,
    remove,
    server,
    servers,
    told,
    write_the_file,
)
from tests.stores.watched_disk import Disk

ALL = ("a/x", "synced"), ("parcel:a/x", "here"), ("tick:a", "on")


def without_others(path: Path) -> Any:
    """A store that knows servers only, as this version of the service does."""
    return JsonFileStore(path, never_version_1)


def lines(path: Path, ending: str) -> list[Any]:
    return [orjson.loads(line) for line in beside(path, ending).read_bytes().splitlines()]


def test_a_store_of_servers_is_byte_for_byte_what_it_was(path: Path) -> None:
    """Also where the service knows other kinds, and another kind was asked for and refused."""
    store = opened(path)
    note(store, ("a/x", "synced"), ("b/x", "failed"))
    keep_in_journal(store)
    note(store, ("a/x", None))
    record = orjson.dumps(server("a/x", status="synced", revision=1))
    other = orjson.dumps(server("b/x", status="failed", revision=2))
    assert path.read_bytes() == b'{"version":"2.0","revision":2,\n"servers":{\n"a/x":%b,\n"b/x":%b\n}}\n' % (
        record,
        other,
    )
    commit = beside(path, "journal").read_bytes().splitlines()[-1]
    assert commit.startswith(
        b'{"revision":3,"servers":{"a/x":null},"history":[{"revision":3,"time":"%b",' % NOW.encode()
    )
    first = beside(path, "history").read_bytes().splitlines()[0]
    assert first.startswith(b'{"revision":1,"time":"%b","server_group":"a","host":"x","server_type":' % NOW.encode())


def test_each_kind_is_a_member_of_the_file_a_record_a_line(path: Path) -> None:
    store = opened(path)
    note(store, *ALL, ("parcel:a-b/1", "there"))
    text = path.read_text()
    assert text.startswith('{"version":"2.1","revision":4,\n"servers":{\n"a/x":{')
    assert '\n},\n"parcels":{\n"a/x":{"shelf":"a",' in text
    assert text.endswith('\n},\n"ticks":{\n"a":{"name":"a","count":3}\n}}\n')
    value = orjson.loads(text)
    assert list(value["parcels"].values()) == [parcel("a/x"), parcel("a-b/1", "there")]
    assert opened(path).snapshot() == store.snapshot()
    events = lines(path, "history")
    assert [one.get("kind") for one in events] == [None, "parcel", "parcel"]
    assert list(events[1]) == ["revision", "time", "kind", "key", "source", "event", "actor", "state"]


@pytest.mark.parametrize("others", [ALL[1:], ALL[2:], ALL], ids=["a parcel", "a tick", "all"])
def test_the_file_says_that_there_is_another_kind_before_anything_stands_anywhere(
    path: Path, monkeypatch: pytest.MonkeyPatch, others: tuple[tuple[str, str], ...]
) -> None:
    """At whichever call the power is cut, an older version that starts then refuses, or there is nothing to lose."""
    (path.parent / "disk").mkdir()
    path = path.parent / "disk" / path.name
    store = opened(path)
    put(store, server("a/x"))
    assert not refuses_older(path)
    keep_in_journal(store)
    with monkeypatch.context() as watched:
        disk = Disk(path, watched)
        note(store, *others)
    assert refuses_older(path)
    assert [refuses_older(left) for _moment, left in disk.left()].count(True) > 1


def test_a_running_process_reads_the_file_anew_when_it_says_another_version(path: Path) -> None:
    """An older one refuses it then: it would follow the journal, and take nothing but servers from it."""
    store, other = opened(path), opened(path)
    put(store, server("a/x"))
    other.snapshot()
    keep_in_journal(store)
    before = lines(path, "journal")
    note(store, *ALL)
    checkpoint, commit = lines(path, "journal")
    assert checkpoint["file"] not in [line.get("file") for line in before], "it was not announced"
    assert commit.keys() == {"revision", "servers", "parcels", "ticks", "history"}
    note(store, ("parcel:a/x", "there"))
    assert len(lines(path, "journal")) == 3, "only once"
    assert agree(path, store, other) == ["a/x"]


def test_a_file_that_said_so_says_so_for_ever(path: Path) -> None:
    """Its history tells of what is gone, and so may its journal."""
    store = opened(path, journal=-1)
    note(store, *ALL)
    for text, _status in ALL[1:]:
        remove(store, text)
    put(store, server("a/y"))
    assert refuses_older(path)
    assert b"parcels" not in path.read_bytes()
    again = opened(path)
    put(again, server("b/x"))
    assert refuses_older(path)


def test_a_journal_with_a_kind_that_only_a_later_version_knows_is_refused_in_a_sentence(path: Path) -> None:
    store = opened(path)
    keep_in_journal(store)
    note(store, *ALL)
    content = path.read_bytes(), beside(path, "journal").read_bytes()
    older = without_others(path)
    sentence = "it cannot be understood: its journal holds 'parcels', which only a later version of the service knows"
    for use in (
        older.snapshot,
        older.check,
        lambda: put(older, server("b/x")),
        older.close,
        without_others(path).begin,
    ):
        if use == older.close:
            use()
        else:
            with pytest.raises(Unavailable, match=sentence):
                use()
    assert (path.read_bytes(), beside(path, "journal").read_bytes()) == content
    (wrong,) = [finding.text for finding in verify(path) if finding.kind == "wrong" and "journal" in finding.where]
    assert "its journal holds 'parcels'" in wrong
    assert "wrong" not in {finding.kind for finding in verify(path, KINDS)}


def test_a_running_process_of_an_older_version_refuses_what_it_follows(path: Path) -> None:
    store, older = opened(path), without_others(path)
    note(store, *ALL)
    assert list(servers(older)) == ["a/x"]
    keep_in_journal(store)
    note(store, ("parcel:a/x", "there"), ("a/x", "failed"))
    with pytest.raises(Unavailable, match="its journal holds 'parcels'"):
        older.snapshot()
    store.close()
    assert list(servers(older)) == ["a/x"], "what stands still is kept as it is"


def test_what_stands_in_the_file_of_a_kind_that_only_a_later_version_knows_is_kept(path: Path) -> None:
    note(opened(path), *ALL)
    older = without_others(path)
    put(older, server("b/x"))
    older.compact()
    assert [named["kind"] for named in older.events() if "kind" in named] == ["parcel"]
    later = opened(path)
    assert (got(later, "parcel:a/x"), got(later, "tick:a")) == (parcel("a/x"), tick("a", 3))
    assert list(servers(later)) == ["a/x", "b/x"]


def test_a_file_that_somebody_edited_is_taken_over_with_all_kinds(path: Path) -> None:
    store = opened(path)
    note(store, *ALL, ("parcel:b/1", "here"))
    keep_in_journal(store)
    note(store, ("parcel:b/2", "here"))
    value = orjson.loads(path.read_bytes())
    value["parcels"]["a/x"]["state"] = "by hand"
    value["servers"]["a/x"]["status"] = "failed"
    del value["parcels"]["b/1"]
    path.write_bytes(orjson.dumps(value, option=orjson.OPT_INDENT_2))
    assert agree(path, store) == ["a/x"]
    states = {key: one["state"] for key, one in store.snapshot().table(PARCEL).records.items()}
    assert states == {"a/x": "by hand", "b/2": "here"}
    assert [entry[1:3] for entry in told(store)[3:]] == [("parcel:b/2", "came"), ("a/x", "changed")]
    assert "wrong" not in {finding.kind for finding in verify(path, KINDS)}


def test_a_backup_from_before_there_was_another_kind_takes_it_away_with_what_came_after_it(path: Path) -> None:
    store = opened(path)
    put(store, server("a/x"))
    shutil.copyfile(path, backup := path.with_name("backup"))
    note(store, *ALL, ("b/x", "synced"))
    backup.replace(path)
    assert agree(path, store) == ["a/x"]
    assert not store.snapshot().table(PARCEL).records
    note(store, *ALL)
    assert agree(path, store) == ["a/x"]
    assert refuses_older(path)


def test_what_churns_writes_no_file(path: Path) -> None:
    """And is there after a crash, for all; a report brings it into the file."""
    store, other = opened(path), opened(path)
    note(store, *ALL)
    inode, journal = path.stat().st_ino, len(lines(path, "journal"))
    for _ in range(20):
        note(store, ("tick:a", "on"), ("tick:b", "on"))
    assert (path.stat().st_ino, len(lines(path, "journal"))) == (inode, journal + 20)
    assert (store.behind_seconds(), store.notice()) == (0, "")
    for reader in (other, opened(path)):
        assert got(reader, "tick:b") == tick("b", 43)
        reader.close()
    store.close()
    assert path.stat().st_ino == inode
    put(opened(path), server("b/x"))
    assert orjson.loads(path.read_bytes())["ticks"] == {"a": tick("a", 42), "b": tick("b", 43)}


def test_what_churns_makes_no_journal_longer_than_any_other(path: Path) -> None:
    store, sizes, inodes = opened(path, journal=20_000), set[int](), set[int]()
    note(store, *ALL)
    for _ in range(1_000):
        note(store, ("tick:a", "on"))
        sizes.add(beside(path, "journal").stat().st_size)
        inodes.add(path.stat().st_ino)
    assert 18_000 < max(sizes) < 22_000
    assert 2 <= len(inodes) <= 5
    assert got(opened(path), "tick:a") == got(store, "tick:a")


def test_what_changed_beside_what_churns_is_written(path: Path) -> None:
    store = opened(path)
    note(store, *ALL)
    note(store, ("tick:a", "on"), ("parcel:a/x", "there"))
    assert orjson.loads(path.read_bytes())["parcels"]["a/x"]["state"] == "there"
    keep_in_journal(store)
    note(store, ("b/x", "synced"))
    write_the_file(store)
    note(store, ("tick:a", "on"))
    assert list(in_file(path)) == ["a/x", "b/x"], "the file is behind still, whoever commits"


def test_a_version_1_file_and_another_kind(path: Path) -> None:
    path.write_bytes(V1_BYTES)
    note(v1_store(path), ("parcel:a/x", "here"))
    assert path.with_name("status.v1.json").read_bytes() == V1_BYTES
    assert refuses_older(path)
    assert [entry[1] for entry in told(opened(path))] == ["rsyslog-lab/rsyslog-lab", "parcel:a/x"]


def test_the_kinds_of_the_service_have_names_and_members_of_their_own() -> None:
    """No member of the file, or of a line of the journal, means two things."""
    taken = {"version", "revision", "history", "checkpoint", "file", "seconds", "journal", "store", "entry", "keyring"}
    for declared in (kinds.KINDS, KINDS):
        names = [name for kind in declared.values() for name in (kind.name, kind.member)]
        assert len({*names, *taken, "end"}) == len(names) + len(taken) + 1
        assert all(kind.name == name for name, kind in declared.items())
