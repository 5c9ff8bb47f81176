"""The rows of servers as ready bytes, kept by group: when something changes, those of its group alone are made anew."""

import struct
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import orjson

from domain.freshness import Moment, holds_until
from domain.server import Servers
from storage import Part
from web.base.answers import LEVEL, digest, row

# A gzip member is its head, deflated blocks, a last one, the checksum and the length of all (RFC 1952). A block that a
# full flush ended needs nothing of those before it, so the blocks of all groups fit together in any order. As members
# of their own they would not do: httpx 0.28 and Chromium 156 show the first alone.
HEAD = b"\x1f\x8b\x08\0\0\0\0\0\4\xff"
LAST_BLOCK = b"\3\0"


class Board:
    """Makes the arrays of rows, and remembers what is costly about them."""

    def __init__(self) -> None:
        self.checksum = ("", 0)  # of the array with this tag

    def array(self, parts: Mapping[str, Servers], moment: Moment) -> "Array":
        """The array of the servers in all parts."""
        return Array(self, [self._rows(servers, moment) for servers in parts.values() if servers])

    def _rows(self, servers: Servers, moment: Moment) -> "_Rows":
        if not isinstance(servers, Part):  # a selection
            return _Rows.of(servers, moment)
        rows: _Rows | None = servers.made.get(self)
        if not rows or not moment.holds(rows.since, rows.until):
            servers.made[self] = rows = _Rows.of(servers, moment)
        return rows


@dataclass(frozen=True)
class _Rows:
    """The rows of some servers, and from which moment until which second they are so."""

    since: Moment
    until: float
    content: bytes

    @classmethod
    def of(cls, servers: Servers, moment: Moment) -> "_Rows":
        """The rows at a moment, until time alone makes one of them another."""
        content = bytearray()  # and no list: what orjson gives takes kilobytes a row
        for server in servers.values():
            content += orjson.dumps(row(server, moment)) + BETWEEN
        return cls(moment, holds_until(servers.values(), moment), bytes(content.removesuffix(BETWEEN)))

    @cached_property
    def digest(self) -> str:
        return digest(self.content)

    @cached_property
    def block(self) -> bytes:
        return _deflated(self.content)


@dataclass(frozen=True)
class Array:
    """An array of rows as a body."""

    board: Board
    rows: Sequence[_Rows]

    @cached_property
    def tag(self) -> str:
        """Made of the digests of its rows: to hash megabytes each time takes longer than to send them."""
        return digest("".join([rows.digest for rows in self.rows]).encode())

    def plain(self) -> Sequence[bytes]:
        """The bytes, in pieces."""
        return _framed([rows.content for rows in self.rows], OPENING, BETWEEN, CLOSING)

    def compressed(self) -> Sequence[bytes]:
        """The same as one gzip member."""
        plain, (tag, checksum) = self.plain(), self.board.checksum
        if tag != self.tag:
            checksum = 0
            for piece in plain:
                checksum = zlib.crc32(piece, checksum)
            self.board.checksum = (self.tag, checksum)
        blocks = _framed([rows.block for rows in self.rows], *map(_deflated, (OPENING, BETWEEN, CLOSING)))
        return [HEAD, *blocks, LAST_BLOCK, struct.pack("<LL", checksum, sum(map(len, plain)) % 2**32)]


OPENING, BETWEEN, CLOSING = b"[", b",\n", b"]\n"


def _framed(pieces: Sequence[bytes], opening: bytes, between: bytes, closing: bytes) -> list[bytes]:
    return [opening, *[one for piece in pieces for one in (between, piece)][1:], closing]


def _deflated(content: bytes) -> bytes:
    packer = zlib.compressobj(LEVEL, wbits=-zlib.MAX_WBITS)
    return packer.compress(content) + packer.flush(zlib.Z_FULL_FLUSH)
