"""Which files of a repository a `source` means, and where they belong."""

import os
import re
from typing import Iterable, List, Match, Pattern

GLOB = re.compile(r"[*?\[]")
PIECE = re.compile(r"\*+|\?|\[(?P<not>!?)(?P<set>\]?[^]]*)\]|.", re.DOTALL)
RANGE = re.compile(r"(?P<first>.)-(?P<last>.)|.", re.DOTALL)


def fitting(source: str, paths: Iterable[str]) -> List[str]:
    """The paths that a source fits: `*`, `?` and `[a-z]` within a folder, `**` over folders."""
    fits = _pattern(source).match
    return [path for path in paths if fits(path)]


def destination(source: str, target: str, path: str) -> str:
    """Where a path that the source fits belongs: the target, or below it from the first name with a glob on."""
    if not target.endswith("/"):
        return target
    folders = source.split("/")[:-1]
    fixed = next((n for n, folder in enumerate(folders) if GLOB.search(folder)), len(folders))
    return os.path.join(target, *path.split("/")[fixed:])


def _pattern(source: str) -> Pattern[str]:
    *folders, last = source.split("/")
    regex = "".join(r"(?:[^/]+/)*" if name == "**" else _name(name) + "/" for name in folders)
    return re.compile(regex + (".+" if last == "**" else _name(last)) + r"\Z", re.DOTALL)


def _name(glob: str) -> str:
    return "".join(map(_piece, PIECE.finditer(glob)))


def _piece(found: Match[str]) -> str:
    text = found.group()
    if text[0] == "*":
        return "[^/]*"
    if text == "?":
        return "[^/]"
    if found.group("set"):
        inner = "".join(map(_range, RANGE.finditer(found.group("set"))))
        return "(?!/)[{}{}]".format("^" if found.group("not") else "", inner) if inner else "(?!)"
    return re.escape(text)


def _range(found: Match[str]) -> str:
    first, last = found.group("first", "last")
    if not first:
        return re.escape(found.group())
    return f"{re.escape(first)}-{re.escape(last)}" if first <= last else ""
