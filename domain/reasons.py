"""Why a server is a problem, in the words that a person reads (API.md, sections 1 and 9)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from domain.freshness import Moment
from domain.server import Server
from domain.words import length_text, plural

Kind = Literal["failed", "out_of_sync", "unknown", "stale"]

_WORST: tuple[Kind, ...] = get_args(Kind)


@dataclass(frozen=True, slots=True)
class Reason:
    """One thing that is wrong: what, since or at which time, what was said about it, and which files it is about."""

    kind: Kind
    words: str  # as few as tell it from the other reasons
    sentence: str  # ends where the time follows
    time: str | None
    detail: str = ""
    files: Sequence[str] = ()


def reasons(server: Server, moment: Moment) -> list[Reason]:
    """Everything that makes the server a problem, the worst first; nothing for a server that is none."""
    found = list[Reason]()
    status, message, run = server["status"], server["validation_message"], server["last_pipeline_run"]
    validation_failed = server["validation_status"] == "failed"
    if validation_failed:
        found.append(Reason("failed", "validation failed", "Validation failed", run, message))
    if server["pipeline_status"] == "failed":
        said = "" if validation_failed else message
        found.append(Reason("failed", "pipeline failed", "The last pipeline failed", run, said))
    since, files = server["status_since"], server["changed_files"]
    if status == "failed" and server["drift_status"] == "failed":
        found.append(Reason("failed", "drift check failed", "The drift check fails, since", since, files=files))
    elif status == "failed" and server["pipeline_status"] != "failed":
        found.append(Reason("failed", "failed", "It reports a failure, since", since, files=files))
    elif status == "out_of_sync":
        what = f"{plural(len(files), 'file')} not as in git" if files else "no file was named"
        found.append(Reason("out_of_sync", "out of sync", f"Out of sync: {what}, since", since, files=files))
    elif status == "unknown":
        found.append(Reason("unknown", "unknown", "Its status is unknown, since", since))
    if moment.is_stale(server):
        sentence = "Silent: the last drift check came"
        found.append(Reason("stale", "stale", sentence, server["last_cron_check"], _expected(server, moment)))
    return found


def problems(servers: Iterable[Server], moment: Moment) -> list[tuple[Server, Sequence[Reason]]]:
    """The servers with a problem and why, the worst first: by the worst reason, then by how many there are."""
    found = [(server, why) for server in servers if (why := reasons(server, moment))]
    return sorted(found, key=lambda one: (_WORST.index(one[1][0].kind), -len(one[1])))


def _expected(server: Server, moment: Moment) -> str:
    interval = server["check_interval"]
    silence = f"after {length_text(moment.silence(interval))} without one it counts as stale"
    return f"It sent no interval; {silence}." if interval is None else f"One every {length_text(interval)}; {silence}."
