"""Servers -> JSON, and the ready bytes of a reading."""

import gzip
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from hashlib import blake2b
from itertools import islice
from typing import Annotated, Any, Protocol, cast

import orjson
from flask import Response, request
from pydantic import Field

from domain.freshness import Computed, Moment, computed
from domain.rules import notice
from domain.server import FIELDS, Record, Server, Servers
from storage import Part

GZIP = 31  # what zlib calls it: its largest window, and 16 for the frame
LEVEL = 1  # a fleet shrinks to a tenth, and higher levels take several times as long for little more
TAG_BYTES = 12
PIECE_BYTES = 262_144  # of a large body, that are sent at once

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


class Body(Protocol):
    """A body that may be sent many times, in pieces. Its tag is a weak one: the same for the plain and the compressed
    bytes (RFC 9110, section 8.8.1)."""

    @property
    def tag(self) -> str:
        """What tells the body from another."""

    def plain(self) -> Sequence[bytes]:
        """The bytes."""

    def compressed(self) -> Sequence[bytes]:
        """The same as one gzip member."""


class Ready:
    """A body that is there."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.tag = digest(content)

    def plain(self) -> Sequence[bytes]:
        return [self.content]

    def compressed(self) -> Sequence[bytes]:
        return [gzip.compress(self.content, compresslevel=LEVEL, mtime=0)]


class Packed:
    """A body that only its compressed bytes are kept of, as it may be large."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        packer, hashed = zlib.compressobj(LEVEL, wbits=GZIP), blake2b(digest_size=TAG_BYTES)
        packed = []
        for piece in pieces:
            hashed.update(piece)
            packed.append(packer.compress(piece))
        self._packed = b"".join([*packed, packer.flush()])
        self.tag = hashed.hexdigest()

    def plain(self) -> Sequence[bytes]:
        return [zlib.decompress(self._packed, wbits=GZIP)]

    def compressed(self) -> Sequence[bytes]:
        return [self._packed]


def reading(body: Body, mimetype: str = "application/json") -> Response:
    """The answer to a reading: 304 for a reader who has it already, compressed for one who takes that."""
    response = Response(mimetype=mimetype)
    if request.if_none_match.contains_weak(body.tag):
        response.status_code = 304
    elif request.accept_encodings.quality("gzip") > 0:
        send(response, body.compressed())
        response.headers["Content-Encoding"] = "gzip"
    else:
        send(response, body.plain())
    response.set_etag(body.tag, weak=True)
    response.headers["Cache-Control"] = "no-cache"  # ask each time: yesterday's board is a lie
    response.headers["Vary"] = "Accept-Encoding"
    return response


def in_pieces(texts: Iterable[str]) -> Iterator[bytes]:
    """The texts, many at once: each by itself would cost a call of its own, and all at once the memory of a fleet."""
    texts = iter(texts)
    while piece := "".join(islice(texts, 10_000)):
        yield piece.encode()


def send(response: Response, pieces: Sequence[bytes]) -> None:
    """Answer with the pieces: joined where they are small, as each is a send of its own, and never all at once."""
    response.content_length = sum(map(len, pieces))
    response.response = _joined(pieces) if len(pieces) > 1 else pieces


def _joined(pieces: Sequence[bytes]) -> Iterator[bytes]:
    some, size = list[bytes](), 0
    for piece in pieces:
        some.append(piece)
        size += len(piece)
        if size >= PIECE_BYTES:
            yield b"".join(some)
            some, size = [], 0
    yield b"".join(some)


class FleetCache:
    """An answer about the whole fleet: it holds until the next report, or until the next server turns stale. It goes
    with the fleet that it is about."""

    def body(self, servers: Servers, moment: Moment, make: Callable[[], tuple[Body, float]]) -> Body:
        """The answer about these servers. `make` gives it with the epoch second from which it holds no more."""
        if not isinstance(servers, Part):  # a selection
            return make()[0]
        kept = servers.made.get(self)
        if kept and moment.holds(kept[0], kept[1]):
            return cast(Body, kept[2])
        body, until = make()
        servers.made[self] = (moment, until, body)
        return body


def digest(content: bytes) -> str:
    """What tells one content from another."""
    return blake2b(content, digest_size=TAG_BYTES).hexdigest()
