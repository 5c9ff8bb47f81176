"""The texts of a body: names, times, short texts, messages and addresses, with their limits (API.md, section 2)."""

import re
from typing import Annotated

from pydantic import AfterValidator, Field

from domain.times import epoch

MAX_MESSAGE = 4_096
KEPT_END = 3_072  # of a longer message: what went wrong stands at its end
MAX_TEXT = 1_024

NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,252}$"
TIME_PATTERN = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$"
# Written out, so that every dialect of regular expressions reads it alike: no control character but tab, LF and CR.
_CONTROL = r"\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f"
TEXT_PATTERN = rf"^[^{_CONTROL}]*$"
_CONTROL_CHARACTERS = re.compile(f"[{_CONTROL}]")
URL_PATTERN = r"^(https?://[^\s\x00-\x20\x7f-\x9f]+)?$"
# Printable: neither a control character, nor a line end, nor what turns the direction of the text that follows.
_UNSEEN = r"\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069"
_LABEL_PATTERN = rf"^[^\s{_UNSEEN}][^{_UNSEEN}]*$"


def printable(text: str) -> str:
    """The text with each control character but tab, LF and CR replaced: a coloured log, or a strange file name, is no
    reason to lose a report."""
    return _CONTROL_CHARACTERS.sub("\ufffd", text)


def cut(message: str) -> str:
    """A message of at most 4,096 characters, start and end of it: a pipeline never fails for a long log."""
    if len(message) <= MAX_MESSAGE:
        return message
    return message[: MAX_MESSAGE - KEPT_END - 1] + "…" + message[-KEPT_END:]


def _that_was(time: str) -> str:
    """The time, if there was one such: staleness counts from it. Raises ValueError."""
    epoch(time)
    return time


Name = Annotated[str, Field(pattern=NAME_PATTERN)]
Time = Annotated[str, Field(pattern=TIME_PATTERN), AfterValidator(_that_was)]
Text = Annotated[str, Field(max_length=MAX_TEXT, pattern=TEXT_PATTERN)]
Label = Annotated[str, Field(pattern=_LABEL_PATTERN, max_length=100)]
Message = Annotated[str, AfterValidator(cut), AfterValidator(printable)]
Url = Annotated[str, Field(max_length=MAX_TEXT, pattern=URL_PATTERN, description="An http or https address.")]
