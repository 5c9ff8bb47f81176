"""The content of the file and the servers in it say the same."""

import json
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.document import WITH_KINDS, Document, in_order, read_document
from domain.kinds import KINDS as ALL_KINDS
from domain.kinds import SERVER
from domain.server import STATUSES, Server
from tests.stores.kinds import KINDS, tick
from tests.stores.records import server

KEYS = ["a/x", "a/y", "a-b/x", "a.b/x", "b/x", "A/x"]

_servers = st.builds(
    server,
    st.sampled_from(KEYS),
    status=st.sampled_from(STATUSES),
    validation_message=st.text(st.characters(codec="utf-8"), max_size=20),
    changed_files=st.lists(st.sampled_from(["/etc/a", '"},\n"', "}\n}}\n", "ä"]), max_size=2),
    check_interval=st.none() | st.integers(1, 9),
    revision=st.integers(0, 99),
    later=st.none() | st.floats(0, 1),  # a field of a later version
)
_fleets = st.lists(_servers, max_size=5).map(
    lambda servers: in_order(SERVER, {f"{one['server_group']}/{one['host']}": one for one in servers})
)
_others = st.dictionaries(st.sampled_from(["notes", "x"]), st.none() | st.text("ab\n,") | st.lists(st.integers(0, 9)))


def _refuse(_document: dict[str, Any]) -> None:
    return None


@given(_fleets, st.integers(0, 10**9), _others)
def test_what_is_written_reads_back_with_what_a_later_version_added(
    fleet: dict[str, Server], revision: int, others: dict[str, Any]
) -> None:
    document = Document(revision, {**{name: {} for name in ALL_KINDS}, "server": fleet}, others)
    again = read_document(b"".join(document.content()), _refuse)
    assert again == document
    assert list(again.records["server"]) == list(fleet)


@given(_fleets, _others)
def test_any_json_reader_finds_the_version_the_revision_and_a_server_a_line(
    fleet: dict[str, Server], others: dict[str, Any]
) -> None:
    content = b"".join(Document(7, {"server": fleet}, others).content())
    value = json.loads(content)
    assert list(value) == ["version", "revision", *others, "servers"]
    assert value == {"version": "2.0", "revision": 7, **others, "servers": fleet}
    found = [line.removesuffix(b",") for line in content.splitlines() if b'"host":' in line]
    assert [json.loads(b"{%b}" % line) for line in found] == [{key: one} for key, one in fleet.items()]


@given(_fleets, st.permutations(KEYS))
def test_whatever_the_layout_of_the_file_its_servers_come_sorted_by_group_then_host(
    fleet: dict[str, Server], order: list[str]
) -> None:
    shuffled = {key: fleet[key] for key in order if key in fleet}
    content = json.dumps({"servers": shuffled, "revision": 1, "version": "2.0"}, indent=4).encode()
    assert list(read_document(content, _refuse).records["server"]) == sorted(fleet, key=lambda key: key.split("/"))


@pytest.mark.parametrize(
    "replaced", [b"", b'"servers":{},\n', b",", b"\n", b"}", b"}}\n", b"},\n", b'"ticks":{\n', b'"', b'"servers":{\n']
)
def test_a_file_that_differs_somewhere_from_how_it_is_written_is_what_any_json_reader_finds(replaced: bytes) -> None:
    servers, ticks = {key: server(key) for key in ("a/x", "b/x")}, {"a": tick("a"), "b": tick("b", 9)}
    written = b"".join(Document(7, {"server": servers, "tick": ticks}, {"x": 1}, WITH_KINDS).content(KINDS))
    middle = written.index(b'"b/x"')
    for place in [*range(1, 75), *range(middle - 30, middle + 30), *range(len(written) - 110, len(written))]:
        for rest in (written[place:], written[place + 1 :], b""):
            content = written[:place] + replaced + rest
            try:
                laid_out_otherwise = json.dumps(json.loads(content), indent=1).encode()
            except ValueError:
                assert isinstance(_read(content), str)
                continue
            assert _read(content) == _read(laid_out_otherwise)


def test_a_file_without_servers_is_none_of_ours_however_it_is_laid_out() -> None:
    written = b"".join(Document(7, {"server": {}, "tick": {"a": tick("a")}}, {}, WITH_KINDS).content(KINDS))
    assert _read(written.replace(b'"servers":{\n},\n', b"")) == 'it has no object "servers"'


def _read(content: bytes) -> object:
    try:
        return read_document(content, _refuse, KINDS)
    except ValueError as error:
        return str(error)


@pytest.mark.parametrize("content", [b"", b" \n\t", b"{}", b" { }\n"])
def test_nothing_is_an_empty_document(content: bytes) -> None:
    assert read_document(content, _refuse) == Document()


def test_a_document_of_version_1_is_handed_to_the_upgrade() -> None:
    seen = list[dict[str, Any]]()

    def upgrade(document: dict[str, Any]) -> Server:
        seen.append(document)
        return cast(Server, {**server("a/x"), "revision": 1})

    document = read_document(b'{"sync_status":"SYNCED"}', upgrade)
    assert seen == [{"sync_status": "SYNCED"}]
    assert (document.revision, list(document.records["server"]), document.is_upgraded) == (0, ["a/x"], True)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b'{"version":"2.0"', "unexpected end"),
        (b"[]", "no JSON object"),
        (b'{"foo":1}', "neither of version 2.0 nor of version 1"),
        (b'{"version":"3.0","servers":{}}', "its version is '3.0'"),
        (b'{"version":"2.0","servers":[]}', 'no object "servers"'),
        *[
            (b'{"version":"2.0","servers":{},"revision":%b}' % odd, '"revision" is no whole number')
            for odd in (b"-1", b"1.5", b"1e3", b"true", b"null", b'"1"', b"9007199254740992", b"9223372036854775807")
        ],
        (b'{"version":"2.0","servers":{"a/x":{}}}', "the record 'a/x' is wrong"),
    ],
)
def test_what_cannot_be_understood_is_refused_in_a_sentence(content: bytes, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        read_document(content, _refuse)
