"""The parameters of a URL -> words, bounds and a page of rows, for every reading that filters (API.md, section 3)."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal, get_args, get_origin, get_type_hints

from domain.errors import Invalid
from domain.times import has_lost_plus, read_length, read_when, time_text
from domain.words import one_of

MAX_LIMIT = 10_000

WHEN = "must be an RFC 3339 time, epoch seconds or milliseconds, or a length back from now such as 45s, 15m, 24h or 7d"
LOST_PLUS = "has a space where its zone has a +, which a URL must write as %2B"

NONE = "none"  # how a filter asks for null
NO_FILTER = ("", "*", "All", "$__all")

_FLAGS = {"true": True, "false": False, "1": True, "0": False}


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


class Parameters:
    """The parameters of a URL, each read as what it is. `problems` gathers what is wrong with any, `check` raises it.

    Names that begin with `_` are those of the pages' script and mean nothing here.
    """

    def __init__(self, parameters: Iterable[tuple[str, str]], allowed: Sequence[str]) -> None:
        self._allowed = allowed
        self._values: dict[str, list[str]] = {}
        for name, text in parameters:
            if not name.startswith("_"):
                self._values.setdefault(name, []).append(text)
        self.problems = {name: "is no parameter here" for name in self._values if name not in allowed}

    def check(self) -> None:
        """Raise Invalid naming the bad parameters and the allowed ones, if any is bad: a typo must not return
        everything."""
        if self.problems:
            named = ", ".join(f"{name[:80]!r} {sentence}" for name, sentence in self.problems.items())
            raise Invalid(f"{named}. Allowed are: {', '.join(self._allowed)}.", self.problems)

    def words(self, names: Iterable[str], choices: Mapping[str, Sequence[str]]) -> dict[str, Wanted]:
        """What each filter wants that filters anything; of a field that is in `choices` only what it can have."""
        wanted = {name: words for name in names if (words := wanted_words(self._values.get(name, []))) is not None}
        self.problems |= {
            name: f"must be {one_of(choices[name])}"
            for name, words in wanted.items()
            if name in choices and not words.parts <= {*choices[name]}
        }
        return wanted

    def flags(self, names: Iterable[str]) -> dict[str, frozenset[bool | None]]:
        """The same of filters that are true or false."""
        wanted = self.words(names, dict.fromkeys(names, tuple(_FLAGS)))
        return {name: frozenset(map(_FLAGS.get, words)) for name, words in wanted.items()}

    def bounds(self, names: Mapping[str, bool], now: float) -> dict[str, str]:
        """The time of each bound that is set, in whole seconds within it; `names` says which are the lower ones."""
        bounds = {
            name: _bound(self._values[name], now, is_lower) for name, is_lower in names.items() if self._is_set(name)
        }
        self.problems |= {name: _no_time(self._values[name]) for name, time in bounds.items() if not time}
        return bounds

    def limit(self) -> int | None:
        """How many rows are wanted at most; None where it is left out."""
        return self._number("limit", range(1, MAX_LIMIT + 1), f"must be from 1 to {MAX_LIMIT:,}")

    def offset(self) -> int:
        """How many rows to leave out in front."""
        return self._number("offset", range(10**18), "must be a whole number from 0") or 0

    def length(self, name: str, default: int) -> int:
        """The seconds of a length, 0 where it is none."""
        if not self._is_set(name):
            return default
        values = self._values[name]
        length = read_length(values[0]) if len(values) == 1 else None
        seconds = max(0, _whole_number(values)) if length is None else length
        if not seconds:
            self.problems[name] = "must be a length such as 60s, 15m, 1h or 1d, or whole seconds from 1"
        return seconds

    def choice(self, name: str, words: Sequence[str]) -> str:
        """The one of these words that must be named."""
        values = self._values.get(name, [])
        if len(values) != 1 or values[0] not in words:
            self.problems[name] = f"must be {one_of(words)}"
            return ""
        return values[0]

    def _is_set(self, name: str) -> bool:
        """Whether a parameter of one value asks for anything: an empty one and Grafana's words for all do not."""
        return not set(self._values.get(name, [])) <= {*NO_FILTER}

    def _number(self, name: str, numbers: range, sentence: str) -> int | None:
        if name not in self._values or name not in self._allowed:
            return None
        number = _whole_number(self._values[name])
        if number not in numbers:
            self.problems[name] = sentence
        return number


def wanted_words(values: Sequence[str]) -> Wanted | None:
    """The values of one filter, given as `a`, `a,b`, `{a,b}` or repeated; None where it filters nothing."""
    wanted = Wanted(values)
    return None if not wanted.parts or wanted.parts & {*NO_FILTER} else wanted


def choices(record: type) -> dict[str, tuple[str, ...]]:
    """The values of each field of a record that has a fixed list of them, `none` for null."""
    return {name: words for name, kind in get_type_hints(record).items() if (words := _choices(kind))}


def _choices(kind: Any) -> tuple[str, ...]:
    if get_origin(kind) is Literal:
        return get_args(kind)
    words = tuple(word for part in get_args(kind) for word in _choices(part))
    return (*words, NONE) if words and type(None) in get_args(kind) else words


def _no_time(values: Sequence[str]) -> str:
    return LOST_PLUS if any(map(has_lost_plus, values)) else WHEN


def _whole_number(values: Sequence[str]) -> int:
    """The one whole number that was given; -1 where it is none, which no bound lets through."""
    if len(values) == 1 and values[0].isascii() and values[0].isdigit() and len(values[0]) <= 18:
        return int(values[0])
    return -1


def _bound(values: Sequence[str], now: float, is_lower: bool) -> str:
    """The time that bounds an age, in whole seconds within the bound; empty where it is no time."""
    seconds = read_when(values[0], now) if len(values) == 1 else None
    if seconds is None:
        return ""
    return time_text(math.ceil(seconds) if is_lower else math.floor(seconds))
