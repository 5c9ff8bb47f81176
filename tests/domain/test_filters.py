"""What any reading makes of its parameters; what those about servers select is in test_query.py."""

import pytest

from domain.errors import Invalid
from domain.filters import MAX_LIMIT, Parameters, choices
from domain.history import Entry

NOW = 1_777_200_000
ALLOWED = ("state", "host", "open", "after", "before", "step", "by", "limit", "offset")
STATES = {"state": ("waiting", "done")}


def given(**values: str) -> Parameters:
    return Parameters(values.items(), ALLOWED)


def test_each_kind_of_parameter_is_read_as_what_it_is() -> None:
    parameters = given(
        state="{waiting,done}", host="a", open="1", after="1777200000.5", step="15m", by="host", limit="3", _q="x"
    )
    words = parameters.words(("state", "host"), STATES)
    assert set(words["state"]) == {"waiting", "done"}
    assert "a" in words["host"]
    assert parameters.flags(["open"]) == {"open": {True}}
    assert parameters.bounds({"after": True, "before": False}, NOW) == {"after": "2026-04-26T10:40:01Z"}
    assert parameters.length("step", 60) == 900
    assert parameters.choice("by", ("host", "state")) == "host"
    assert (parameters.limit(), parameters.offset()) == (3, 0)
    parameters.check()


def test_what_is_left_out_or_empty_filters_nothing() -> None:
    parameters = given(state="", open="All", after="*", step="")
    assert not parameters.words(("state", "host"), STATES)
    assert not parameters.flags(["open"])
    assert parameters.bounds({"after": True}, NOW) == {}
    assert (parameters.length("step", 60), parameters.limit(), parameters.offset()) == (60, None, 0)
    parameters.check()


def test_every_bad_parameter_is_named_at_once_with_what_would_do() -> None:
    parameters = given(state="lost", open="maybe", after="soon", step="0", by="x", limit="0", offset="-1", typo="1")
    parameters.words(("state",), STATES)
    parameters.flags(["open"])
    parameters.bounds({"after": True}, NOW)
    parameters.length("step", 60)
    parameters.choice("by", ("host", "state"))
    parameters.limit()
    parameters.offset()
    with pytest.raises(Invalid) as raised:
        parameters.check()
    assert raised.value.fields == {
        "typo": "is no parameter here",
        "state": "must be waiting or done",
        "open": "must be true, false, 1 or 0",
        "after": "must be an RFC 3339 time, epoch seconds or milliseconds, or a length back from now such as 45s, 15m, "
        "24h or 7d",
        "step": "must be a length such as 60s, 15m, 1h or 1d, or whole seconds from 1",
        "by": "must be host or state",
        "limit": f"must be from 1 to {MAX_LIMIT:,}",
        "offset": "must be a whole number from 0",
    }
    assert str(raised.value).startswith("'typo' is no parameter here, 'state' must be waiting or done, ")
    assert str(raised.value).endswith(f". Allowed are: {', '.join(ALLOWED)}.")


def test_a_filter_of_a_field_that_may_be_null_takes_none() -> None:
    assert choices(Entry)["from_status"] == ("synced", "out_of_sync", "failed", "unknown", "none")
    assert "host" not in choices(Entry)
