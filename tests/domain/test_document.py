"""The content of the file and the servers in it say the same; and the quick way to read it says what the slow one does."""

import json
from collections.abc import Sequence
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from domain.document import Document, _read_whole, read_document
from domain.server import STATUSES, Server
from tests.storage.records import server

KEYS = ["a/x", "a/y", "a-b/x", "a.b/x", "a:b/x", "b/x", "A/x"]

_servers = st.builds(
    server,
    st.sampled_from(KEYS),
    status=st.sampled_from(STATUSES),
    validation_message=st.text(st.characters(codec="utf-8"), max_size=20),
    changed_files=st.lists(st.sampled_from(["/etc/a", '"},\n"', "}\n}}\n", "ä"]), max_size=2),
    check_interval=st.none() | st.integers(1, 9),
    revision=st.integers(0, 99),
)
_fleets = st.lists(_servers, max_size=5).map(lambda servers: {_key(one): one for one in servers})


def _key(one: Server) -> str:
    return f"{one['server_group']}/{one['host']}"


def _refuse(_document: dict[str, Any]) -> None:
    return None


def _read(content: bytes, known: Document) -> Document | str:
    """What is read, or that nothing can be."""
    try:
        return read_document(content, _refuse, known)
    except ValueError:
        return "damaged"


def _whole(content: bytes) -> Document | str:
    """What the slow way reads: it is asked by its name, lest the quick way is compared with itself."""
    try:
        return _read_whole(content, _refuse)
    except ValueError:
        return "damaged"


def _meaning(read: Document | str) -> Any:
    """What is said, without the bytes it was said in."""
    if isinstance(read, str):
        return read
    lines = {key: json.loads(b"{%b}" % line) for key, line in read.lines.items()}
    assert list(lines) == list(read.servers)
    for key, line in lines.items():
        assert line.keys() == {key}
        assert {**read.servers[key]}.items() >= line[key].items()
    return read.revision, read.servers, list(read.servers), read.others, read.is_upgraded


@given(
    _fleets,
    st.integers(0, 10**9),
    st.dictionaries(st.sampled_from(["notes", "x"]), st.none() | st.text("ab\n,"), max_size=2),
)
def test_what_is_written_reads_back(fleet: dict[str, Server], revision: int, others: dict[str, Any]) -> None:
    document = Document(others=others).changed(fleet, revision)
    content = document.content()
    assert content.count(b"\n") == 3 + max(1, len(fleet))
    assert read_document(content, _refuse, Document()) == document
    assert read_document(content, _refuse, document) == document
    assert _meaning(_whole(content)) == _meaning(document)
    value = json.loads(content)
    assert list(value)[:2] == ["version", "revision"]
    assert value["servers"] == fleet
    assert list(value["servers"]) == sorted(fleet, key=lambda key: key.split("/"))


@given(_fleets, st.lists(st.tuples(st.sampled_from(KEYS), st.none() | _servers), max_size=5))
def test_a_change_does_what_a_plain_dict_does_and_leaves_the_document_before_as_it_was(
    fleet: dict[str, Server], edits: Sequence[tuple[str, Server | None]]
) -> None:
    changes = dict((_key(one), one) if one else (key, None) for key, one in edits)
    document = Document().changed(fleet, 1)
    content = document.content()
    changed = document.changed(changes, 2)
    expected = {key: one for key, one in {**fleet, **changes}.items() if one}
    assert changed.servers == expected
    assert list(changed.servers) == list(changed.lines) == sorted(expected, key=lambda key: key.split("/"))
    assert changed == Document().changed(expected, 2)
    assert (document.content(), document.servers) == (content, fleet)


_PIECES = [
    b"", b"\n", b",", b",\n", b"},\n", b"}", b"{", b'"', b'"a/x":', b'"a/x":{},\n', b'"servers":{\n', b',"b/x":{}', b"\n}}\n", b" ", b"\\",
    b"\x00", b"\xff", b'"version":"3.0",', b'"servers":{},', b'"revision":1,', b"1",
]  # fmt: skip


@st.composite
def _edited(draw: st.DrawFn, content: bytes) -> bytes:
    """The content after a few of the accidents that happen to a file: to its lines, to its marks, to its length."""
    for _ in range(draw(st.integers(1, 3))):
        lines = content.split(b"\n")
        here, there = (draw(st.integers(0, len(lines) - 1)) for _ in "ab")
        ends = [place + by for place, byte in enumerate(content) if byte == ord("\n") for by in (-1, 0, 1)]
        place = draw(st.sampled_from(ends or [0]) | st.integers(0, len(content)))
        match draw(st.sampled_from(["swap", "double", "drop", "join", "put", "cut", "remove", "mark"])):
            case "swap":
                lines[here], lines[there] = lines[there], lines[here]
                content = b"\n".join(lines)
            case "double":
                content = b"\n".join([*lines[:here], lines[there], *lines[here:]])
            case "drop":
                content = b"\n".join(lines[:here] + lines[here + 1 :])
            case "join":
                content = b"\n".join([*lines[:here], b"".join(lines[here : here + 2]), *lines[here + 2 :]])
            case "put":
                content = content[:place] + draw(st.sampled_from(_PIECES)) + content[place:]
            case "cut":
                content = content[:place]
            case "remove":
                content = content[:place] + content[place + draw(st.integers(1, 3)) :]
            case "mark":  # what holds the file together
                mark = draw(st.sampled_from([b",\n", b"},", b'"servers"', b"\n}}\n", b'":', b'"a/x"', b"{", b"}"]))
                content = content.replace(mark, draw(st.sampled_from(_PIECES)), draw(st.sampled_from([1, -1])))
    return content


@settings(max_examples=500, deadline=None)
@given(_fleets, _fleets, st.data())
def test_the_quick_way_to_read_gives_what_the_slow_one_gives_whatever_happened_to_the_bytes(
    fleet: dict[str, Server], older: dict[str, Server], data: st.DataObject
) -> None:
    written = Document().changed(fleet, 33)
    content = data.draw(_edited(written.content()), label="content")
    expected = _meaning(_whole(content))
    assert _meaning(_read(content, Document())) == expected
    assert _meaning(_read(content, written)) == expected
    assert _meaning(_read(content, Document().changed({**fleet, **older}, 32))) == expected


_A, _B = (Document().changed({key: server(key)}, 1).lines[key] for key in ("a/x", "b/x"))
_HEAD = b'{"version":"2.0","revision":33'


@example(_HEAD + b',\n"servers":{')  # nothing but the beginning
@example(_HEAD + b',\n"servers":{\n' + _A)  # cut at the end of a line
@example(_HEAD + b',\n"servers":{\n' + _A + b",\n" + _B)
@example(_HEAD + b',\n"servers":{\n' + _A + b",\n}}\n")  # a comma too many
@example(_HEAD + b'\n"servers":{\n' + _A + b"\n}}\n")  # a comma too few
@example(_HEAD + b'x\n"servers":{\n' + _A + b"\n}}\n")
@example(_HEAD + b',"servers":{},\n"servers":{\n' + _A + b"\n}}\n")
@example(_HEAD + b',\n"servers":{\n' + _A + b"," + _B + b"\n}}\n")  # two on a line
@example(_HEAD + b',\n"servers":{\n"a/x":{{},\n' + _A + b"\n}}\n")  # twice, once damaged
@example(_HEAD + b',\n"servers":{\n"a/x":{},\n' + _A + b"\n}}\n")
@example(_HEAD + b',\n"servers":{\n' + _B + b",\n" + _A + b"\n}}\n")  # out of order
@example(_HEAD + b',\n"servers":{\n' + _A.replace(b'"', b"'", 1) + b"\n}}\n")
@example(_HEAD + b',\n"servers":{\n' + _A.replace(b'"', b"x", 1) + b"\n}}\n")
@example(_HEAD + b',\n"servers":{\n' + _A + b'},"z":{"q":{}\n}}\n')  # a member behind
@example(_HEAD + b',\n"servers":{\n\n}}\n')
@example(_HEAD + b',\n"servers":{}}\n')
@given(st.binary(max_size=50))
def test_the_quick_way_gives_what_the_slow_one_gives_for_slips_of_the_pen(content: bytes) -> None:
    expected = _meaning(_whole(content))
    for known in (Document(), Document().changed({key: server(key) for key in ("a/x", "b/x")}, 1)):
        assert _meaning(_read(content, known)) == expected


@given(_fleets)
def test_what_did_not_change_is_the_same_object_as_before(fleet: dict[str, Server]) -> None:
    """So the rows that are made of it need not be made again."""
    document = Document().changed(fleet, 1)
    again = read_document(document.changed({"z/x": server("z/x")}, 2).content(), _refuse, document)
    assert all(again.servers[key] is one for key, one in document.servers.items())
    assert again.servers.keys() == {*fleet, "z/x"}
