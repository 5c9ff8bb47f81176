"""What Grafana's Infinity datasource asks of a JSON answer: where it is not so, a panel is red, or empty and silent."""

import json
import re
from collections.abc import Collection
from typing import Any

from tests.web.api import Answer

RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
TIMES = {
    "time", "timestamp", "first_seen", "status_since", "last_pipeline_run", "last_cron_check", "last_report",
    "last_check",
}  # fmt: skip
NUMBERS_OR_NULL = {"check_interval"}  # nobody compares it, so that null fails no query


def assert_infinity_safe(answer: Answer, lists: Collection[str] = ()) -> None:
    """A 200 with JSON: rows of the same keys, each key of one type; `lists` names those that may hold lists of strings."""
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.response.data.strip()
    content = json.loads(answer.response.data, parse_constant=_no_number)
    rows = content if isinstance(content, list) else [content]
    types: dict[str, set[str]] = {}
    for row in rows:
        assert isinstance(row, dict), row
        assert row.keys() == rows[0].keys()
        for key, value in row.items():
            assert "." not in key, key
            if key in TIMES and value is not None:
                assert RFC_3339.fullmatch(value), f"{key} is {value}"
            if key in lists:
                assert all(isinstance(element, str) for element in value), f"{key} is {value}"
            else:
                types.setdefault(key, set()).add(_type(key, value))
    for key, seen in types.items():
        assert len(seen - {"null"}) <= 1, f"{key} is of the types {seen}"
        if key not in NUMBERS_OR_NULL:
            assert seen != {"number", "null"}, f"{key} is a number, and null in another row"


def _type(key: str, value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case str():
            return "string"
    raise AssertionError(f"{key} is no scalar: {value}")


def _no_number(word: str) -> None:
    raise AssertionError(f"{word} is no JSON")
