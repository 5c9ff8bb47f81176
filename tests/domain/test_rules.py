"""The one place where a record changes."""

import copy
from dataclasses import replace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import rules
from domain.history import Source
from domain.report import RUN_DEFAULTS, Report
from domain.rules import MOST_AGENTS
from domain.server import DESCRIPTIVE, STATUSES, Server, restore_servers
from domain.times import epoch, time_text
from tests.stores.kinds import NOW
from tests.stores.records import server

LATER = "2026-04-26T11:00:00Z"

_text = st.text("abc", max_size=3)
_files = st.lists(st.sampled_from(["/a", "/b"]), max_size=2, unique=True)
_status = st.sampled_from(STATUSES)
_described = st.dictionaries(st.sampled_from(DESCRIPTIVE), _text)
_pipeline = st.builds(
    lambda status, described, run: Report(
        "pipeline", "a", "x", {**RUN_DEFAULTS, **described, **run, "status": status}, {}
    ),
    _status,
    _described,
    st.fixed_dictionaries({}, optional={"changed_files": _files, "commit_sha": _text, "updated_by": _text}),
)
_cron = st.builds(
    lambda status, rest, described: Report(
        "cron", "a", "x", {**rest, "status": status}, {**described, "updated_by": "cron"}
    ),
    _status,
    st.fixed_dictionaries({}, optional={"changed_files": _files, "check_interval": st.integers(1, 9)}),
    _described,
)
_legacy = st.builds(
    lambda status, files, described: Report(
        "legacy", "a", "x", {"status": status, "changed_files": files, "updated_by": "legacy", "legacy": {}}, described
    ),
    _status,
    _files,
    _described,
)
_reports = _pipeline | _cron | _legacy
_servers = st.builds(
    lambda fields, more: server("a/x", **fields, **more),
    st.fixed_dictionaries(
        {"status": _status, "changed_files": _files, "branch": _text, "check_interval": st.none() | st.integers(1, 9)}
    ),
    st.fixed_dictionaries({}, optional={"legacy": st.just({"drift_count": 1}), "of_a_later_version": _text}),
)

# What the service writes itself, whatever a report says.
_OWN = {"timestamp", "revision", "status_since", "legacy_revision", "legacy"}
_VERDICTS = {
    "pipeline": {"pipeline_status", "last_pipeline_run"},
    "legacy": {"pipeline_status", "last_pipeline_run"},
    "cron": {"drift_status", "last_cron_check"},
}


@given(st.none() | _servers, _reports)
def test_a_report_changes_neither_the_record_before_nor_itself(before: Server | None, report: Report) -> None:
    was, said = copy.deepcopy(before), copy.deepcopy(report)
    rules.apply(before, report, LATER, 7)
    assert (before, report) == (was, said)


@given(_servers, _reports)
def test_what_a_report_does_not_name_stays(before: Server, report: Report) -> None:
    after: dict[str, Any] = {**rules.apply(before, report, LATER, 7)}
    written = report.fields.keys() | _OWN | _VERDICTS[report.source]
    kept = {name: value for name, value in before.items() if name not in written}
    assert kept == {name: value for name, value in after.items() if name not in written}
    assert after.items() >= dict(report.fields).items()


@given(st.none() | _servers, _reports)
def test_the_verdict_and_the_times_are_of_this_report(before: Server | None, report: Report) -> None:
    after = rules.apply(before, report, LATER, 7)
    verdict, run = (after["drift_status"], after["last_cron_check"])
    if report.source != "cron":
        verdict, run = (after["pipeline_status"], after["last_pipeline_run"])
    assert (verdict, run) == (report.fields["status"], LATER)
    assert (after["timestamp"], after["revision"]) == (LATER, 7)
    assert after["legacy_revision"] == (7 if report.source == "legacy" else 0)
    assert ("legacy" in after) == (report.source == "legacy")


@given(_servers, _reports)
def test_the_status_is_as_old_as_its_last_change(before: Server, report: Report) -> None:
    after = rules.apply(before, report, LATER, 7)
    assert after["status_since"] == (NOW if after["status"] == before["status"] else LATER)
    assert after["first_seen"] == before["first_seen"] == NOW


@given(_reports)
def test_the_first_report_makes_a_record_that_the_file_can_hold(report: Report) -> None:
    after = rules.apply(None, report, LATER, 7)
    assert restore_servers({"a/x": after}) == {"a/x": after}
    assert (after["first_seen"], after["status_since"]) == (LATER, LATER)
    fields: dict[str, Any] = {**after}
    assert fields.items() >= {**report.on_creation, **report.fields}.items()


@given(_servers, _reports)
def test_the_same_report_again_changes_nothing_but_its_revision(before: Server, report: Report) -> None:
    once = rules.apply(before, report, LATER, 7)
    twice = rules.apply(once, report, LATER, 8)
    assert {**twice, "revision": 7, "legacy_revision": once["legacy_revision"]} == once


EARLIER = "2026-04-26T10:15:00Z"
OF_A_RUN = {"commit_sha": "old", "branch": "b", "validation_status": "failed", "updated_by": "ci", "environment": "lab"}


def _pipeline_of(observed: str | None, **fields: Any) -> Report:
    return Report("pipeline", "a", "x", {**RUN_DEFAULTS, "status": "failed", **fields}, {}, observed)


def _cron_of(observed: str | None, **fields: Any) -> Report:
    return Report("cron", "a", "x", {"status": "out_of_sync", "changed_files": ["/a"], **fields}, {}, observed)


@given(_servers, _reports, st.sampled_from(["2026-04-26T10:59:59Z", NOW, "1970-01-01T00:00:00Z"]))
def test_the_run_is_when_the_report_was_made_and_the_rest_is_now(before: Server, report: Report, made: str) -> None:
    now = rules.apply(before, report, LATER, 7)
    then = rules.apply(before, replace(report, observed=made), LATER, 7)
    run = "last_cron_check" if report.source == "cron" else "last_pipeline_run"
    assert then == {**now, run: made}


@given(st.none() | _servers, _reports, st.sampled_from([LATER, "2026-04-26T11:00:01Z", "9999-12-31T23:59:59Z"]))
def test_a_report_from_the_future_counts_as_made_now(before: Server | None, report: Report, made: str) -> None:
    assert rules.apply(before, replace(report, observed=made), LATER, 7) == rules.apply(before, report, LATER, 7)


@given(_servers, _pipeline | _cron)
def test_a_report_older_than_the_newest_of_its_kind_gives_the_very_record(before: Server, report: Report) -> None:
    run = "last_cron_check" if report.source == "cron" else "last_pipeline_run"
    known = cast(Server, {**before, run: NOW})
    assert rules.apply(known, replace(report, observed=EARLIER), LATER, 7) is known
    assert rules.apply(known, replace(report, observed=NOW), LATER, 7) is not known
    assert rules.apply(known, report, LATER, 7) is not known


@pytest.mark.parametrize("own", [None, EARLIER, "2026-04-26T10:00:00Z"])
def test_a_pipeline_report_older_than_the_last_check_changes_only_what_is_a_pipelines(own: str | None) -> None:
    before = server(
        "a/x", last_cron_check=NOW, last_pipeline_run=own, drift_status="synced", status="synced", changed_files=["/c"],
        check_interval=60,
    )  # fmt: skip
    after = rules.apply(
        cast(Server, {**before, "legacy": {"drift_count": 1}}),
        _pipeline_of(EARLIER, **OF_A_RUN, changed_files=["/p"]),
        LATER,
        7,
    )
    assert after == {
        **before, **OF_A_RUN, "pipeline_status": "failed", "last_pipeline_run": EARLIER, "timestamp": LATER, "revision": 7,
    }  # fmt: skip


@pytest.mark.parametrize("own", [None, EARLIER, "2026-04-26T10:00:00Z"])
def test_a_cron_report_older_than_the_last_run_changes_only_what_is_a_checks(own: str | None) -> None:
    before = server(
        "a/x", last_pipeline_run=NOW, last_cron_check=own, pipeline_status="synced", status="synced", changed_files=["/c"],
        commit_sha="new",
    )  # fmt: skip
    after = rules.apply(
        cast(Server, {**before, "legacy": {"drift_count": 1}}), _cron_of(EARLIER, check_interval=60), LATER, 7
    )
    assert after == {
        **before, "drift_status": "out_of_sync", "check_interval": 60, "last_cron_check": EARLIER, "timestamp": LATER,
        "revision": 7,
    }  # fmt: skip


@pytest.mark.parametrize("report", [_pipeline_of(NOW), _cron_of(NOW)])
def test_of_two_kinds_that_were_made_in_the_same_second_the_later_heard_counts(report: Report) -> None:
    before = server("a/x", last_pipeline_run=NOW, last_cron_check=NOW, status="synced")
    after = rules.apply(before, report, LATER, 7)
    assert (after["status"], after["status_since"]) == (report.fields["status"], LATER)


def test_a_first_report_that_waited_creates_the_record_now() -> None:
    after = rules.apply(None, _cron_of(EARLIER), LATER, 7)
    assert (after["last_cron_check"], after["status"]) == (EARLIER, "out_of_sync")
    assert [after[name] for name in ("timestamp", "first_seen", "status_since")] == [LATER] * 3


def test_where_the_clock_was_set_back_only_the_timestamp_does_not_turn() -> None:
    ahead = server("a/x", timestamp=LATER, last_cron_check=LATER)
    after = rules.apply(ahead, _cron_of(None), NOW, 7)
    assert (after["timestamp"], after["last_cron_check"]) == (LATER, NOW)


def test_what_is_written_only_on_creation_is_not_written_again() -> None:
    report = Report("cron", "a", "x", {"status": "synced"}, {"environment": "prod", "updated_by": "cron"})
    assert rules.apply(None, report, LATER, 1)["environment"] == "prod"
    after = rules.apply(server("a/x", environment="dev"), report, LATER, 1)
    assert (after["environment"], after["updated_by"]) == ("dev", "pipeline")


def _heard_of(*reports: tuple[str, str, int], interval: int | None = None) -> list[str]:
    """What the record says after each report: by which agent, of which kind, and at which minute."""
    record, notices = server("a/x", check_interval=interval), list[str]()
    for agent, source, minute in reports:
        kind = cast(Source, source)
        fields = {"status": "synced"} if kind == "cron" else {**RUN_DEFAULTS, "status": "synced"}
        now = time_text(epoch(NOW) + 60 * minute)
        record = rules.apply(record, Report(kind, "a", "x", fields, {}, agent=agent or None), now, minute)
        assert restore_servers({"a/x": {**record}}) == {"a/x": record}
        notices.append(rules.notice(record))
    return notices


def test_two_agents_that_take_turns_are_named_until_one_is_left() -> None:
    notices = _heard_of(
        ("one", "cron", 0), ("two", "cron", 5), ("one", "cron", 15), ("two", "cron", 20), ("two", "cron", 100),
        ("", "cron", 110), ("two", "cron", 135), ("two", "cron", 136),
    )  # fmt: skip
    assert [bool(sentence) for sentence in notices] == [False, False, True, True, True, True, True, False]
    assert "(one, two)" in notices[2]


def test_three_agents_that_take_turns_are_noticed_too() -> None:
    notices = _heard_of(*((name, "pipeline", 5 * turn) for turn, name in enumerate("abcabc")))
    assert [bool(sentence) for sentence in notices] == [False, False, False, True, True, True]


@pytest.mark.parametrize(
    "reports",
    [
        [("old", "cron", 0), ("old", "pipeline", 1), ("new", "cron", 2), ("new", "pipeline", 3), ("new", "cron", 4)],
        [("checks", "cron", 0), ("deploys", "pipeline", 1), ("checks", "cron", 2), ("deploys", "pipeline", 3)],
        [("one", "cron", 0), ("two", "cron", 60), ("one", "cron", 121)],
        [("", "cron", 0), ("one", "cron", 1), ("", "cron", 2), ("one", "cron", 3)],
    ],
    ids=["installed anew", "one deploys and one checks", "long after", "a script beside"],
)
def test_who_changes_once_or_does_another_thing_takes_no_turns(reports: list[tuple[str, str, int]]) -> None:
    assert set(_heard_of(*reports)) == {""}


def test_what_is_a_short_time_follows_the_interval_of_the_checks() -> None:
    daily = [("one", "cron", 0), ("two", "cron", 720), ("one", "cron", 1440)]
    assert [bool(sentence) for sentence in _heard_of(*daily, interval=86_400)] == [False, False, True]
    assert not any(_heard_of(*daily))


def test_a_record_names_only_so_many_agents() -> None:
    record = server("a/x")
    for number in range(100):
        record = rules.apply(record, Report("cron", "a", "x", {"status": "synced"}, {}, agent=str(number)), NOW, number)
    assert [one["agent"] for one in record["agents"]] == [str(number) for number in range(100 - MOST_AGENTS, 100)]
