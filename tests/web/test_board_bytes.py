"""The ready bytes of the board: kept by group, and put together anew where only some of them changed."""

import contextlib
import zlib
from pathlib import Path

import pytest

from domain.freshness import Moment
from domain.kinds import SERVER
from domain.query import read_query
from operations.servers import find
from storage import Decision
from stores import open_store
from tests.stores.records import server
from tests.web.api import START, Api
from web.api.board import Board

MOMENT = Moment(START, 7_200)

GROUPS = ("a", "a-b", "b", "log")


def report(api: Api, group: str, commit: str) -> None:
    fleet = [{"server_group": group, "host": f"h-{n}", "status": "synced", "commit_sha": commit} for n in range(3)]
    assert api.cron(fleet).status < 300


@pytest.fixture
def fleet(api: Api) -> Api:
    for group in GROUPS:
        report(api, group, "one")
    return api


@pytest.mark.parametrize(
    "path", ["/status", "/status?server_group=a,log", "/status/b", "/status?limit=5", "/status?host=x"]
)
def test_the_compressed_rows_are_one_member_and_hold_after_each_change(fleet: Api, path: str) -> None:
    for changed in (*GROUPS, "new", None):
        packed = fleet.get(path, accept_encoding="gzip")
        unpacker = zlib.decompressobj(wbits=31)
        content = unpacker.decompress(packed.response.data)
        plain = fleet.get(path)
        assert content == plain.response.data
        assert unpacker.eof
        assert unpacker.unused_data == b""  # some clients stop after the first member
        assert int(packed.headers["Content-Length"]) == len(packed.response.data)
        assert int(plain.headers["Content-Length"]) == len(content)
        assert packed.headers["ETag"] == plain.headers["ETag"]
        if changed:
            report(fleet, changed, "two")


def test_the_rows_of_a_group_are_made_once_until_something_in_it_changes(tmp_path: Path) -> None:
    board = Board()

    def pieces() -> dict[str, bytes]:
        """The rows of each group."""
        found = find(store, MOMENT, read_query([], MOMENT.now, pages=False))
        rows = board.array(found.parts, MOMENT).plain()[1::2]
        return dict(zip(found.parts, rows, strict=True))

    with contextlib.closing(open_store(tmp_path / "status.json", lambda _document: None)) as store:
        store.restore({"server": {f"{group}/x": server(f"{group}/x") for group in GROUPS}}, [], 1)
        before = pieces()
        new = {"server": {"a-b/y": server("a-b/y")}}
        store.change([SERVER.ref("a-b/y")], lambda _before, _revision: Decision(new))
        after = pieces()
        assert [group for group in GROUPS if after[group] is not before[group]] == ["a-b"]


def test_rows_that_turn_stale_are_made_anew_when_they_do(fleet: Api) -> None:
    fleet.cron([{"server_group": "log", "host": "h-1", "status": "synced", "check_interval": 300}])
    assert [row["stale"] for row in fleet.get("/status/log").json] == [False, False, False]
    fleet.clock.advance(601)
    assert [row["stale"] for row in fleet.get("/status/log").json] == [False, True, False]
    fleet.clock.advance(-601)
    assert [row["stale"] for row in fleet.get("/status/log").json] == [False, False, False]
