"""A file that cannot be understood is never overwritten, says why, and is used again as soon as it is mended."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from domain.errors import Unavailable
from domain.kinds import SERVER
from storage import Store
from tests.stores.kinds import parcel
from tests.stores.records import files, keep_in_journal, note, opened, put, remove, server, servers, told

RECORD = {**server("a/x")}
TEXT = json.dumps


PARCEL = parcel("a/x")


def _of(**members: Any) -> str:
    return json.dumps({"version": "2.0", "servers": {"a/x": RECORD}, **members})


WRONG = {
    "cut in the middle": (_of()[:-30], "cannot be understood: "),
    "no JSON at all": ("<html>", "cannot be understood: "),
    "not in UTF-8": (b'{"version":"2.0","servers":{},"by":"\xff"}', "cannot be understood: "),
    "two values": ("{}{}", "cannot be understood: "),
    "a list": ("[]", "it holds no JSON object"),
    "a list of records": (TEXT([RECORD]), "it holds no JSON object"),
    "a number": ("42", "it holds no JSON object"),
    "null": ("null", "it holds no JSON object"),
    "a string": ('"status"', "it holds no JSON object"),
    "neither version": ('{"foo":1}', "neither of version 2.0 nor of version 1"),
    "no servers": ('{"version":"2.0"}', 'it has no object "servers"'),
    "servers in a list": (_of(servers=[RECORD]), 'it has no object "servers"'),
    "servers null": (_of(servers=None), 'it has no object "servers"'),
    "a later version": (_of(version="3.0"), "its version is '3.0', and this service reads '2.0'"),
    "a later version without servers": ('{"version":"3.0"}', "its version is '3.0', and this service reads '2.0'"),
    "a version of another type": (_of(version=2.0), "its version is 2.0,"),
    "no version": (TEXT({"servers": {"a/x": RECORD}}), "its version is None"),
    "a record that is no object": (_of(servers={"a/x": "synced"}), "the record 'a/x' is wrong at its top"),
    "a record that is null": (_of(servers={"a/x": None}), "the record 'a/x' is wrong at its top"),
    "an empty record": (_of(servers={"a/x": {}}), "the record 'a/x' is wrong at server_group"),
    "a status of no meaning": (_of(servers={"a/x": {**RECORD, "status": "fine"}}), "the record 'a/x' is wrong at status"),
    "files that are no list": (_of(servers={"a/x": {**RECORD, "changed_files": "/a"}}), "wrong at changed_files"),
    "a file that is no string": (_of(servers={"a/x": {**RECORD, "changed_files": ["/a", 1]}}), "wrong at changed_files.1"),
    "a time that is none": (_of(servers={"a/x": {**RECORD, "timestamp": "yesterday"}}), "wrong at timestamp"),
    "no timestamp": (_of(servers={"a/x": {**RECORD, "timestamp": None}}), "wrong at timestamp"),
    "a name that is none": (_of(servers={"a b/x": {**RECORD, "server_group": "a b"}}), "wrong at server_group"),
    "a record under another's key": (_of(servers={"a/y": RECORD}), "the record 'a/y' holds the names of another server"),
    "the second record wrong": (_of(servers={"a/x": RECORD, "b/x": {**RECORD, "host": 1}}), "the record 'b/x' is wrong at host"),
    "parcels in a list": (_of(version="2.1", parcels=[]), 'it has no object "parcels"'),
    "a parcel of no meaning": (_of(version="2.1", parcels={"a/x": {**PARCEL, "seen": 3}}), "the parcel 'a/x' is wrong at seen"),
    "a parcel under another's key": (_of(version="2.1", parcels={"a/y": PARCEL}), "the parcel 'a/y' holds the names of another"),
    "a negative revision": (_of(revision=-1), 'its "revision" is no whole number'),
    "a revision larger than JSON's readers hold": (_of(revision=2**53), 'its "revision" is no whole number from 0 to 9007199254740991'),
    "a revision that one more would carry over": (_of(revision=2**63 - 1), 'its "revision" is no whole number'),
    "a record's revision too large": (_of(servers={"a/x": {**RECORD, "revision": 2**53}}), "the record 'a/x' is wrong at revision"),
    "a record's old revision too large": (_of(servers={"a/x": {**RECORD, "legacy_revision": 2**63}}), "wrong at legacy_revision"),
    "a revision in words": (_of(revision="7"), 'its "revision" is no whole number'),
    "a revision that is a truth": (_of(revision=True), 'its "revision" is no whole number'),
    "a revision with a fraction": (_of(revision=1.5), 'its "revision" is no whole number'),
    "a revision that is null": (_of(revision=None), 'its "revision" is no whole number'),
}  # fmt: skip


def _assert_refused(store: Store, sentence: str) -> None:
    for use in (
        store.snapshot,
        store.check,
        lambda: store.get(SERVER, "a/x"),
        lambda: put(store, server("b/x")),
        lambda: remove(store, "a/x"),
    ):
        with pytest.raises(Unavailable) as caught:
            use()
        assert str(caught.value).startswith("The store status.json is left as it is, because it cannot be understood: ")
        assert str(caught.value).endswith(".")
        assert sentence in str(caught.value)


@pytest.mark.parametrize(("content", "sentence"), WRONG.values(), ids=WRONG)
def test_a_file_that_is_not_ours_is_refused_in_a_sentence_and_stays(
    path: Path, content: str | bytes, sentence: str
) -> None:
    content = content.encode() if isinstance(content, str) else content
    path.write_bytes(content)
    inode = path.stat().st_ino
    _assert_refused(opened(path), sentence)
    assert path.read_bytes() == content
    assert path.stat().st_ino == inode
    assert set(files(path)) <= {"lock"}


@pytest.mark.parametrize(("content", "sentence"), WRONG.values(), ids=WRONG)
def test_damage_while_running_is_noticed_and_mending_it_brings_the_store_back(
    path: Path, content: str | bytes, sentence: str
) -> None:
    store = opened(path)
    note(store, ("a/x", "synced"), ("b/x", "synced"))
    good, before = path.read_bytes(), store.snapshot()
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    _assert_refused(store, sentence)
    path.write_bytes(good)
    assert store.snapshot() == before
    put(store, server("c/x"))
    assert opened(path).snapshot().revision == 3


@pytest.mark.parametrize("knows_it", [False, True], ids=["read for the first time", "known before"])
def test_a_file_cut_anywhere_is_refused_and_stays(path: Path, knows_it: bool) -> None:
    """But for its last line end, no part of the file passes for the whole: not even the part up to the end of a line."""
    store = opened(path)
    put(store, server("a/x"), server("a/y"), server("b/x"))
    whole = path.read_bytes()
    passed, altered = list[int](), list[int]()
    for length in range(1, len(whole) - 1):
        path.write_bytes(whole[:length])
        try:
            put(store if knows_it else opened(path), server("c/x"))
            passed.append(length)
        except Unavailable:
            if path.read_bytes() != whole[:length]:
                altered.append(length)
    assert (passed, altered) == ([], [])


def test_a_damaged_byte_is_refused_and_stays_wherever_it_is(path: Path) -> None:
    """NUL, what a disk that lost power likes to leave, stands nowhere in JSON."""
    put(opened(path), server("a/x"), server("b/x", branch="main"))
    whole = path.read_bytes()
    passed, altered = list[int](), list[int]()
    for place in range(len(whole)):
        damaged = b"%b\x00%b" % (whole[:place], whole[place + 1 :])
        path.write_bytes(damaged)
        try:
            put(opened(path), server("c/x"))
            passed.append(place)
        except Unavailable:
            if path.read_bytes() != damaged:
                altered.append(place)
    assert (passed, altered) == ([], [])


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        (b"}\n}}\n", b"},\n}}\n"),
        (b',\n"servers"', b'\n"servers"'),
        (b',\n"servers"', b'x\n"servers"'),
        (b'},\n"b/x"', b'}\n"b/x"'),
        (b"}\n}}\n", b"}\n}}\n}"),
        (b"}\n}}\n", b"}\n}"),
        (b'"a/x":', b'"a/x"'),
    ],
)
@pytest.mark.parametrize("knows_it", [False, True], ids=["read for the first time", "known before"])
def test_a_slip_of_the_pen_is_refused_and_stays(path: Path, good: bytes, bad: bytes, knows_it: bool) -> None:
    put(opened(path), server("a/x"), server("b/x"))
    store, content = opened(path), path.read_bytes()
    if knows_it:
        store.snapshot()
    damaged = content.replace(good, bad)
    assert damaged != content
    path.write_bytes(damaged)
    with pytest.raises(Unavailable):
        put(store, server("c/x"))
    assert path.read_bytes() == damaged


@pytest.mark.parametrize("knows_it", [False, True], ids=["read for the first time", "known before"])
def test_two_records_on_one_line_are_two_records(path: Path, knows_it: bool) -> None:
    put(opened(path), server("a/x"), server("b/x"), server("c/x"))
    store, content = opened(path), path.read_bytes()
    if knows_it:
        store.snapshot()
    path.write_bytes(content.replace(b'},\n"b/x"', b'},"b/x"'))
    assert servers(store).keys() == {"a/x", "b/x", "c/x"}
    put(store, server("a/x", branch="next"))
    assert servers(opened(path)).keys() == {"a/x", "b/x", "c/x"}


def test_what_the_system_refuses_is_told_without_folders(path: Path) -> None:
    path.mkdir()
    with pytest.raises(Unavailable) as caught:
        opened(path).snapshot()
    assert str(caught.value) == "The store status.json cannot be read: Is a directory."


BROKEN: dict[str, Callable[[bytes], bytes]] = {
    "NUL in it": lambda line: line[:20] + b"\x00" + line[21:],
    "cut": lambda line: line[:40] + b"\n",
    "of no meaning": lambda line: b'{"note":"what is this?"}\n' if line else b"",
    "no object": lambda line: b"42\n" if line else b"",
    "a record that is none": lambda line: line.replace(b'"servers":{', b'"servers":["x"],"x":{'),
}


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
@pytest.mark.parametrize("knows_it", [False, True], ids=["read for the first time", "known before"])
def test_a_line_in_the_middle_of_the_journal_that_cannot_be_read_is_left_and_mended_by_hand(
    path: Path, broken: Callable[[bytes], bytes], knows_it: bool
) -> None:
    """It was acknowledged, unlike a last line: to drop it is not for us to decide."""
    store, journal = opened(path), path.with_name("status.json.journal")
    note(store, ("a/x", "synced"))
    keep_in_journal(store)
    for key in ("a/y", "b/x", "b/y"):
        note(store, (key, "synced"))
    good = journal.read_bytes()
    lines = good.splitlines(keepends=True)
    bad = b"".join([*lines[:-2], broken(lines[-2]), lines[-1]])
    assert bad != good
    if not knows_it:
        store = opened(path)
    _replace(journal, bad)
    content = path.read_bytes()
    _assert_refused(store, "a line in the middle of its journal cannot be read")
    with pytest.raises(Unavailable):
        list(store.events())
    assert (path.read_bytes(), journal.read_bytes()) == (content, bad)
    assert not files(path).count("tmp")
    _replace(journal, good)
    assert list(servers(store)) == ["a/x", "a/y", "b/x", "b/y"]
    note(store, ("c/x", "synced"))
    assert list(servers(opened(path))) == ["a/x", "a/y", "b/x", "b/y", "c/x"]
    assert [entry[0] for entry in told(opened(path))] == [1, 2, 3, 4, 5]


def test_without_its_broken_line_the_journal_serves_the_rest(path: Path) -> None:
    store, journal = opened(path), path.with_name("status.json.journal")
    note(store, ("a/x", "synced"))
    keep_in_journal(store)
    for key in ("a/y", "b/x", "b/y"):
        note(store, (key, "synced"))
    lines = journal.read_bytes().splitlines(keepends=True)
    _replace(journal, b"".join([*lines[:-2], lines[-1]]))
    assert list(servers(store)) == ["a/x", "a/y", "b/y"]
    note(store, ("b/x", "failed"))
    assert list(servers(opened(path))) == ["a/x", "a/y", "b/x", "b/y"]


def _replace(journal: Path, content: bytes) -> None:
    """As an editor does, or `sed -i`."""
    journal.with_name("edited").write_bytes(content)
    journal.with_name("edited").replace(journal)


def test_a_line_in_the_middle_of_the_history_that_cannot_be_read_is_named_and_the_records_are_served(
    path: Path,
) -> None:
    store, history = opened(path), path.with_name("status.json.history")
    for key in ("a/x", "b/x", "c/x"):
        note(store, (key, "synced"))
    good = history.read_bytes()
    lines = good.splitlines(keepends=True)
    history.write_bytes(b"".join([lines[0], b"<html>\n", lines[2]]))
    with pytest.raises(Unavailable) as caught:
        list(store.events())
    assert str(caught.value) == "The store status.json cannot be read: line 2 of its history cannot be read."
    note(store, ("d/x", "synced"))
    assert list(servers(opened(path))) == ["a/x", "b/x", "c/x", "d/x"]
    history.write_bytes(history.read_bytes().replace(b"<html>\n", lines[1]))
    assert [entry[0] for entry in told(store)] == [1, 2, 3, 4]
