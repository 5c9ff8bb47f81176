"""The content of the store's file <-> the records in it (API.md, section 6)."""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from domain.kinds import KINDS, SERVER, Kind, Kinds, Texts
from domain.server import MAX_REVISION, Server, is_revision, server_key

NEXT, END = b"},\n", b"}}\n"  # the lines behind the records of a kind
VERSION = "2.0"
WITH_KINDS = "2.1"  # a service that knows servers only reads VERSION alone, and would lose the others

Upgrade = Callable[[dict[str, Any]], Server | None]


@dataclass(frozen=True, slots=True)
class Document:
    """One content of the file. The records of a kind are sorted by part, then by key; `others` are members of a later
    version, kept and never read."""

    revision: int = 0
    records: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    others: Mapping[str, Any] = field(default_factory=dict)
    version: str = VERSION
    is_upgraded: bool = False  # read from a version 1 file, and not yet written

    def content(self, kinds: Kinds = KINDS) -> Iterator[bytes]:
        """The bytes of the file, a record a line; in pieces, so that a large fleet is not held twice."""
        yield orjson.dumps({"version": self.version, "revision": self.revision, **self.others})[:-1]
        for name, kind in kinds.items():
            records = self.records.get(name, {})
            if records or kind is SERVER:
                yield b",\n%b:{" % orjson.dumps(kind.member)
                between = b"\n"
                for key, record in records.items():
                    yield b"%b%b:%b" % (between, orjson.dumps(key), orjson.dumps(record))
                    between = b",\n"
                yield b"\n}"
        yield b"}\n"


def version_for(names: Collection[str], kinds: Kinds = KINDS) -> str:
    """The version of a file that ever held records of these kinds."""
    loses = {name for name in names if name not in kinds or not kinds[name].is_of_service}
    return VERSION if loses <= {SERVER.name} else WITH_KINDS


def read_document(content: bytes, upgrade: Upgrade, kinds: Kinds = KINDS) -> Document:
    """The document of a file's bytes; an empty one for nothing and for `{}`.

    `upgrade` turns the object of a version 1 file into its one server, and any other into None. Raises ValueError
    with what is wrong.
    """
    try:
        return _by_line(content, kinds)
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
        # Its first entry, and so the file, gets its revision.
        return Document(0, {SERVER.name: {key: server}}, is_upgraded=True)
    version, revision = _revision(members)
    stored = {name: members.pop(kind.member, {} if kind is not SERVER else None) for name, kind in kinds.items()}
    for name, of_kind in stored.items():
        if not isinstance(of_kind, dict):
            raise ValueError(f'it has no object "{kinds[name].member}"')
    records = {name: in_order(kinds[name], kinds[name].restore(of_kind)) for name, of_kind in stored.items()}
    return Document(revision, records, members, version)


def _by_line(content: bytes, kinds: Kinds) -> Document:
    """The document of bytes that are laid out as `content` of a document lays them out: as one tree, and then as
    records, a large fleet would be held twice. Raises ValueError for all others."""
    lines, texts, records = _lines(content), Texts(), dict[str, dict[str, Any]]()
    openings = {b"%b:{\n" % orjson.dumps(kind.member): kind for kind in kinds.values()}
    head, closing = next(lines, b""), NEXT
    members = orjson.loads(head.removesuffix(b",\n") + b"}")
    while closing == NEXT and (kind := openings.pop(next(lines, b""), None)):
        records[kind.name], closing = _read_records(lines, kind, texts)
    is_ours = head.endswith(b",\n") and closing == END and not next(lines, b"") and SERVER.name in records
    if not is_ours or members.keys() & {kind.member for kind in kinds.values()}:
        raise ValueError("it is laid out in another way")
    version, revision = _revision(members)
    in_its_order = {name: in_order(kind, records.get(name, {})) for name, kind in kinds.items()}
    return Document(revision, in_its_order, members, version)


def _read_records(lines: Iterator[bytes], kind: Kind[Any], texts: Texts) -> tuple[dict[str, Any], bytes]:
    """The records of a kind, and the line that closes it."""
    records, more = dict[str, Any](), True
    for line in lines:
        if line in (NEXT, END):
            if more and records:
                break
            return records, line
        if not more:
            break
        more = line.endswith(b",\n")
        ((key, stored),) = orjson.loads(b"{%b}" % line.removesuffix(b",\n")).items()
        records[key] = texts.shared(kind.restore({key: stored})[key])
    raise ValueError("a comma or the end is missing")


def _lines(content: bytes) -> Iterator[bytes]:
    start = 0
    while start < len(content):
        end = content.find(b"\n", start) + 1 or len(content)
        yield content[start:end]
        start = end


def _revision(members: dict[str, Any]) -> tuple[str, int]:
    """The version and the revision of a document of ours; takes both out of its members."""
    version, revision = members.pop("version", None), members.pop("revision", 0)
    if version not in (VERSION, WITH_KINDS):
        raise ValueError(f"its version is {version!r}, and this service reads {VERSION!r} and {WITH_KINDS!r}")
    if not is_revision(revision):
        raise ValueError(f'its "revision" is no whole number from 0 to {MAX_REVISION}')
    return version, revision


def in_order(kind: Kind[Any], records: Mapping[str, Any]) -> dict[str, Any]:
    """The same, sorted by part, then by key: so `a/z` precedes `a-b/a`."""
    return {key: records[key] for key in sorted(records, key=kind.order)}
