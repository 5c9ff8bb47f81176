"""The content of the store's file <-> the servers in it (API.md, section 6)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import orjson

from domain.server import Server, restore_servers, server_key

VERSION = "2.0"
_START, _BETWEEN, _END = b',\n"servers":{\n', b",\n", b"\n}}\n"

Upgrade = Callable[[dict[str, Any]], Server | None]
Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Document:
    """One content of the file. `lines` are the servers' bytes as they stand there; `others` are members of a later
    version, kept and never read. Both mappings are sorted by group then host, and nobody changes them."""

    revision: int = 0
    servers: Mapping[str, Server] = field(default_factory=dict)
    lines: Mapping[str, bytes] = field(default_factory=dict)
    others: Mapping[str, Any] = field(default_factory=dict)
    is_upgraded: bool = False  # read from a version 1 file, and not yet written

    def content(self) -> bytes:
        """The bytes of the file: a server a line. The revision stands first, where a reader finds it quickly."""
        head = orjson.dumps({"version": VERSION, "revision": self.revision, **self.others})
        return head[:-1] + _START + _BETWEEN.join(self.lines.values()) + _END

    def changed(self, changes: Mapping[str, Server | None], revision: int) -> "Document":
        """The document with these servers put in, or taken out where None, at a later revision."""
        servers, lines = dict(self.servers), dict(self.lines)
        for key, server in changes.items():
            if server is None:
                servers.pop(key, None)
                lines.pop(key, None)
            else:
                servers[key], lines[key] = server, _line(key, server)
        if servers.keys() <= self.servers.keys():
            return Document(revision, servers, lines, self.others)
        return Document(revision, _in_order(servers), _in_order(lines), self.others)


def read_document(content: bytes, upgrade: Upgrade, known: Document) -> Document:
    """The document of a file's bytes; an empty one for nothing and for `{}`.

    `upgrade` turns the object of a version 1 file into its one server, and any other into None. `known` is what the
    file held before: what did not change since is taken from there. Raises ValueError with what is wrong.
    """
    return _read_changed_lines(content, known) or _read_whole(content, upgrade)


def _read_changed_lines(content: bytes, known: Document) -> Document | None:
    """The document, read only where a line is not known: in a fleet that several processes write, almost all are.

    None for whatever is not laid out as `Document.content` does it: that is read as a whole.
    """
    if not content.endswith(_END):
        return None
    head, _, body = content[: -len(_END)].partition(_START)
    lines = {line[1 : line.find(b'":')].decode("ascii", "replace"): line for line in body.split(_BETWEEN)}
    try:
        members = orjson.loads(head + b"}")
        revision = _take_revision(members)
        if "servers" in members or len(lines) <= body.count(_BETWEEN):  # what stands twice counts once
            return None
        changed = {key: line for key, line in lines.items() if known.lines.get(key) != line}
        fresh = restore_servers(
            {key: orjson.loads(line.removeprefix(b'"%b":' % key.encode())) for key, line in changed.items()}
        )
    except ValueError:
        return None
    servers = {key: fresh.get(key) or known.servers[key] for key in lines}
    return Document(revision, _in_order(servers), _in_order(lines), members)


def _read_whole(content: bytes, upgrade: Upgrade) -> Document:
    members = orjson.loads(content) if content.strip() else {}
    if members == {}:
        return Document()
    if not isinstance(members, dict):
        raise ValueError("it holds no JSON object")
    if "version" not in members and "servers" not in members:
        server = upgrade(members)
        if server is None:
            raise ValueError("it is neither of version 2.0 nor of version 1")
        migrated = {server_key(server["server_group"], server["host"]): server}
        return Document(server["revision"], migrated, _lines(migrated), is_upgraded=True)
    revision = _take_revision(members)
    stored = members.pop("servers", None)
    if not isinstance(stored, dict):
        raise ValueError('it has no object "servers"')
    servers = _in_order(restore_servers(stored))
    return Document(revision, servers, _lines(servers), members)


def _take_revision(members: dict[str, Any]) -> int:
    """The revision of a file of this version, taken out of its members together with the version."""
    version, revision = members.pop("version", None), members.pop("revision", 0)
    if version != VERSION:
        raise ValueError(f"its version is {version!r}, and this service reads {VERSION!r}")
    if type(revision) is not int or not 0 <= revision < 2**63:
        raise ValueError('its "revision" is no whole number')
    return revision


def _in_order(by_key: Mapping[str, Value]) -> Mapping[str, Value]:
    """The same, sorted by group then host: NUL sorts before all that a name can hold, so `a/z` precedes `a-b/a`."""
    keys = sorted(by_key, key=lambda key: key.replace("/", "\0"))
    return by_key if keys == list(by_key) else {key: by_key[key] for key in keys}


def _line(key: str, server: Server) -> bytes:
    return b"%b:%b" % (orjson.dumps(key), orjson.dumps(server))


def _lines(servers: Mapping[str, Server]) -> dict[str, bytes]:
    return {key: _line(key, server) for key, server in servers.items()}
