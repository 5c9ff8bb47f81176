"""A body becomes reports, or an Invalid that says all that is wrong."""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from domain.errors import Invalid
from domain.report import MAX_DEPTH, MAX_MESSAGE, cut, parse_json, printable, read_reports, without_doubles

_numbers = st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
_texts = st.text(st.characters(codec="utf-8"))
_scalars = st.none() | st.booleans() | _numbers | _texts
_values = st.recursive(_scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_texts, inner, max_size=4))


def _nested(levels: int, kind: str) -> bytes:
    start, end = ("[", "]") if kind == "list" else ('{"a":', "}")
    return (start * levels + "1" + end * levels).encode()


@given(st.binary() | st.text().map(lambda text: text.encode("utf-8", "surrogatepass")))
@example(b"NaN")
@example(b"[Infinity]")
@example(b'{"a":1,"a":2}')
@example(b'{"a":1,"\\u0061":2}')
@example(b'"\\ud800"')
@example(b"\xef\xbb\xbf{}")
@example(b"\xff\xfe{\x00}\x00")
@example(b"1" * 5_000)
@example(b"1" * 5_000 + b".5")
@example(b"1e400")
@example(b"-0")
@example(b"[" * 100_000)
@example(b"\x0b1")
@example(b'"\x00"')
@example(b"[1,]")
@example(b"{} {}")
def test_any_bytes_are_invalid_or_the_value_that_json_says(body: bytes) -> None:
    try:
        value = parse_json(body)
    except Invalid:
        return
    assert value == json.loads(body, parse_int=float) or value == json.loads(body)


@given(_values)
def test_whatever_json_can_say_is_read_as_it_was_meant(value: Any) -> None:
    for body in (json.dumps(value), json.dumps(value, ensure_ascii=False, indent=1)):
        assert parse_json(body.encode()) == value


@pytest.mark.parametrize("kind", ["list", "object"])
def test_the_nesting_is_limited(kind: str) -> None:
    assert parse_json(_nested(MAX_DEPTH, kind)) == json.loads(_nested(MAX_DEPTH, kind))
    for levels in (MAX_DEPTH + 1, 500, 1_100, 50_000):
        with pytest.raises(Invalid):
            parse_json(_nested(levels, kind))


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 9)), min_size=1, max_size=4), st.booleans())
def test_a_key_that_stands_twice_is_refused_at_any_depth(pairs: list[tuple[str, int]], is_deep: bool) -> None:
    text = "{" + ",".join(f'"{name}":{number}' for name, number in pairs) + "}"
    body = (f'[{{"deep":[{text}]}}]' if is_deep else text).encode()
    names = [name for name, _ in pairs]
    if len(set(names)) == len(names):
        assert parse_json(body) == json.loads(body)
    else:
        with pytest.raises(Invalid, match="stands twice"):
            parse_json(body)


@given(
    _values
    | st.dictionaries(st.sampled_from(["server_group", "host", "status", "changed_files", "check_interval"]), _values)
)
def test_no_json_makes_the_reading_of_reports_fail_in_another_way(value: Any) -> None:
    for source in ("pipeline", "cron"):
        with contextlib.suppress(Invalid):
            read_reports(source, json.dumps(value).encode())


@given(st.text())
def test_a_text_is_made_printable_and_is_else_as_it_was(text: str) -> None:
    shown = printable(text)
    assert len(shown) == len(text)
    for before, after in zip(text, shown, strict=True):
        is_control = (ord(before) < 32 and before not in "\t\n\r") or 127 <= ord(before) < 160
        assert after == ("\ufffd" if is_control else before)
    assert printable(shown) == shown


@pytest.mark.parametrize("length", [0, 1, MAX_MESSAGE - 1, MAX_MESSAGE])
def test_a_message_that_fits_is_kept(length: int) -> None:
    assert cut("ä" * length) == "ä" * length


@pytest.mark.parametrize("length", [MAX_MESSAGE + 1, 100_000])
def test_a_message_that_is_too_long_ends_in_an_ellipsis(length: int) -> None:
    assert cut("ä" * length) == "ä" * (MAX_MESSAGE - 1) + "…"
    assert len(cut("x" * length)) == MAX_MESSAGE


@given(st.lists(st.sampled_from(["/a", "/b", "/A", ""])))
def test_doubles_are_dropped_and_the_order_is_kept(files: list[str]) -> None:
    once = without_doubles(iter(files))
    assert sorted(once) == sorted(set(files))
    assert [files.index(name) for name in once] == sorted(files.index(name) for name in once)


def test_the_limit_of_files_counts_each_name_once() -> None:
    def body(files: list[str]) -> bytes:
        return json.dumps({"server_group": "a", "host": "x", "changed_files": files}).encode()

    names = [f"/{number}" for number in range(1_000)]
    (report,) = read_reports("cron", body(names * 2)).reports
    assert report.fields["changed_files"] == names
    with pytest.raises(Invalid, match="at most 1,000 names"):
        read_reports("cron", body([*names, "/one-more"]))
