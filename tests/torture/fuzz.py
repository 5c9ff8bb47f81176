"""Files of a store that were damaged anyhow, byte by byte and member by member: read, or refused in words and left alone."""

import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from domain.errors import Unavailable
from stores import open_store, open_tokens
from stores.json_file.verify import verify
from tests.stores.records import keep_in_journal, never_version_1, note, opened, put, server
from tests.torture.rounds import Figures

ODD: tuple[Any, ...] = (
    None, True, 0, -1, 1.5, 2**31, 2**53, 2**63 - 1, 2**63, 10**400, "", "x", "\x00", "9999-12-31T23:59:59Z", "é" * 70_000,
    [], [[]], {}, {"a": {}}, [None],
)  # fmt: skip


def prepared(folder: Path) -> Path:
    """A store of three servers, some of them in the file and some in the journal, with a history and a token."""
    path = folder / "status.json"
    store = opened(path)
    put(store, server("a/x"), server("b/x"))
    note(store, ("a/x", "failed"))
    keep_in_journal(store)
    note(store, ("b/x", "failed"))
    put(store, server("c/x"))
    open_tokens(path).change(lambda tokens: tokens)
    return path


def fuzz(whole: Path, folder: Path, dice: random.Random, figures: Figures) -> None:
    """Damage one file of a copy of a store, and use it."""
    shutil.copytree(whole.parent, folder)
    path = folder / whole.name
    damaged = dice.choice(sorted(one for one in folder.iterdir() if one.stat().st_size))
    content = damage(damaged.read_bytes(), dice)
    damaged.write_bytes(content)
    what = f"{damaged.name} {content!r}"
    figures.faults["file_damaged"] += 1
    try:
        verify(path)
        store = open_store(path, never_version_1)
        try:
            store.snapshot()
            list(store.events())
            store.check()
            put(store, server("d/x"))
            store.close()
            if damaged == path and not _is_json(content):
                figures.trouble.append(f"what is no JSON was taken over: {what}")
        except Unavailable:
            if damaged == path and damaged.read_bytes() != content:
                figures.trouble.append(f"what was refused was overwritten: {what}")
        open_tokens(path).keyring()
    except Unavailable:
        pass
    except Exception as error:  # noqa: BLE001 - whatever it is, it should not have come here
        figures.trouble.append(f"{error!r}: {what}")


def _is_json(content: bytes) -> bool:
    try:
        json.loads(content)
    except ValueError:
        return False
    return True


def damage(content: bytes, dice: random.Random) -> bytes:
    """Other bytes, or other members."""
    return dice.choice(DAMAGES)(content, dice)


def _flipped(content: bytes, dice: random.Random) -> bytes:
    place = dice.randrange(len(content))
    return content[:place] + bytes([dice.randrange(256)]) + content[place + 1 :]


def _cut(content: bytes, dice: random.Random) -> bytes:
    return content[: dice.randrange(len(content))]


def _without(content: bytes, dice: random.Random) -> bytes:
    first, last = sorted(dice.choices(range(len(content)), k=2))
    return content[:first] + content[last:]


def _twice(content: bytes, dice: random.Random) -> bytes:
    first, last = sorted(dice.choices(range(len(content)), k=2))
    return content[:last] + content[first:]


def _zeroed(content: bytes, dice: random.Random) -> bytes:
    first, last = sorted(dice.choices(range(len(content)), k=2))
    return content[:first] + bytes(last - first) + content[last:]


def _member(content: bytes, dice: random.Random) -> bytes:
    """One member of the document, or of one of its lines, is something else."""
    try:
        return json.dumps(_changed(json.loads(content), dice)).encode()
    except ValueError:
        lines = content.split(b"\n")
        number = dice.randrange(len(lines))
        start = lines[number].find(b"{")
        if start < 0:
            return _flipped(content, dice)
        try:
            value = json.loads(lines[number][start:])
        except ValueError:
            return _flipped(content, dice)
        lines[number] = lines[number][:start] + json.dumps(_changed(value, dice), separators=(",", ":")).encode()
        return b"\n".join(lines)


def _changed(value: Any, dice: random.Random) -> Any:
    if isinstance(value, dict) and value and dice.random() < 0.9:
        name = dice.choice(sorted(value))
        if dice.random() < 0.1:
            return {one: value[one] for one in value if one != name}
        return {**value, name: _changed(value[name], dice)}
    if isinstance(value, list) and value and dice.random() < 0.9:
        place = dice.randrange(len(value))
        return [*value[:place], _changed(value[place], dice), *value[place + 1 :]]
    return dice.choice(ODD)


DAMAGES: tuple[Callable[[bytes, random.Random], bytes], ...] = (
    _flipped,
    _cut,
    _without,
    _twice,
    _zeroed,
    _member,
    _member,
)
