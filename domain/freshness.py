"""What a record says at the moment of reading: computed, never stored."""

from typing import Annotated

from pydantic import Field
from typing_extensions import TypedDict

from domain.server import STATUS_CODES, Server


class Computed(TypedDict):
    """The fields that follow a record wherever it is shown."""

    changed_files_count: int
    status_code: Annotated[int, Field(description="synced 0, out_of_sync 1, failed 2, unknown 3")]
    stale: Annotated[bool, Field(description="Silence is not judged in this version: always false.")]
    problem: Annotated[int, Field(description="0 or 1: the one number to alert on")]


def computed(server: Server) -> Computed:
    """What follows from the record. A board that is green must mean it: all that is not proven good is a problem."""
    good = (
        server["status"] == "synced"
        and server["validation_status"] != "failed"
        and server["pipeline_status"] != "failed"
    )
    return {
        "changed_files_count": len(server["changed_files"]),
        "status_code": STATUS_CODES[server["status"]],
        "stale": False,
        "problem": 0 if good else 1,
    }
