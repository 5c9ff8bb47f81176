"""What is found in a store that is looked at from outside."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from domain.kinds import SERVER, Kinds

TORN = (
    "its last line is not whole: a crash cut it before it was acknowledged, or it is being written now. "
    "After a crash it is dropped at the next start."
)


@dataclass(frozen=True, slots=True)
class Finding:
    """One fact about one file: what is there, what looks odd and is harmless, what somebody changed and no service has
    read yet, or what is wrong."""

    kind: Literal["there", "harmless", "unread", "wrong"]
    where: str
    text: str


def counted_records(records: Mapping[str, Collection[Any]], kinds: Kinds) -> str:
    """How many records there are of each kind; of servers always."""
    counts = {kind: len(records.get(name, ())) for name, kind in kinds.items() if not kind.is_of_service}
    return ", ".join(
        counted(count, kind.name, kind.member) for kind, count in counts.items() if count or kind is SERVER
    )


def counted(number: int, one: str, many: str) -> str:
    """The number with its noun."""
    return f"{number} {one if number == 1 else many}"
