"""What a record says at the moment of reading: computed, never stored."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field
from typing_extensions import TypedDict

from domain.server import STATUS_CODES, Server
from domain.times import epoch, time_text

MIN_SILENCE = 60  # seconds: even a check that runs every second may be silent for a minute
MOST_AHEAD = 60  # seconds that a stored time may lie ahead of now: the clocks of two machines differ a little

# From when until when no process of the service lived, in epoch seconds: in their order, none touching another.
Outages = tuple[tuple[int, int], ...]

TIMES = ("last_pipeline_run", "last_cron_check", "timestamp", "first_seen", "status_since")


class Computed(TypedDict):
    """The fields that follow a record wherever it is shown."""

    changed_files_count: int
    status_code: Annotated[int, Field(description="synced 0, out_of_sync 1, failed 2, unknown 3")]
    stale: Annotated[bool, Field(description="Drift checks were seen, and none for too long.")]
    problem: Annotated[int, Field(description="0 or 1: the one number to alert on")]


@dataclass(frozen=True, slots=True)
class Moment:
    """When something happens, in epoch seconds, how long a server without an interval may be silent, for how many days
    the history is shown, and when nobody could have heard a server."""

    now: int
    stale_after: int
    history_days: int = 90
    outages: Outages = ()

    @property
    def oldest(self) -> str:
        """The time before which history entries are not shown."""
        return time_text(self.now - self.history_days * 86_400)

    def silence(self, check_interval: int | None) -> int:
        """For how many seconds a server may be silent: two of its intervals."""
        return self.stale_after if check_interval is None else max(2 * check_interval, MIN_SILENCE)

    def stale_from(self, server: Server) -> float:
        """The second from which the server is stale if no check comes; infinite if none ever came. While the service
        was away, no silence was the server's."""
        check = server["last_cron_check"]
        if check is None:
            return math.inf
        heard = epoch(check)
        second = heard + self.silence(server["check_interval"]) + 1
        for start, end in self.outages:
            if heard < end and start < second:
                second += end - max(start, heard)
        return second

    def is_stale(self, server: Server) -> bool:
        """Whether drift checks were seen once, and none for too long."""
        return self.now >= self.stale_from(server)

    def holds(self, moment: "Moment", until: float) -> bool:
        """Whether what was so at an earlier moment, until a second, is so at this one."""
        return moment.now <= self.now < until and moment.outages == self.outages


def computed(server: Server, moment: Moment) -> Computed:
    """What follows from the record. A board that is green must mean it: all that is not proven good is a problem."""
    stale = moment.is_stale(server)
    good = (
        server["status"] == "synced"
        and server["validation_status"] != "failed"
        and server["pipeline_status"] != "failed"
        and not stale
    )
    return {
        "changed_files_count": len(server["changed_files"]),
        "status_code": STATUS_CODES[server["status"]],
        "stale": stale,
        "problem": 0 if good else 1,
    }


def holds_until(servers: Iterable[Server], moment: Moment) -> float:
    """The first second, after the moment, in which time alone makes one of the servers stale; infinite if none."""
    return min((second for server in servers if (second := moment.stale_from(server)) > moment.now), default=math.inf)


def is_far(time: str, after: str) -> bool:
    """Whether a time lies behind another by more than a stored one may lie ahead."""
    return time > time_text(epoch(after) + MOST_AHEAD)
