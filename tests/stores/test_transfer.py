"""Everything moves from one store to another as it is, and a copy that was interrupted goes on."""

import contextlib
import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from domain.dump import Thing
from domain.errors import Invalid
from domain.kinds import SERVER
from operations.transfer import BATCH, Place, compare, contents, fill
from stores import open_tokens, site_of
from stores.json_file.verify import verify
from tests.stores.kinds import KINDS
from tests.stores.records import note, opened, put, server, token, told

SERVERS = BATCH + 100


@contextlib.contextmanager
def place(where: Path | str) -> Iterator[Place]:
    given = SecretStr(str(where)) if "://" in str(where) else Path(where)
    with contextlib.closing(opened(where)) as store, contextlib.closing(open_tokens(given)) as tokens:
        yield Place(store, tokens, site_of(given), KINDS)


def read(where: Path | str) -> list[Thing]:
    """All but the revision of the store."""
    with place(where) as one:
        return list(contents(one))[1:]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """More than goes over at once; with what is gone, of every kind, heartbeats, and tokens."""
    path = tmp_path / "source.json"
    with place(path) as one:
        note(one.store, ("gone/x", "failed"), ("parcel:a/gone", "here"), ("parcel:a/x", "here"), ("tick:a", "on"))
        note(one.store, ("parcel:a/gone", None))
        note(one.store, *((f"g-{number % 7}/h{number}", "synced") for number in range(SERVERS)))
        note(one.store, ("g-1/h1", "failed"), ("gone/x", None), ("g-2/h2", "synced"))
        one.tokens.change(lambda _tokens: {"a": token("a")})
    return path


def copy(source: Path | str, target: Path | str) -> None:
    with place(source) as one, place(target) as other:
        fill(other, contents(one))


@pytest.fixture(params=["file", "postgres"])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Path | str:
    return tmp_path / "target.json" if request.param == "file" else str(request.getfixturevalue("database"))


def test_from_file_to_database_and_back_everything_is_equal(source: Path, database: str, tmp_path: Path) -> None:
    back = tmp_path / "back.json"
    copy(source, database)
    copy(database, back)
    assert read(source) == read(database) == read(back)
    assert len(read(back)) == 2 * SERVERS + 9
    assert "wrong" not in {finding.kind for finding in verify(back, KINDS)}
    with place(source) as one, place(back) as other:
        counts = {"store": 1, "server": SERVERS, "parcel": 1, "tick": 1, "entry": SERVERS + 6, "keyring": 1}
        assert compare(other, contents(one)) == counts
        assert one.tokens.keyring() == other.tokens.keyring()


def test_the_next_report_is_newer_than_all_that_was_copied(source: Path, target: Path | str) -> None:
    with place(source) as one:
        last = one.store.snapshot().revision
    copy(source, target)
    with place(target) as other:
        note(other.store, ("g-1/h1", "synced"), ("gone/x", "synced"))
        (first, *changed), (second, *created) = told(other.store)[-2:]
        assert last < first < second
        assert (changed, created) == (["g-1/h1", "changed", "synced"], ["gone/x", "created", "synced"])
        assert [entry["event"] for entry in other.store.in_force(SERVER, "~", "gone/x".__eq__)] == ["created"]


@pytest.mark.parametrize("end", [1, SERVERS // 2, BATCH + 2, SERVERS + BATCH + 50, 2 * SERVERS + 8])
def test_a_copy_that_was_interrupted_goes_on(source: Path, target: Path | str, end: int) -> None:
    def until_interrupted(things: Iterator[Thing]) -> Iterator[Thing]:
        yield from itertools.islice(things, end)
        raise KeyboardInterrupt

    with place(source) as one, place(target) as other, pytest.raises(KeyboardInterrupt):
        fill(other, until_interrupted(contents(one)))
    begun = read(target)
    assert begun == read(source)[: (end - 1) // BATCH * BATCH]
    for _ in range(2):  # and one that is over has nothing more to do
        copy(source, target)
        assert read(target) == read(source)


@pytest.mark.parametrize("other", ["server", "history", "token", "newer"])
def test_a_target_that_holds_something_else_is_refused_and_left_as_it_is(
    source: Path, target: Path | str, other: str
) -> None:
    with place(target) as there:
        if other == "server":
            put(there.store, server("g-0/h0", status="failed"))
        elif other == "history":
            note(there.store, ("a/a", "synced"), ("a/a", None))
        elif other == "token":
            there.tokens.change(lambda _tokens: {"b": token("b")})
        else:
            copy(source, target)
            put(there.store, server("z/z"))
    before = read(target)
    with pytest.raises(Invalid, match="neither empty nor a begun copy"):
        copy(source, target)
    assert read(target) == before


def test_a_copy_that_differs_is_told(source: Path, target: Path | str) -> None:
    copy(source, target)
    with place(source) as one, place(target) as other:
        put(other.store, server("g-1/h1", status="unknown"))
        with pytest.raises(Invalid, match="not equal: the server g-1/h1 differs"):
            compare(other, contents(one))
