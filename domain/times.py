"""Times: epoch seconds inside, RFC 3339 in UTC with whole seconds and `Z` wherever they are kept or shown."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from typing import cast

from domain.errors import Unavailable

_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)?", re.ASCII)
_EPOCH = re.compile(r"\d{1,15}(\.\d{1,9})?", re.ASCII)
_LENGTH = re.compile(r"(\d{1,9})([smhd])", re.ASCII)
_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_FIRST_MILLISECONDS = 10**11  # as seconds, it would be the year 5138
_LAST = 253_402_300_799  # the last second of the year 9999
_MADE = 1_775_001_600  # 2026-04-01: this version is younger; a release moves it on

# What read_when reads: of texts as JSON Schema says it, of numbers what is less.
WHEN_FORMS = [
    {"format": "date-time"},
    {"pattern": r"^[0-9]{1,15}(\.[0-9]{1,9})?$"},
    {"pattern": "^[0-9]{1,9}[smhd]$"},
]
NO_EPOCH = 10**15


@lru_cache(maxsize=1_024)
def time_text(seconds: int) -> str:
    """Epoch seconds as the one form of a time in this product; the nearest there is before 1970 and after 9999."""
    return f"{datetime.fromtimestamp(min(max(seconds, 0), _LAST), UTC):%Y-%m-%dT%H:%M:%SZ}"


def believable(clock: Callable[[], float]) -> Callable[[], float]:
    """The clock, which raises Unavailable while it shows a time that cannot be: one before this version was made.

    As that of a machine that starts without a battery and has not asked for the time yet. By it every stored time would
    lie ahead, and no server ever be silent. One that is wrong by less cannot be told from one that was ahead before.
    """

    def now() -> float:
        time = clock()
        if time < _MADE:
            raise Unavailable(
                f"The clock of this machine is wrong: it shows {time_text(int(time))}. Nothing is read or stored "
                "until it is set right."
            )
        return time

    return now


def epoch(time: str) -> int:
    """The epoch seconds of a time in the one form."""
    return int(datetime.fromisoformat(time).timestamp())


def read_time(text: object) -> str | None:
    """An RFC 3339 time (no zone means UTC) in the one form; None if it is none."""
    moment = _moment(text) if isinstance(text, str) else None
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ").rjust(20, "0") if moment else None


def read_length(text: str) -> int | None:
    """The seconds of a length such as `45s`, `15m`, `24h` or `7d`; None if it is none."""
    length = _LENGTH.fullmatch(text)
    return int(length[1]) * _SECONDS[length[2]] if length else None


def read_when(given: object, now: float) -> float | None:
    """The epoch seconds that a caller means: as text an RFC 3339 time, epoch seconds, epoch milliseconds, or a length
    back from now; as a number epoch seconds or milliseconds. None if it is none of them."""
    if type(given) in (int, float):
        return _of_epoch(cast(float, given))
    if not isinstance(given, str):
        return None
    if (length := read_length(given)) is not None:
        return now - length
    if _EPOCH.fullmatch(given):
        return _of_epoch(float(given))
    moment = _moment(given)
    return moment.timestamp() if moment else None


def has_lost_plus(text: str) -> bool:
    """Whether it is an RFC 3339 time whose `+` a URL made a space."""
    time, _, zone = text.rpartition(" ")
    return _moment(f"{time}+{zone}") is not None


def _moment(text: str) -> datetime | None:
    if not _RFC_3339.fullmatch(text):
        return None
    try:
        moment = datetime.fromisoformat(text.upper())
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _of_epoch(number: float) -> float | None:
    if not 0 <= number < NO_EPOCH:
        return None
    return number / 1_000 if number >= _FIRST_MILLISECONDS else number
