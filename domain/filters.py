"""The parameters of a URL -> words, bounds and a page of rows, for every reading that filters (API.md, section 3)."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal, get_args, get_origin, get_type_hints

from domain.errors import Invalid
from domain.times import has_lost_plus, read_when, time_text
from domain.words import one_of

MAX_LIMIT = 10_000

WHEN = "must be an RFC 3339 time, epoch seconds or milliseconds, or a length back from now such as 45s, 15m, 24h or 7d"
LOST_PLUS = "has a space where its zone has a +, which a URL must write as %2B"

NONE = "none"  # how a filter asks for null
NO_FILTER = ("", "*", "All", "$__all")


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


def choices(record: type) -> dict[str, tuple[str, ...]]:
    """The values of each field of a record that has a fixed list of them, `none` for null."""
    return {name: words for name, kind in get_type_hints(record).items() if (words := _choices(kind))}


def bound(values: list[str], now: float, *, is_lower: bool) -> str:
    """The time that bounds an age, in whole seconds within the bound; empty where it is no time."""
    seconds = read_when(values[0], now) if len(values) == 1 else None
    if seconds is None:
        return ""
    return time_text(math.ceil(seconds) if is_lower else math.floor(seconds))


def _choices(kind: Any) -> tuple[str, ...]:
    if get_origin(kind) is Literal:
        return get_args(kind)
    words = tuple(word for part in get_args(kind) for word in _choices(part))
    return (*words, NONE) if words and type(None) in get_args(kind) else words
