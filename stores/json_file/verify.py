"""A store looked at from outside, by an operator: what is there, and what is wrong with it.

It reads and never writes, so it may look at a store that a service uses, and at a folder that cannot be written. What
it says is then the view of one moment: a line that is being written is never called wrong.
"""

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from domain.document import Document, read_document
from domain.errors import Unavailable
from domain.kinds import KINDS, Kinds
from domain.server import Server
from domain.tokens import read_keyring
from stores.batch import Batch
from stores.files import Signature, explained, not_understood, read_signed, signature_of
from stores.json_file.findings import TORN, Finding, counted, counted_records
from stores.json_file.journal import Line, batches, checkpoints, decoded, problem_of, taken_in, written_to
from stores.json_file.verify_history import Fleet, agreement_findings, history_findings

# One of them makes an object without a version a version 1 file; legacy.py, which migrates it, has the same.
VERSION_1_KEYS = {"repo", "server", "sync_status", "drift_count", "deployed_files", "drifted_files", "last_check"}
VERSION_1 = "it is a version 1 file; the service migrates it when it starts."
TRIES = 100  # until the file is the same before and after the journal is read, while a service writes both


class _Version1(Exception):
    """The file is one of version 1."""


def verify(path: Path, kinds: Kinds = KINDS) -> list[Finding]:
    """What is found in the store at a path, file by file. Raises Unavailable where a file cannot be read."""
    path = path.resolve()
    journal, history = path.with_name(f"{path.name}.journal"), path.with_name(f"{path.name}.history")
    with explained(path, "read"):
        file, content, inode, journal_content = _read_together(path, journal)
    lines, in_journal = _journal_findings(journal, journal_content, kinds)
    in_file, fleet = _file_findings(path, (file, content, inode), lines, kinds)
    findings, entries = [*in_file, *in_journal], [entry for batch in batches(lines) for entry in batch.events]
    with explained(history, "read"):
        findings += history_findings(history, entries)
        if fleet and all(finding.kind != "wrong" for finding in findings):
            # While a service writes, what the history tells of a later moment says nothing about this one.
            is_still = signature_of(path) == file and read_signed(journal)[1] == journal_content
            findings += agreement_findings(path, fleet, entries, math.inf if is_still else fleet.revision, kinds)
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
    path: Path, read: tuple[Signature | None, bytes, int], lines: Sequence[Line], kinds: Kinds
) -> tuple[list[Finding], Fleet | None]:
    """What the file holds, and how the journal goes on from it; and what both hold together, if they can be read."""
    file, content, inode = read
    last = max((line.revision for line in checkpoints(lines)), default=0)
    if file is None or (last and not content.strip()):
        text = "it does not exist" if file is None else "it is empty"
        if lines:
            text += (
                f", but its journal goes on from revision {last}. The service waits until it is back, or `flask store "
                "new` begins an empty one"
            )
        return [Finding("wrong", path.name, f"{text}.")], None
    try:
        document = read_document(content, _refuse_version_1, kinds)
    except _Version1:
        return [Finding("harmless", path.name, VERSION_1)], None
    except ValueError as error:
        text = f"{not_understood(path, error)} Mend it by hand, or put a backup back."
        return [Finding("wrong", path.name, text)], None
    count = counted_records(document.records, kinds)
    findings, fleet = _joint_findings(path, file, document, inode, lines)
    return [Finding("there", path.name, f"{count} at revision {document.revision}."), *findings], fleet


def _refuse_version_1(members: dict[str, Any]) -> Server | None:
    if members.keys() & VERSION_1_KEYS:
        raise _Version1
    return None


def _joint_findings(
    path: Path, file: Signature, document: Document, inode: int, lines: Sequence[Line]
) -> tuple[list[Finding], Fleet]:
    """Whether the journal goes on from the file, and what both hold then; the store decides it in `Replica._load`."""
    where, findings, made = f"{path.name}.journal", list[Finding](), checkpoints(lines)
    start, last = document.revision, max((one.revision for one in made), default=0)
    is_put_there = file not in [one.file for one in made[-2:]]
    is_own = bool(lines) and written_to(lines) == inode
    if is_put_there and is_own:
        start = taken_in(start, lines)
    waiting = [batch for batch in batches(lines) if batch.revision > start]
    commits = counted(len(waiting), "commit waits", "commits wait") if waiting else "no commits wait"
    up_to = f" to be added to {path.name}, up to revision {waiting[-1].revision}" if waiting else " in it"
    findings.append(Finding("there", where, f"{commits}{up_to}."))
    if lines and isinstance(lines[0], Batch):
        text = "it is no checkpoint: the beginning of the journal is missing."
        findings.append(Finding("wrong", f"{where} line 1", text))
    elif is_put_there and is_own:
        was = "an older copy was put back" if document.revision < last else "it was edited"
        text = f"{was} since the service last wrote it, at revision {last}. It is taken as it is."
        findings.append(Finding("harmless", path.name, text))
    elif is_put_there and lines and document.revision < lines[0].revision:
        text = (
            f"it begins at revision {lines[0].revision}, but {path.name} ends at revision {document.revision}: what "
            f"was committed between is in neither. Put a {path.name} back that was copied after this journal; without "
            "one, the service goes on with what is there."
        )
        findings.append(Finding("wrong", f"{where} line 1", text))
    records = {name: dict(of_kind) for name, of_kind in document.records.items()}
    for batch in waiting:
        for name, changed in batch.records.items():
            records.setdefault(name, {}).update(changed)
    there = {name: {key: one for key, one in of_kind.items() if one} for name, of_kind in records.items()}
    revision = max(document.revision, *[line.revision for line in lines], 0)
    return findings, Fleet(revision, there, is_put_there)


def _journal_findings(path: Path, content: bytes, kinds: Kinds) -> tuple[list[Line], list[Finding]]:
    """The lines that can be read, and what is wrong with the others."""
    lines, findings, revision = list[Line](), list[Finding](), 0
    *texts, unfinished = content.split(b"\n")
    is_torn = bool(unfinished)
    for number, text in enumerate(texts, 1):
        where = f"{path.name} line {number}"
        try:
            read, _bytes = decoded(text + b"\n", kinds)
        except ValueError as error:
            findings.append(Finding("wrong", where, f"{error}. Take this line out, and lose its commit."))
            continue
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
        if line.revision < revision or (line.revision == revision and isinstance(line, Batch)):
            sentence = f"its revision {line.revision} comes after revision {revision}: lines were moved or doubled."
            findings.append(Finding("wrong", where, sentence))
        revision = max(revision, line.revision)
        if isinstance(line, Batch) and (problem := problem_of(line, kinds)):
            sentence = f"{problem}. Take this line out, and lose its commit, before it gets into the file."
            findings.append(Finding("wrong", where, sentence))
    if is_torn:
        findings.append(Finding("harmless", path.name, TORN))
    return lines, findings


def _token_findings(path: Path) -> Iterator[Finding]:
    """How many tokens there are, if any was ever made."""
    with explained(path, "read"):
        file, content = read_signed(path)
    if file is None:
        return
    try:
        yield Finding("there", path.name, f"{counted(len(read_keyring(content).tokens), 'token', 'tokens')}.")
    except ValueError as error:
        yield Finding("wrong", path.name, f"{not_understood(path, error)} Mend it by hand, or put a backup back.")
