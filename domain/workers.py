"""What is done by the clock, and what is noted of it."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field
from typing_extensions import TypedDict

from domain.freshness import Moment
from domain.texts import Time
from domain.times import epoch, time_text

INTERVALS = {"sweeper": 60}  # of each worker, in seconds
TAKEOVER_SECONDS = 15  # within which another process goes on


class Work(TypedDict):
    """What is stored of a worker."""

    worker: str
    leader: str
    last_run: Time
    last_seconds: float
    runs: int
    failures: int
    backlog: int
    message: str


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a worker, by the process that leads; a message says why it failed."""

    worker: str
    leader: str
    ended: int
    seconds: float
    message: str = ""


class WorkerRow(TypedDict):
    """A worker as it is shown."""

    worker: str
    running: Annotated[bool, Field(description="Whether a process does it.")]
    leader: Annotated[str, Field(description="Host and process id of the one that did it last.")]
    interval: Annotated[int, Field(description="Seconds from one run to the next.")]
    last_run: Time | None
    last_seconds: float | None
    runs: Annotated[int, Field(description="How often it ran, failures included.")]
    failures: int
    backlog: Annotated[int, Field(description="What is left to do.")]
    message: Annotated[str, Field(description="Why the last run failed; empty where it did not.")]


def after_run(known: Work | None, run: Run) -> Work:
    """What is known of a worker after a run."""
    runs, failures = (known["runs"], known["failures"]) if known else (0, 0)
    return {
        "worker": run.worker,
        "leader": run.leader,
        "last_run": time_text(run.ended),
        "last_seconds": round(run.seconds, 3),
        "runs": runs + 1,
        "failures": failures + bool(run.message),
        "backlog": 0,
        "message": run.message,
    }


def worker_row(worker: str, known: Work | None, moment: Moment) -> WorkerRow:
    """A worker at a moment, by a clock that may be another than the leader's."""
    interval = INTERVALS[worker]
    return {
        "worker": worker,
        "running": known is not None and moment.now - epoch(known["last_run"]) <= interval + TAKEOVER_SECONDS,
        "leader": known["leader"] if known else "",
        "interval": interval,
        "last_run": min(known["last_run"], time_text(moment.now)) if known else None,
        "last_seconds": known["last_seconds"] if known else None,
        "runs": known["runs"] if known else 0,
        "failures": known["failures"] if known else 0,
        "backlog": known["backlog"] if known else 0,
        "message": known["message"] if known else "",
    }
