"""Names and output as text: what comes from git, from make and from file systems need not be UTF-8."""

import os
import re
from typing import Sequence

_ESCAPES = re.compile("\x1b(?:\\[[0-?]*[ -/]*[@-~]|\\][^\x07\x1b]*(?:\x07|\x1b\\\\)|[ -/]*[0-~])")
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_PASSWORD = re.compile(r"(\w://)[^/\s]*@")


def shown(name: str) -> str:
    """A file name as it can be printed and sent: bytes that are no UTF-8, line ends and the like stand as \\x.."""
    return printable(os.fsencode(name).decode("utf-8", "backslashreplace"))


def named(text: str) -> str:
    """A name from the config as the file system has it, also where the locale is C."""
    return os.fsdecode(text.encode("utf-8", "surrogateescape"))


def listed(names: Sequence[str], most: int = 10) -> str:
    """File names in a sentence, and how many more there are."""
    rest = len(names) - most
    return ", ".join(map(shown, names[:most])) + (f" and {rest} more" if rest > 0 else "")


def printable(text: str) -> str:
    """A line that cannot do anything to a terminal; tabs stay."""
    return "".join(one if one.isprintable() or one == "\t" else one.encode("unicode_escape").decode() for one in text)


def cut(text: str, most: int) -> str:
    """A text of at most so many characters: a quarter of its start and its end, which is where the error stands."""
    start = most // 4
    return text if len(text) <= most else text[: start - 1] + "…" + text[start - most :]


def plain(output: str) -> str:
    """Output without colours, what a progress bar wrote over, and other control characters."""
    lines = (line.rstrip("\r").rsplit("\r", 1)[-1] for line in _ESCAPES.sub("", output).split("\n"))
    return _CONTROL.sub("\ufffd", "\n".join(lines))


def without_passwords(message: str) -> str:
    """A message in which no address holds a password: git prints those of its remotes. (For files: agent/masks.py.)"""
    return _PASSWORD.sub(r"\1***@", message)
