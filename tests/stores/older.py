"""What a version that knows servers only makes of a store, as far as it is told from its files."""

from pathlib import Path

import orjson

from domain.kinds import KINDS
from tests.stores.records import beside


def refuses_older(path: Path) -> bool:
    """Whether a version that knows servers only refuses the store: it reads a file of version 2.0 and no other, before
    all else. Of a line of the journal it would take the servers and nothing else, so none may say more beside a file
    that it reads."""
    if not path.exists() or not path.read_bytes():
        return False
    if orjson.loads(path.read_bytes()).get("version", "2.0") != "2.0":
        return True
    ours = {"revision", "servers", "history", "checkpoint", "file", "seconds", "journal"}
    ours |= {kind.member for kind in KINDS.values() if kind.is_of_service}  # which it may lose
    journal, history = beside(path, "journal"), beside(path, "history")
    in_journal = [orjson.loads(one) for one in journal.read_bytes().splitlines()] if journal.exists() else []
    assert all(line.keys() <= ours for line in in_journal)
    assert not any("kind" in event for line in in_journal for event in line.get("history", ()))
    assert b'"kind"' not in (history.read_bytes() if history.exists() else b"")
    return False
