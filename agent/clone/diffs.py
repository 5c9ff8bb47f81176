"""How two versions of a file differ, fit to be shown."""

import difflib
from typing import Iterator, List

from agent.masks import masks
from agent.text import printable

LARGEST = 128 * 1024  # bytes of a file that is shown
CONTEXT = 3  # lines
NO_END = "\\ No newline at end of file"


def diff(name: str, old: bytes, new: bytes) -> str:
    """A unified diff from git to the server, without secrets and without anything that a terminal would obey."""
    if b"\0" in old + new:
        return f"Binary files {name} differ."
    if max(len(old), len(new)) > LARGEST:
        return f"{name} is too large to be shown."
    return "\n".join([f"--- {name} (git)", f"+++ {name} (server)", *_hunks(_lines(old), _lines(new))])


def _hunks(old: List[str], new: List[str]) -> Iterator[str]:
    # Compared as they are, so that two secrets that look the same differ, and shown as they may be.
    safe = masks(old, new)
    for group in difflib.SequenceMatcher(None, old, new).get_grouped_opcodes(CONTEXT):
        first, last = group[0], group[-1]
        yield f"@@ -{_range(first[1], last[2])} +{_range(first[3], last[4])} @@"
        for kind, old_from, old_to, new_from, new_to in group:
            if kind == "equal":
                yield from (" " + printable(safe[line]) for line in old[old_from:old_to])
                continue
            yield from ("-" + printable(safe[line]) for line in old[old_from:old_to])
            yield from ("+" + printable(safe[line]) for line in new[new_from:new_to])


def _range(start: int, end: int) -> str:
    return f"{start + 1 if end > start else start},{end - start}"


def _lines(content: bytes) -> List[str]:
    lines = content.decode("utf-8", "backslashreplace").split("\n")
    return lines[:-1] if not lines[-1] else [*lines, NO_END]
