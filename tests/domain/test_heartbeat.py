"""When the service lived, and what silence is when it did not."""

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.freshness import Moment, Outages, holds_until
from domain.heartbeat import BEAT_SECONDS, MISSED_SECONDS, MOST_OUTAGES, Heartbeat, beat, outages_of
from domain.times import epoch, time_text
from tests.stores.kinds import NOW
from tests.stores.records import server

START = epoch(NOW)
DAY = 86_400


def noted(seconds: int, *outages: tuple[int, int]) -> Heartbeat:
    """A heartbeat so many seconds after the start, and these outages, likewise."""
    found = [{"start": time_text(START + start), "end": time_text(START + end)} for start, end in outages]
    return {"noted": time_text(START + seconds), "outages": found}  # type: ignore[typeddict-item]  # plain dicts


def moment(seconds: int, *outages: tuple[int, int]) -> Moment:
    return Moment(START + seconds, 7_200, outages=tuple((START + start, START + end) for start, end in outages))


def test_the_first_note_ever_claims_nothing() -> None:
    assert beat(None, START, began=START) == noted(0)


def test_a_note_is_made_by_whoever_finds_that_none_was_for_a_while() -> None:
    known = noted(0)
    assert beat(known, START + BEAT_SECONDS - 1) is known
    assert beat(known, START + BEAT_SECONDS) == noted(BEAT_SECONDS)


def test_nobody_lived_from_when_a_note_was_due_until_a_process_began() -> None:
    began = START + 3_600
    assert beat(noted(0), began + 2, began) == noted(3_602, (BEAT_SECONDS, 3_600))


def test_a_replica_that_lives_leaves_no_outage_to_one_that_begins() -> None:
    for seconds in range(0, MISSED_SECONDS + 1, 15):
        assert beat(noted(0), START + seconds, began=START + seconds)["outages"] == [], seconds


@pytest.mark.parametrize("seconds", [60, 3_600, 30 * DAY])
def test_a_process_that_goes_on_finds_no_outage_whatever_its_clock_or_its_disk_did(seconds: int) -> None:
    assert beat(noted(0), START + seconds) == noted(seconds)


def test_notes_that_were_refused_at_first_leave_the_outage_as_long_as_it_was() -> None:
    assert beat(noted(0), START + 9_000, began=START + 3_600) == noted(9_000, (BEAT_SECONDS, 3_600))


def test_a_clock_that_was_ahead_leaves_no_outage_when_it_is_put_right() -> None:
    wrong = beat(noted(0), START + 30 * DAY, began=START + 30 * DAY)
    assert outages_of(wrong) == ((START + BEAT_SECONDS, START + 30 * DAY),)
    assert beat(wrong, START + 60) == noted(60)
    assert beat(noted(30 * DAY), START + 60, began=START + 60) == noted(60)


def test_a_clock_that_was_set_back_and_forth_excuses_nobody() -> None:
    known = beat(noted(7_200), START + 3_600)
    assert beat(known, START + 7_200) == noted(7_200)


def test_the_clocks_of_two_machines_may_differ_by_a_little() -> None:
    ahead = noted(40, (-3_600, 30))
    assert beat(ahead, START) is ahead
    assert beat(ahead, START, began=START) is ahead


def test_the_oldest_outages_are_forgotten() -> None:
    known = noted(0)
    for hour in range(1, 40):
        known = beat(known, START + 3_600 * hour, began=START + 3_600 * hour)
    assert len(known["outages"]) == MOST_OUTAGES
    assert outages_of(known)[-1] == (START + 38 * 3_600 + BEAT_SECONDS, START + 39 * 3_600)


@given(st.lists(st.tuples(st.integers(-300, 300), st.integers(0, 90), st.booleans()), max_size=60))
def test_whatever_clocks_do_outages_are_in_order_and_none_touches_another(
    steps: list[tuple[int, int, bool]],
) -> None:
    known, now = beat(None, START), START
    for step, late, begins in steps:
        now += step
        known = beat(known, now, now - late if begins else None)
        found = [time for outage in outages_of(known) for time in outage]
        assert all(earlier <= later for earlier, later in pairwise(found)), found
        assert all(start < end <= now + 60 for start, end in outages_of(known))


def test_after_an_hour_away_nobody_is_stale_at_once_and_each_after_what_was_left_of_its_silence() -> None:
    """Away from 100 to 3,700 seconds after the start; a server of 300 seconds may be silent for 600."""
    for checked in (-450, -100, 90):
        one = server("a/x", last_cron_check=time_text(START + checked), check_interval=300)
        left = 600 - (100 - checked)
        assert moment(100).stale_from(one) == START + 100 + left + 1
        for seconds, is_stale in ((3_700, False), (3_700 + left, False), (3_700 + left + 1, True)):
            assert moment(seconds, (100, 3_700)).is_stale(one) is is_stale, (checked, seconds)
        assert holds_until([one], moment(3_700, (100, 3_700))) == START + 3_700 + left + 1


def test_who_was_stale_before_the_service_went_away_is_stale_when_it_is_back() -> None:
    one = server("a/x", last_cron_check=time_text(START - 601), check_interval=300)
    assert moment(100).is_stale(one)
    assert moment(3_700, (100, 3_700)).is_stale(one)


def test_a_check_that_was_taken_after_an_outage_has_nothing_of_it_and_one_within_only_the_rest() -> None:
    for checked, stale_from in ((3_700, 4_301), (2_000, 4_301), (3_800, 4_401)):
        one = server("a/x", last_cron_check=time_text(START + checked), check_interval=300)
        assert moment(0, (100, 3_700)).stale_from(one) == START + stale_from


def test_several_outages_are_counted_out_as_far_as_the_silence_reaches() -> None:
    one = server("a/x", last_cron_check=NOW, check_interval=300)
    assert moment(0, (100, 200), (650, 750), (5_000, 6_000)).stale_from(one) == START + 801
    assert moment(0, (100, 200), (701, 750)).stale_from(one) == START + 701


@given(st.lists(st.integers(-2_000, 9_000), unique=True, max_size=12), st.integers(0, 9_000))
def test_the_silence_of_a_server_is_the_seconds_in_which_somebody_could_have_heard_it(
    times: list[int], now: int
) -> None:
    bounds = sorted(times)[: len(times) // 2 * 2]
    outages: Outages = tuple((START + start, START + end) for start, end in zip(bounds[::2], bounds[1::2], strict=True))
    one = server("a/x", last_cron_check=NOW, check_interval=300)
    heard = [second for second in range(START, START + now) if not any(start <= second < end for start, end in outages)]
    is_away = any(start <= START + now < end for start, end in outages)
    if not is_away:  # nobody looks
        assert Moment(START + now, 7_200, outages=outages).is_stale(one) is (len(heard) > 600)


def test_what_was_shown_before_an_outage_was_known_holds_no_more() -> None:
    earlier = moment(0)
    assert moment(5).holds(earlier, START + 10)
    assert not moment(10).holds(earlier, START + 10)
    assert not moment(-1).holds(earlier, START + 10)
    assert not replace(moment(5), outages=((START - 100, START),)).holds(earlier, START + 10)
