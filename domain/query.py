"""What a reading selects (API.md, section 3)."""

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from domain.filters import (
    MAX_LIMIT,
    Wanted,
    asks,
    bound,
    gathered,
    no_time,
    refuse,
    unknown_choices,
    wanted_words,
    whole_number,
)
from domain.freshness import Moment, computed
from domain.server import CHOICES, Server
from domain.tokens import ANYBODY, Rights
from domain.words import one_of

TEXT_FILTERS = (
    "server_group", "server_type", "environment", "host", "status", "pipeline_status", "drift_status",
    "validation_status", "project_name", "repo_name", "branch", "updated_by", "commit_sha",
)  # fmt: skip
FLAG_FILTERS = ("stale", "problem")
# Each bound with the field that it bounds, and whether it is the lower one.
AGES = {
    "seen_after": ("timestamp", True),
    "seen_before": ("timestamp", False),
    "created_after": ("first_seen", True),
    "created_before": ("first_seen", False),
}
FILTERS = (*TEXT_FILTERS, *FLAG_FILTERS, *AGES)
PAGE = ("limit", "offset")
FIELD = "field"

_FLAGS = {"true": True, "1": True, "false": False, "0": False}


@dataclass(frozen=True, slots=True)
class Query:
    """Which servers a reading wants: for each named field the wanted values, for each age its bound as a time, bounds
    included, and a page of them or the field whose values are meant, if asked."""

    texts: Mapping[str, Wanted]
    flags: Mapping[str, frozenset[bool | None]]
    ages: Mapping[str, str]
    limit: int | None = None
    offset: int = 0
    field: str = ""
    rights: Rights = ANYBODY  # of whoever reads: nothing is found in groups beyond them

    @property
    def selects_all(self) -> bool:
        """Whether every server is wanted."""
        return not self.texts and not self.flags and not self.ages and not self.rights.groups

    @property
    def is_paged(self) -> bool:
        """Whether only a part of what is selected is wanted."""
        return self.limit is not None or self.offset > 0

    def matches(self, server: Server, moment: Moment) -> bool:
        """Whether the server is wanted."""
        fields: Mapping[str, Any] = server
        if not self.rights.may_in(server["server_group"]):
            return False
        if any(fields[field] not in wanted for field, wanted in self.texts.items()):
            return False
        for name, time in self.ages.items():
            field, is_lower = AGES[name]
            if fields[field] < time if is_lower else fields[field] > time:
                return False
        if not self.flags:
            return True
        now: Mapping[str, object] = computed(server, moment)
        return all(bool(now[flag]) in wanted for flag, wanted in self.flags.items())

    def page(self, servers: Mapping[str, Server]) -> Mapping[str, Server]:
        """The asked part of what was selected, in its order."""
        end = None if self.limit is None else self.offset + self.limit
        return dict(list(servers.items())[self.offset : end])


def read_query(parameters: Iterable[tuple[str, str]], now: float, *, pages: bool, needs_field: bool = False) -> Query:
    """The query of a URL's parameters. Raises Invalid naming every bad one: a typo must not return everything."""
    given = gathered(parameters)
    allowed = FILTERS + (PAGE if pages else ()) + ((FIELD,) if needs_field else ())
    problems = {name: "is no parameter here" for name in given if name not in allowed}
    wanted = {name: words for name in given.keys() & FILTERS if (words := wanted_words(given[name])) is not None}
    texts = {name: words for name, words in wanted.items() if name in TEXT_FILTERS}
    flags = {name: frozenset(map(_FLAGS.get, words)) for name, words in wanted.items() if name in FLAG_FILTERS}
    ages = {name: bound(given[name], now, is_lower=AGES[name][1]) for name in AGES if asks(given.get(name, []))}
    numbers = {name: whole_number(given[name]) for name in given.keys() & allowed if name in PAGE}
    field = given.get(FIELD, [])
    problems |= {name: "must be true, false, 1 or 0" for name, values in flags.items() if None in values}
    problems |= unknown_choices(texts, CHOICES)
    problems |= {name: no_time(given[name]) for name, time in ages.items() if not time}
    problems |= _impossible(ages)
    if numbers.get("limit", 1) not in range(1, MAX_LIMIT + 1):
        problems["limit"] = f"must be from 1 to {MAX_LIMIT:,}"
    if numbers.get("offset", 0) < 0:
        problems["offset"] = "must be a whole number from 0"
    if needs_field and (len(field) != 1 or field[0] not in TEXT_FILTERS):
        problems[FIELD] = f"must be {one_of(TEXT_FILTERS)}"
    refuse(problems, allowed)
    return Query(texts, flags, ages, numbers.get("limit"), numbers.get("offset", 0), field[0] if needs_field else "")


def _impossible(ages: Mapping[str, str]) -> dict[str, str]:
    """The pairs that no server can match. None was created after it was last seen, so that pair counts too."""
    pairs = itertools.product(("seen_after", "created_after"), ("seen_before", "created_before"))
    return {
        lower: f"is later than {upper}, so no server can match"
        for lower, upper in pairs
        if (lower, upper) != ("seen_after", "created_before") and "" < ages.get(upper, "") < ages.get(lower, "")
    }
