"""What a person may choose in the filters of a page, and what was chosen that no server has (API.md, section 9)."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from domain.filters import NO_FILTER
from domain.freshness import Moment
from domain.query import Query
from domain.server import Server

# What a report may say freely. A wrong word for any other field is refused where the query is read.
FREE_TEXTS = (
    "server_group", "server_type", "environment", "host", "project_name", "repo_name", "branch", "updated_by",
    "commit_sha",
)  # fmt: skip
MAX_VALUES = 30


@dataclass(frozen=True, slots=True)
class Unknown:
    """The words of a filter that no server has, and the first of the values that there are, with how many more."""

    name: str
    words: list[str]
    values: list[str]
    more: int


def values(servers: Iterable[Server], name: str) -> list[str]:
    """What the servers have in a field and a filter can ask for."""
    present: set[str] = {_fields(server)[name] for server in servers}
    return sorted(present.difference(NO_FILTER))


def unknown(servers: Collection[Server], query: Query) -> Iterator[Unknown]:
    """For each filter, the words that none of the servers has. Commas and braces may belong to a value: each part of
    one that is there counts as known."""
    for name in (name for name in FREE_TEXTS if name in query.texts):
        wanted, there = query.texts[name], values(servers, name)
        known = {
            part
            for value in there
            if value in wanted
            for text in (value, value.strip("{}"))
            for part in text.split(",")
        }
        if words := sorted(set(wanted) - known):
            yield Unknown(name, words, there[:MAX_VALUES], max(0, len(there) - MAX_VALUES))


def fitting_nothing(servers: Iterable[Server], query: Query, moment: Moment) -> set[str]:
    """The filters that by themselves fit none of the servers. Where there is none, it is their combination."""
    alone = {name: Query({name: wanted}, {}, {}) for name, wanted in query.texts.items()}
    alone |= {name: Query({}, {name: wanted}, {}) for name, wanted in query.flags.items()}
    alone |= {name: Query({}, {}, {name: bound}) for name, bound in query.ages.items()}
    for server in servers:
        alone = {name: one for name, one in alone.items() if not one.matches(server, moment)}
    return set(alone)


def _fields(server: Server) -> Mapping[str, Any]:
    return server
