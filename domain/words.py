"""Numbers, lengths and lists as a person reads them."""

from collections.abc import Sequence

_UNITS = (("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1))


def plural(number: int, noun: str) -> str:
    """A number and its noun: `1 file`, `2 files`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def length_text(seconds: int) -> str:
    """A length in the largest unit that divides it: `5 minutes`, `2 hours`."""
    unit, size = next((unit, size) for unit, size in _UNITS if seconds % size == 0)
    return plural(seconds // size, unit)


def one_of(words: Sequence[str]) -> str:
    """`a, b or c`."""
    return f"{', '.join(words[:-1])} or {words[-1]}"
