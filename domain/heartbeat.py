"""The heartbeat of the service. Each process that serves notes that it lives, so that it is known when none did."""

from typing_extensions import TypedDict

from domain.freshness import MOST_AHEAD, Outages
from domain.texts import Time
from domain.times import epoch, time_text

BEAT_SECONDS = 15  # from one note to the next, whoever makes it
MISSED_SECONDS = 45  # without one: then nobody lived
MOST_OUTAGES = 32  # the oldest are forgotten, and what they would have excused counts as silence


class Outage(TypedDict):
    """A time in which no process lived: from when the next note was due until a process began."""

    start: Time
    end: Time


class Heartbeat(TypedDict):
    """The last note, and the outages that were found."""

    noted: Time
    outages: list[Outage]


def beat(known: Heartbeat | None, now: int, began: int | None = None) -> Heartbeat:
    """The heartbeat after a process has noted that it lives; the same one where another did a moment ago.

    `began` is when a process began that has noted nothing yet. Only such a one finds an outage: one that goes on knows
    that there was none, however its clock jumps and however long its notes were refused. An outage that lies ahead, by
    a clock that was put right, is forgotten.
    """
    if known is None:
        return {"noted": time_text(now), "outages": []}
    last = epoch(known["noted"])
    outages = [one for one in known["outages"] if one["end"] <= time_text(now + MOST_AHEAD)]
    if began is not None and (end := min(began, now)) - last > MISSED_SECONDS:
        start = max([time_text(last + BEAT_SECONDS), *(one["end"] for one in outages[-1:])])
        outages += [{"start": start, "end": time_text(end)}] if start < time_text(end) else []
    if -MOST_AHEAD <= now - last < BEAT_SECONDS and outages == known["outages"]:
        return known
    return {"noted": time_text(now), "outages": outages[-MOST_OUTAGES:]}


def outages_of(known: Heartbeat | None) -> Outages:
    """The outages as silence is counted by."""
    return tuple((epoch(one["start"]), epoch(one["end"])) for one in (known["outages"] if known else ()))
