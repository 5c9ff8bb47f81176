"""A record as it stands in a file."""

from typing import Any

import pytest

from domain.server import FIELDS, Record, new_server, restore_servers, server_key
from tests.stores.kinds import NOW
from tests.stores.records import server


def test_a_new_server_has_every_field_of_a_record() -> None:
    new = new_server("web", "web-01", NOW)
    assert list(new)[: len(FIELDS)] == list(FIELDS) == list(Record.__annotations__)
    assert [new["timestamp"], new["first_seen"], new["status_since"]] == [NOW] * 3
    assert restore_servers({"web/web-01": new}) == {"web/web-01": new}


def test_two_new_servers_do_not_change_with_each_other() -> None:
    assert server_key("web", "web-01") == "web/web-01"
    assert new_server("a", "x", NOW) == new_server("a", "x", NOW)
    assert new_server("a", "x", NOW) is not new_server("a", "x", NOW)


@pytest.mark.parametrize("field", sorted(server("a/x").keys() - {"server_group", "host", "timestamp"}))
def test_a_field_that_a_stored_record_lacks_takes_its_default(field: str) -> None:
    record: dict[str, Any] = {**server("a/x")}
    default = record.pop(field)
    assert restore_servers({"a/x": record}) == {"a/x": {**record, field: default}}


@pytest.mark.parametrize("field", ["server_group", "host", "timestamp"])
def test_a_stored_record_without_name_or_time_is_refused(field: str) -> None:
    record: dict[str, Any] = {**server("a/x")}
    del record[field]
    with pytest.raises(ValueError, match=f"the record 'a/x' is wrong at {field}"):
        restore_servers({"a/x": record})


def test_restoring_takes_the_records_out_of_what_it_was_given_and_leaves_each_as_it_was() -> None:
    record = {"server_group": "a", "host": "x", "timestamp": NOW}
    stored: dict[str, Any] = {"a/x": record}
    assert restore_servers(stored)
    assert stored == {}
    assert record == {"server_group": "a", "host": "x", "timestamp": NOW}


@pytest.mark.parametrize("key", ["a/y", "a", "a/x/", "/x", "A/x", "", "a-x"])
def test_a_record_under_a_key_that_is_not_its_own_is_refused(key: str) -> None:
    with pytest.raises(ValueError, match="holds the names of another server"):
        restore_servers({key: server("a/x")})


@pytest.mark.parametrize("field", ["timestamp", "first_seen", "status_since", "last_cron_check", "last_pipeline_run"])
@pytest.mark.parametrize(
    "time",
    ["2026-13-01T00:00:00Z", "2026-02-30T00:00:00Z", "2026-01-01T25:00:00Z", "0000-01-01T00:00:00Z", "2026-04-26"],
)
def test_a_stored_time_that_never_was_is_refused(field: str, time: str) -> None:
    with pytest.raises(ValueError, match=f"the record 'a/x' is wrong at {field}"):
        restore_servers({"a/x": server("a/x", **{field: time})})
