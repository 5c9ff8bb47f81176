"""What a reading selects (API.md, section 3)."""

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from domain.errors import Invalid
from domain.freshness import Moment, computed
from domain.server import CHOICES, NONE, Server
from domain.times import has_lost_plus, read_when, time_text
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
MAX_LIMIT = 10_000

WHEN = "must be an RFC 3339 time, epoch seconds or milliseconds, or a length back from now such as 45s, 15m, 24h or 7d"
LOST_PLUS = "has a space where its zone has a +, which a URL must write as %2B"

NO_FILTER = ("", "*", "All", "$__all")

_FLAGS = {"true": True, "1": True, "false": False, "0": False}


class Wanted:
    """The values that one filter wants. As a value may hold commas itself, each run of neighbouring parts of what was
    given is one; the runs are looked for and not made, as a long list has millions of them."""

    def __init__(self, values: Sequence[str]) -> None:
        inner = [value[1:-1] if value.startswith("{") and value.endswith("}") else value for value in values]
        self.parts = frozenset(part for text in inner for part in text.split(",")) - {""}
        self._values = self.parts | {*values} - {""}  # braces may belong to the value
        self._lists = [f",{text}," for text in inner]

    def __contains__(self, value: str | None) -> bool:
        if value is None:
            return NONE in self.parts
        return value in self._values or ("," in value and any(f",{value}," in text for text in self._lists))

    def __iter__(self) -> Iterator[str]:
        """What stands between the commas: all that a name may be."""
        return iter(self.parts)


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
        for name, bound in self.ages.items():
            field, is_lower = AGES[name]
            if fields[field] < bound if is_lower else fields[field] > bound:
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
    problems |= {name: no_time(given[name]) for name, bound in ages.items() if not bound}
    problems |= _impossible(ages)
    if numbers.get("limit", 1) not in range(1, MAX_LIMIT + 1):
        problems["limit"] = f"must be from 1 to {MAX_LIMIT:,}"
    if numbers.get("offset", 0) < 0:
        problems["offset"] = "must be a whole number from 0"
    if needs_field and (len(field) != 1 or field[0] not in TEXT_FILTERS):
        problems[FIELD] = f"must be {one_of(TEXT_FILTERS)}"
    refuse(problems, allowed)
    return Query(texts, flags, ages, numbers.get("limit"), numbers.get("offset", 0), field[0] if needs_field else "")


def gathered(parameters: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """The values of each parameter, without those whose name begins with `_`."""
    given: dict[str, list[str]] = {}
    for name, text in parameters:
        if not name.startswith("_"):
            given.setdefault(name, []).append(text)
    return given


def refuse(problems: Mapping[str, str], allowed: Iterable[str]) -> None:
    """Raise Invalid naming the bad parameters and the allowed ones, if any is bad."""
    if problems:
        named = ", ".join(f"{name[:80]!r} {sentence}" for name, sentence in problems.items())
        raise Invalid(f"{named}. Allowed are: {', '.join(allowed)}.", problems)


def wanted_words(values: list[str]) -> Wanted | None:
    """The values of one filter, given as `a`, `a,b`, `{a,b}` or repeated; None where it filters nothing."""
    wanted = Wanted(values)
    return None if not wanted.parts or wanted.parts & {*NO_FILTER} else wanted


def unknown_choices(texts: Mapping[str, Wanted], choices: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """What is wrong with the filters that want a value which their field cannot have."""
    return {
        name: f"must be {one_of(choices[name])}"
        for name, wanted in texts.items()
        if name in choices and not wanted.parts <= {*choices[name]}
    }


def no_time(values: list[str]) -> str:
    """What is wrong with the values of a parameter that is no time."""
    return LOST_PLUS if any(map(has_lost_plus, values)) else WHEN


def asks(values: list[str]) -> bool:
    """Whether a parameter of one value asks for something: an empty one and Grafana's words for all do not."""
    return not set(values) <= {*NO_FILTER}


def whole_number(values: list[str]) -> int:
    """The one whole number that was given; -1 where it is none, which no bound lets through."""
    if len(values) == 1 and values[0].isascii() and values[0].isdigit() and len(values[0]) <= 18:
        return int(values[0])
    return -1


def bound(values: list[str], now: float, *, is_lower: bool) -> str:
    """The time that bounds an age, in whole seconds within the bound; empty where it is no time."""
    seconds = read_when(values[0], now) if len(values) == 1 else None
    if seconds is None:
        return ""
    return time_text(math.ceil(seconds) if is_lower else math.floor(seconds))


def _impossible(ages: Mapping[str, str]) -> dict[str, str]:
    """The pairs that no server can match. None was created after it was last seen, so that pair counts too."""
    pairs = itertools.product(("seen_after", "created_after"), ("seen_before", "created_before"))
    return {
        lower: f"is later than {upper}, so no server can match"
        for lower, upper in pairs
        if (lower, upper) != ("seen_after", "created_before") and "" < ages.get(upper, "") < ages.get(lower, "")
    }
