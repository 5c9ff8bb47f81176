"""The files that compose reads by itself beside the compose file, as far as they can be told without a YAML library.

Told are `include`, `env_file` and the `file` of `extends`: as a text, as a list, as objects with `path`, in any depth,
each key on a line of its own. Everything else is a problem that names the line.
"""

import os
import re
from typing import Iterator, List, NamedTuple, Set, Tuple

from agent.errors import AgentError
from agent.text import shown

OWN = {f"{name}{end}" for name in ("compose", "docker-compose") for end in (".yaml", ".yml")}
OVERRIDES = {f"{name}.override{end}" for name in ("compose", "docker-compose") for end in (".yaml", ".yml")}

KEYS = r"""["']?(include|env_file|extends)["']?\s*:"""
BEGINS = re.compile(rf"(?P<indent>[ ]*(?:-[ ]+)?){KEYS}(?:[ ]+(?P<rest>.*))?$")
SOMEWHERE = re.compile(rf"[{{,]\s*{KEYS}")
COMMENT = re.compile(r"(?:^|\s)#.*")
PIECE = re.compile(r"""(?:["']?(?P<key>[\w<.-]+)["']?\s*:(?:\s+|$))?(?P<value>.*)""")
BEFORE = re.compile(r"(?:-(?:\s+|$))*(?:&\S+\s*)?")  # marks of a list, and an anchor
VARIABLE = re.compile(r"\$\{[^}]*\}")
NAMES_FILES = {"include": (None, "path", "env_file"), "env_file": (None, "path"), "extends": ("file",)}


class Read(NamedTuple):
    """What compose reads, by paths from the root, and sentences about what cannot be told."""

    paths: List[str]
    problems: List[str]


def read_by_compose(root: str, compose_file: str) -> Read:
    """The files that compose reads with a compose file."""
    folder, name = os.path.split(compose_file)
    waiting = [compose_file]
    waiting += [os.path.join(folder, one) for one in sorted(OWN | OVERRIDES)] if name in OWN else []
    seen: Set[str] = set()
    read = Read([os.path.join(folder, ".env")], [])
    while waiting:
        file = os.path.normpath(waiting.pop(0))
        if file in seen:
            continue
        seen.add(file)
        read.paths.append(file)
        for line, key, value in _values(os.path.join(root, file)):
            if not value or value[0] in "*&!|>/~" or "$" in value or "://" in value:
                problem = f"{shown(file)}, line {line}: what compose reads there cannot be told. Name it in watch."
                if problem not in read.problems:
                    read.problems.append(problem)
            elif key == "env_file":
                read.paths.append(os.path.normpath(os.path.join(os.path.dirname(file), value)))
            else:
                waiting.append(os.path.join(os.path.dirname(file), value))
    return read


def _values(path: str) -> Iterator[Tuple[int, str, str]]:
    """The line, the key and the value of each path in a compose file; the value is empty where it cannot be read."""
    if not os.path.isfile(path):
        return
    try:
        with open(path, "rb") as file:  # names as the file system has them, whatever the locale is
            lines = [COMMENT.sub("", os.fsdecode(line).rstrip()) for line in file]
    except OSError as error:
        raise AgentError(f"{path!r} cannot be read: {error.strerror}.") from None
    end = 0  # of what belongs to the last key
    for number, line in enumerate(lines):
        begin = BEGINS.match(line)
        if begin and begin.group(2) == "include" and begin.group("indent"):
            continue  # not that of the whole file
        if begin:
            below = list(_below(lines[number + 1 :], len(begin.group("indent"))))
            end = max(end, number + 1 + len(below))
            for key, value in _pieces(begin.group(2), "\n".join([begin.group("rest") or "", *below])):
                yield number + 1, key, value
        elif number >= end and SOMEWHERE.search(line):
            yield number + 1, "", ""


def _below(lines: List[str], indent: int) -> Iterator[str]:
    """The lines that belong to a key with such an indent; those of a list, or that end a bracket, may have the same."""
    for line in lines:
        text = line.lstrip(" ")
        depth = len(line) - len(text)
        if text and depth <= indent and not (depth == indent and text[0] in "-]}"):
            return
        yield text


def _pieces(key: str, text: str) -> Iterator[Tuple[str, str]]:
    for piece in re.split(r"[][{},\n]", VARIABLE.sub("$", text)):
        found = PIECE.match(BEFORE.sub("", piece.strip(), 1))
        name, value = (found.group("key"), found.group("value").strip()) if found else (None, "")
        if value and name in NAMES_FILES[key]:
            yield ("env_file" if name == "env_file" else key), value.strip("\"'")
