"""Servers -> JSON, and the ready bytes of a reading."""

import gzip
import math
import weakref
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from operator import itemgetter
from typing import Annotated, Any

import orjson
from flask import Response, request
from pydantic import Field

from domain.freshness import TIMES, Computed, Moment, computed
from domain.rules import notice
from domain.server import FIELDS, Record, Server, Servers

_times = itemgetter(*TIMES)
_ROW_FIELDS = tuple(name for name in FIELDS if name != "changed_files")


class FullRecord(Record, Computed):
    """A server as it is shown alone: its record, then what is computed from it."""

    notice: Annotated[str, Field(description="What somebody should know of it besides, as a sentence; else empty.")]


def full(server: Server, moment: Moment) -> dict[str, Any]:
    """The record with its computed fields."""
    return {**_picked(server, FIELDS, moment), "notice": notice(server)}


def row(server: Server, moment: Moment) -> dict[str, Any]:
    """The flat row of a table: no nested value, the same keys for every server."""
    return _picked(server, _ROW_FIELDS, moment)


def _picked(server: Server, names: Iterable[str], moment: Moment) -> dict[str, Any]:
    stored: dict[str, Any] = {**server}
    return {**{name: stored[name] for name in names}, **computed(server, moment)}


def json_bytes(value: Any) -> bytes:
    """A value as JSON, with the line end that a terminal likes."""
    return orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE)


def json_response(value: Any, status: int = 200) -> Response:
    """A value as an answer."""
    return Response(json_bytes(value), status, mimetype="application/json")


def private_json(value: Any, status: int = 200) -> Response:
    """A value as an answer that nobody keeps."""
    response = json_response(value, status)
    response.headers["Cache-Control"] = "no-store"
    return response


class Ready:
    """A body that may be sent many times: its bytes, its tag, and the compressed bytes once somebody wants them.

    The tag is a weak one: the same for the plain and the compressed bytes (RFC 9110, section 8.8.1).
    """

    def __init__(self, content: bytes, tag: str | None = None) -> None:
        self.content = content
        self.tag = tag or f"{_digest(content):x}"

    @cached_property
    def compressed(self) -> bytes:
        """Level 1: a fleet shrinks to a tenth, and higher levels take several times as long for little more."""
        return gzip.compress(self.content, compresslevel=1, mtime=0)


def reading(ready: Ready, mimetype: str = "application/json") -> Response:
    """The answer to a reading: 304 for a reader who has it already, compressed for one who takes that."""
    response = Response(mimetype=mimetype)
    if request.if_none_match.contains_weak(ready.tag):
        response.status_code = 304
    elif request.accept_encodings.quality("gzip") > 0:
        response.data = ready.compressed
        response.headers["Content-Encoding"] = "gzip"
    else:
        response.data = ready.content
    response.set_etag(ready.tag, weak=True)
    response.headers["Cache-Control"] = "no-cache"  # ask each time: yesterday's board is a lie
    response.headers["Vary"] = "Accept-Encoding"
    return response


class Kept:
    """An answer about the whole fleet: it holds until the next report, or until the next server turns stale.

    It keeps no fleet alive, and goes with the one that it is about: whatever is asked in whatever order, there is one.
    """

    def __init__(self) -> None:
        self._kept: tuple[weakref.ref[Servers], int, float, Ready] | None = None

    def ready(self, servers: Servers, moment: Moment, make: Callable[[], tuple[Ready, float]]) -> Ready:
        """The answer about these servers. `make` gives it with the epoch second from which it holds no more."""
        kept = self._kept  # once: another thread may put a newer one in its place meanwhile
        if kept and kept[0]() is servers and kept[1] <= moment.now < kept[2]:
            return kept[3]
        ready, until = make()
        self._kept = (weakref.ref(servers, self._forget), moment.now, until, ready)
        return ready

    def _forget(self, gone: "weakref.ref[Servers]") -> None:
        if self._kept and self._kept[0] is gone:
            self._kept = None


@dataclass(frozen=True, slots=True)
class _Made:
    """The row that was made of a server: its bytes, their digest, and when time makes it another.

    It does not keep its server, which may have changed meanwhile, but what tells it from every other: a report gives it
    another revision, whoever reads the file anew another list, and a clock that is put right other times.
    """

    revision: int
    files: list[str]
    times: tuple[str | None, ...]
    stale_from: float
    is_stale: bool
    line: bytes
    digest: int


class Rows:
    """The bytes of rows: one is made once a change of its server, and once more when that turns stale."""

    def __init__(self) -> None:
        self._rows: dict[str, _Made] = {}

    def whole(self, servers: Servers, moment: Moment) -> tuple[Ready, float]:
        """The array of all servers, and until when it holds. Rows of servers that are gone are forgotten."""
        self._rows = rows = {key: self._row(key, server, moment) for key, server in servers.items()}
        until = min((made.stale_from for made in rows.values() if not made.is_stale), default=math.inf)
        return _array(rows.values()), until

    def some(self, servers: Servers, moment: Moment) -> Ready:
        """The array of a selection of servers."""
        return _array([self._row(key, server, moment) for key, server in servers.items()])

    def _row(self, key: str, server: Server, moment: Moment) -> _Made:
        known = self._rows.get(key)
        revision, files, times = server["revision"], server["changed_files"], _times(server)
        if (
            known
            and known.files is files
            and known.revision == revision
            and known.times == times
            and known.is_stale is (moment.now >= known.stale_from)
        ):
            return known
        line = b"%b" % orjson.dumps(row(server, moment))  # a copy: orjson's own keep the kilobytes they were written in
        return _Made(revision, files, times, moment.stale_from(server), moment.is_stale(server), line, _digest(line))


def _array(rows: Collection[_Made]) -> Ready:
    """The rows as an array. Its tag is made from their digests: to hash megabytes again takes longer than to send them.

    Rows are sorted by what is in them, so their sum tells as much as their sequence.
    """
    lines = [row.line for row in rows]
    return Ready(
        b"".join([b"[", b",\n".join(lines), b"]\n"]), f"{sum(row.digest for row in rows) % 2**96:x}-{len(rows):x}"
    )


def _digest(content: bytes) -> int:
    return int.from_bytes(blake2b(content, digest_size=12).digest())
