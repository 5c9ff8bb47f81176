"""A revision has a last one: what is beyond is refused where it is read, and never given where it is written."""

from pathlib import Path

import orjson
import pytest

from domain.errors import Unavailable
from domain.kinds import SERVER
from domain.server import MAX_REVISION
from tests.stores.records import (
    agree,
    beside,
    in_file,
    keep_in_journal,
    note,
    opened,
    put,
    server,
    servers,
    told,
    write_the_file,
)


@pytest.mark.parametrize("knows_it", [False, True], ids=["read for the first time", "known before"])
@pytest.mark.parametrize("ending", ["journal", "history"])
def test_one_that_is_too_large_is_refused_beside_the_file_too_and_mending_it_brings_the_store_back(
    path: Path, ending: str, knows_it: bool
) -> None:
    """In the last line, which would pass for one that a crash cut if it could not be read."""
    store = opened(path)
    note(store, ("a/x", "synced"))
    if ending == "journal":
        keep_in_journal(store)
    note(store, ("a/y", "synced"))
    good = beside(path, ending).read_bytes()
    bad = good.replace(b'"revision":2,', b'"revision":%d,' % (MAX_REVISION + 1))
    before, content = store.snapshot(), path.read_bytes()
    beside(path, "edited").write_bytes(bad)
    beside(path, "edited").replace(beside(path, ending))
    for one in (store, opened(path)) if knows_it and ending == "journal" else (opened(path),):
        for use in (one.snapshot, one.check, lambda one=one: put(one, server("b/x"))):
            with pytest.raises(Unavailable, match=f"revision in its {ending} is .* {MAX_REVISION}"):
                use()
    assert (path.read_bytes(), beside(path, ending).read_bytes()) == (content, bad)
    beside(path, "edited").write_bytes(good)
    beside(path, "edited").replace(beside(path, ending))
    note(store, ("b/x", "synced"))
    assert agree(path, store) == [*before.table(SERVER).records, "b/x"]


@pytest.mark.parametrize("odd", [b"1.5", b"true", b"null", b'"2"', b"-1", b"9223372036854775807"])
@pytest.mark.parametrize("member", ["revision", "checkpoint"])
@pytest.mark.parametrize("is_last", [True, False])
def test_what_is_no_revision_is_refused_in_any_line_of_the_journal(
    path: Path, member: str, odd: bytes, is_last: bool
) -> None:
    """The last one too is whole, so no crash cut it: whoever dropped it would lose what was acknowledged."""
    store = opened(path)
    note(store, ("a/x", "synced"))
    others: dict[str, dict[str, object]] = {
        "revision": {"servers": {}, "history": []},
        "checkpoint": {"file": [1, 2, 3], "seconds": 0.1, "journal": 1},
    }
    line = {member: 2, **others[member]}
    with beside(path, "journal").open("ab") as journal:
        journal.write(orjson.dumps(line).replace(b":2,", b":%b," % odd, 1) + b"\n")
        journal.write(b"" if is_last else orjson.dumps({**line, member: 3}) + b"\n")
    for one in (store, opened(path)):
        with pytest.raises(Unavailable, match="revision in its journal is no whole number from 0 to 9007199254740991"):
            one.snapshot()


def test_what_a_running_store_finds_in_its_history_stops_the_file_and_no_report(path: Path) -> None:
    store, history = opened(path), beside(path, "history")
    note(store, ("a/x", "synced"))
    good = history.read_bytes()
    history.write_bytes(good.replace(b'"revision":1,', b'"revision":%d,' % 2**63))
    note(store, ("b/x", "synced"))
    assert list(in_file(path)) == ["a/x"]
    history.write_bytes(good)
    write_the_file(store)  # what failed is tried again a second later
    note(store, ("c/x", "synced"))
    assert list(in_file(path)) == agree(path, store) == ["a/x", "b/x", "c/x"]


@pytest.mark.parametrize("is_told", [False, True], ids=["nothing else new", "with a server that the history must tell"])
def test_the_last_one_is_read_and_nothing_after_it_is_acknowledged(path: Path, is_told: bool) -> None:
    store = opened(path)
    note(store, ("a/x", "synced"))
    value = orjson.loads(path.read_bytes())
    value["revision"] = MAX_REVISION
    if is_told:
        value["servers"]["b/x"] = server("b/x")
    path.write_bytes(orjson.dumps(value))
    for one in (store, opened(path)):
        assert list(servers(one)) == list(value["servers"])
        with pytest.raises(Unavailable, match=f"nearly the last there is, {MAX_REVISION}"):
            note(one, ("c/x", "synced"))
    again = opened(path)
    assert list(servers(again)) == list(value["servers"])
    assert told(again) == [(1, "a/x", "created", "synced")]
