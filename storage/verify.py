"""A store looked at from outside, by an operator: what is there, and what is wrong with it.

It reads and never writes, so it may look at a store that a service uses, and at a folder that cannot be written. What
it says is then the view of one moment: a line that is being written is never called wrong.
"""

from array import array
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import orjson

from domain.document import Document, read_document
from domain.errors import Unavailable
from domain.history import Entry
from domain.server import Server, restore_servers
from domain.tokens import read_keyring
from storage.files import Signature, explained, not_understood, read_signed, signature_of
from storage.journal import Line, decoded

# One of them makes an object without a version a version 1 file; legacy.py, which migrates it, has the same.
VERSION_1_KEYS = {"repo", "server", "sync_status", "drift_count", "deployed_files", "drifted_files", "last_check"}
VERSION_1 = "it is a version 1 file; the service migrates it when it starts."
TRIES = 100  # until the file is the same before and after the journal is read, while a service writes both

TORN = (
    "its last line is not whole: a crash cut it before it was acknowledged, or it is being written now. "
    "After a crash it is dropped at the next start."
)


@dataclass(frozen=True, slots=True)
class Finding:
    """One fact about one file: what is there, what looks odd and is harmless, or what is wrong."""

    kind: Literal["there", "harmless", "wrong"]
    where: str
    text: str


class _Version1(Exception):
    """The file is one of version 1."""


def verify(path: Path) -> list[Finding]:
    """What is found in the store at a path, file by file. Raises Unavailable where a file cannot be read."""
    path = path.resolve()
    journal, history = path.with_name(f"{path.name}.journal"), path.with_name(f"{path.name}.history")
    with explained(path, "read"):
        file, content, inode, journal_content = _read_together(path, journal)
    lines, in_journal = _journal_findings(journal, journal_content)
    findings = [*_file_findings(path, file, content, inode, lines), *in_journal]
    with explained(history, "read"):
        findings += _history_findings(history, [entry for line in lines for entry in line.history])
    findings += _token_findings(path.with_name(f"{path.name}.tokens"))
    for ending in ("tmp", "journal.tmp", "tokens.tmp"):
        temporary = path.with_name(f"{path.name}.{ending}")
        if temporary.exists():
            text = "left over from a write that ended early, or being written now. The next write replaces it."
            findings.append(Finding("harmless", temporary.name, text))
    return findings


def _read_together(path: Path, journal: Path) -> tuple[Signature | None, bytes, int, bytes]:
    """The signature and content of the file, and the inode and content of the journal, of one moment."""
    for _ in range(TRIES):
        file, content = read_signed(path)
        read, journal_content = read_signed(journal)
        if signature_of(path) == file:
            return file, content, read[0] if read else 0, journal_content
    raise Unavailable(f"The store {path.name} is written too often to be read. Try again.")


def _file_findings(
    path: Path, file: Signature | None, content: bytes, inode: int, lines: Sequence[Line]
) -> Iterator[Finding]:
    """What the file holds, and how the journal goes on from it."""
    last = max((line.revision for line in lines if line.file), default=0)
    if file is None or (last and not content.strip()):
        text = "it does not exist" if file is None else "it is empty"
        if lines:
            text += f", but its journal goes on from revision {last}. Put a backup back before the service starts"
        yield Finding("wrong", path.name, f"{text}.")
        return
    try:
        document = read_document(content, _refuse_version_1)
    except _Version1:
        yield Finding("harmless", path.name, VERSION_1)
        return
    except ValueError as error:
        yield Finding("wrong", path.name, f"{not_understood(path, error)} Mend it by hand, or put a backup back.")
        return
    servers = _counted(len(document.servers), "server", "servers")
    yield Finding("there", path.name, f"{servers} at revision {document.revision}.")
    yield from _joint_findings(path, file, document, inode, lines)


def _refuse_version_1(members: dict[str, Any]) -> Server | None:
    if members.keys() & VERSION_1_KEYS:
        raise _Version1
    return None


def _joint_findings(
    path: Path, file: Signature, document: Document, inode: int, lines: Sequence[Line]
) -> Iterator[Finding]:
    """Whether the journal goes on from the file; the store decides the same in `JsonFileStore._load`."""
    where, start = f"{path.name}.journal", document.revision
    if not lines:
        yield Finding("there", where, "no commits wait in it.")
        return
    first, last = lines[0], max((line.revision for line in lines if line.file), default=0)
    is_last_checkpoint = file in [line.file for line in lines if line.file][-2:]
    is_own = first.journal == inode
    if not is_last_checkpoint and is_own:
        start = max(start, last)
    waiting = [line.revision for line in lines if not line.file and line.revision > start]
    commits = _counted(len(waiting), "commit waits", "commits wait") if waiting else "no commits wait"
    up_to = f" to be added to {path.name}, up to revision {waiting[-1]}" if waiting else " in it"
    yield Finding("there", where, f"{commits}{up_to}.")
    if not first.file:
        yield Finding("wrong", f"{where} line 1", "it is no checkpoint: the beginning of the journal is missing.")
    elif is_last_checkpoint:
        return
    elif is_own:
        was = "an older copy was put back" if document.revision < last else "it was edited or put back"
        text = f"{was} since the service last wrote it, at revision {last}. It is taken as it is."
        yield Finding("harmless", path.name, text)
    elif document.revision < first.revision:
        text = (
            f"it begins at revision {first.revision}, but {path.name} ends at revision {document.revision}: what was "
            f"committed between is in neither. Put a {path.name} back that was copied after this journal; without one, "
            "the service goes on with what is there."
        )
        yield Finding("wrong", f"{where} line 1", text)


def _journal_findings(path: Path, content: bytes) -> tuple[list[Line], list[Finding]]:
    """The lines that can be read, and what is wrong with the others."""
    lines, findings, revision = list[Line](), list[Finding](), 0
    *texts, unfinished = content.split(b"\n")
    is_torn = bool(unfinished)
    for number, text in enumerate(texts, 1):
        where = f"{path.name} line {number}"
        read, _bytes = decoded(text + b"\n")
        if not read:
            if number == len(texts):
                is_torn = True
            else:
                sentence = (
                    "it cannot be read, and the service refuses the store. Take this line out and lose its commit, or "
                    "move the whole journal away and go on from what the file holds."
                )
                findings.append(Finding("wrong", where, sentence))
            continue
        (line,) = read
        lines.append(line)
        if line.revision < revision or (line.revision == revision and not line.file):
            sentence = f"its revision {line.revision} comes after revision {revision}: lines were moved or doubled."
            findings.append(Finding("wrong", where, sentence))
        revision = max(revision, line.revision)
        problem = _problem(line)
        if problem:
            sentence = f"{problem}. Take this line out, and lose its commit, before it gets into the file."
            findings.append(Finding("wrong", where, sentence))
    if is_torn:
        findings.append(Finding("harmless", path.name, TORN))
    return lines, findings


def _problem(line: Line) -> str | None:
    """What is wrong with the records and entries of a commit. The service trusts them, as nobody edits a journal."""
    try:
        restore_servers({key: server for key, server in line.servers.items() if server is not None})
    except ValueError as error:
        return str(error)
    return None if all(_is_entry(entry) for entry in line.history) else "it holds a history entry that is none"


def _history_findings(path: Path, in_journal: Sequence[Entry]) -> Iterator[Finding]:
    """How far the history goes, and what stands in it at a wrong place."""
    times, revisions = list[str](), array("q")  # the revisions that are in order
    for where, entry in _entries(path):
        if isinstance(entry, Finding):
            yield entry
            continue
        times = [*times[:1], entry["time"]]
        revision = entry["revision"]
        if not revisions or revision > revisions[-1]:
            revisions.append(revision)
        elif revisions[bisect_left(revisions, revision)] == revision:
            yield Finding("wrong", where, f"the entry of revision {revision} is there twice. Take this line out.")
        else:
            text = f"the entry of revision {revision} comes after that of {revisions[-1]}. Move this line up."
            yield Finding("wrong", where, text)
    last = revisions[-1] if revisions else 0
    waiting = sum(_is_entry(entry) and entry["revision"] > last for entry in in_journal)
    entries = _counted(len(revisions), "entry", "entries") if revisions else "no entries"
    span = f", from {times[0]} to {times[-1]}" if times else ""
    more = f"; {waiting} more in the journal" if waiting else ""
    yield Finding("there", path.name, f"{entries}{span}{more}.")


def _token_findings(path: Path) -> Iterator[Finding]:
    """How many tokens there are, if any was ever made."""
    with explained(path, "read"):
        file, content = read_signed(path)
    if file is None:
        return
    try:
        yield Finding("there", path.name, f"{_counted(len(read_keyring(content).tokens), 'token', 'tokens')}.")
    except ValueError as error:
        yield Finding("wrong", path.name, f"{not_understood(path, error)} Mend it by hand, or put a backup back.")


def _entries(path: Path) -> Iterator[tuple[str, Entry | Finding]]:
    """Each line of the history with its place, as its entry or as what is wrong with it."""
    if not path.exists():
        return
    unread = ""
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if unread:
                yield unread, Finding("wrong", unread, "it cannot be read. Take this line out; no other is touched.")
            where, unread, entry = f"{path.name} line {number}", "", _loaded(line)
            if _is_entry(entry) and line.endswith(b"\n"):
                yield where, entry
            else:
                unread = where
    if unread:
        yield unread, Finding("harmless", path.name, TORN)


def _loaded(line: bytes) -> Any:
    try:
        return orjson.loads(line)
    except ValueError:
        return None


def _is_entry(entry: Any) -> bool:
    """Whether it holds what the store needs of one: later versions may add to the rest."""
    return isinstance(entry, dict) and type(entry.get("revision")) is int and isinstance(entry.get("time"), str)


def _counted(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"
