"""The bytes of a body become the value that they say, or an Invalid."""

import json
import tracemalloc
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from domain.errors import Invalid
from domain.strict_json import MAX_DEPTH, MAX_PARTS, parse_json

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


@pytest.mark.parametrize("part", ["{}", "[]", '{"":[]}', '"\\\\",{}', '"\\"",[]', '"{",{}'])
def test_what_is_all_brackets_is_refused_before_any_of_it_is_made(part: str) -> None:
    body = b"[%b]" % b",".join([part.encode()] * (MAX_PARTS + 1))
    tracemalloc.start()
    try:
        with pytest.raises(Invalid, match="more than 200,000 objects, arrays and names"):
            parse_json(body)
        assert tracemalloc.get_traced_memory()[1] < (20 if '"' in part else 1) * len(body)
    finally:
        tracemalloc.stop()


def test_as_many_parts_as_a_thousand_full_reports_have_are_read_and_those_in_a_text_do_not_count() -> None:
    report = {**{f"name-{number}": "x" for number in range(120)}, "files": ["a"], "message": "{[:" * 40}
    body = json.dumps([report] * 1_000).encode()
    assert len(parse_json(body)) == 1_000
