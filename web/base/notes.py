"""What a view notes of its request, for the log line and the counters that follow."""

from dataclasses import dataclass

from flask import g


@dataclass(slots=True)
class Notes:
    """What there is to note of a request that reports."""

    about: str = ""  # the servers, as the log line names them
    reports: int = 0  # how many it stored
    ignored_fields: int = 0  # how many names in it are no field


def notes() -> Notes:
    """Those of the present request."""
    if "notes" not in g:
        g.notes = Notes()
    found: Notes = g.notes
    return found
