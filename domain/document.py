"""The content of the store's file <-> the servers in it (API.md, section 6)."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from domain.server import MAX_REVISION, Server, Texts, is_revision, restore_servers, restored, server_key

VERSION = "2.0"

Upgrade = Callable[[dict[str, Any]], Server | None]


@dataclass(frozen=True, slots=True)
class Document:
    """One content of the file. `servers` are sorted by group then host; `others` are members of a later version, kept
    and never read."""

    revision: int = 0
    servers: Mapping[str, Server] = field(default_factory=dict)
    others: Mapping[str, Any] = field(default_factory=dict)
    is_upgraded: bool = False  # read from a version 1 file, and not yet written

    def content(self) -> Iterator[bytes]:
        """The bytes of the file, a server a line; in pieces, so that a large fleet is not held twice."""
        yield orjson.dumps({"version": VERSION, "revision": self.revision, **self.others})[:-1]
        yield b',\n"servers":{'
        between = b"\n"
        for key, server in self.servers.items():
            yield b"%b%b:%b" % (between, orjson.dumps(key), orjson.dumps(server))
            between = b",\n"
        yield b"\n}}\n"


def read_document(content: bytes, upgrade: Upgrade) -> Document:
    """The document of a file's bytes; an empty one for nothing and for `{}`.

    `upgrade` turns the object of a version 1 file into its one server, and any other into None. Raises ValueError
    with what is wrong.
    """
    try:
        return _by_line(content)
    except ValueError:
        pass  # what is wrong, or only written in another way, is found below
    members = orjson.loads(content) if content.strip() else {}
    if members == {}:
        return Document()
    if not isinstance(members, dict):
        raise ValueError("it holds no JSON object")
    if "version" not in members and "servers" not in members:
        server = upgrade(members)
        if server is None:
            raise ValueError("it is neither of version 2.0 nor of version 1")
        key = server_key(server["server_group"], server["host"])
        return Document(0, {key: server}, is_upgraded=True)  # its first entry, and so the file, gets its revision
    revision, servers = _revision(members), members.pop("servers", None)
    if not isinstance(servers, dict):
        raise ValueError('it has no object "servers"')
    return Document(revision, in_order(restore_servers(servers)), members)


def _by_line(content: bytes) -> Document:
    """The document of bytes that are laid out as `content` of a document lays them out: as one tree, and then as
    records, a large fleet would be held twice. Raises ValueError for all others."""
    lines, texts, servers = _lines(content), Texts(), dict[str, Server]()
    head, opening = next(lines, b""), next(lines, b"")
    members, more = orjson.loads(head.removesuffix(b",\n") + b"}"), True
    is_ours = head.endswith(b",\n") and opening == b'"servers":{\n' and "servers" not in members
    for line in lines:
        if not is_ours or line == b"}}\n":
            break
        is_ours, more = more, line.endswith(b",\n")
        ((key, record),) = orjson.loads(b"{%b}" % line.removesuffix(b",\n")).items()
        servers[key] = texts.shared(restored(key, record))
    else:
        is_ours = False  # there is no end
    if not is_ours or (more and servers) or next(lines, b""):
        raise ValueError("it is laid out in another way")
    return Document(_revision(members), in_order(servers), members)


def _lines(content: bytes) -> Iterator[bytes]:
    start = 0
    while start < len(content):
        end = content.find(b"\n", start) + 1 or len(content)
        yield content[start:end]
        start = end


def _revision(members: dict[str, Any]) -> int:
    """The revision of a document of our version; takes both out of its members."""
    version = members.pop("version", None)
    revision: int = members.pop("revision", 0)
    if version != VERSION:
        raise ValueError(f"its version is {version!r}, and this service reads {VERSION!r}")
    if not is_revision(revision):
        raise ValueError(f'its "revision" is no whole number from 0 to {MAX_REVISION}')
    return revision


def in_order(servers: Mapping[str, Server]) -> dict[str, Server]:
    """The same, sorted by group then host: NUL sorts before all that a name can hold, so `a/z` precedes `a-b/a`."""
    return {key: servers[key] for key in sorted(servers, key=lambda key: key.replace("/", "\0"))}
