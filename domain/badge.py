"""One look at a server or a group, for a README or a wiki (API.md, section 9)."""

from collections.abc import Collection
from typing import Annotated, Literal

from pydantic import Field
from typing_extensions import TypedDict

from domain.freshness import Moment
from domain.server import Server, Status
from domain.summary import summarize, worst

Color = Literal["brightgreen", "orange", "red", "lightgrey"]
_COLORS: dict[Status, Color] = {
    "synced": "brightgreen",
    "out_of_sync": "orange",
    "failed": "red",
    "unknown": "lightgrey",
}


class Badge(TypedDict):
    """What a shields.io endpoint badge reads (https://shields.io/badges/endpoint-badge)."""

    schemaVersion: Literal[1]
    label: str
    message: Annotated[str, Field(description="The worst status, and what else is wrong: `synced, stale`")]
    color: Color
    isError: Annotated[bool, Field(description="Whether it is red, which no parameter of the badge may hide.")]


def badge(label: str, servers: Collection[Server], moment: Moment) -> Badge:
    """The badge of one or more servers. It is green only where none has a problem."""
    counts = summarize(servers, moment)
    status = worst(counts)
    color = _COLORS[status]
    words = [status.replace("_", " ")]
    if counts["stale"]:
        words.append("stale")
    elif status == "synced" and counts["problem"]:
        words.append("with a problem")
    if status == "synced" and counts["problem"]:
        color = "orange"
    return {
        "schemaVersion": 1,
        "label": label,
        "message": ", ".join(words),
        "color": color,
        "isError": color == "red",
    }
