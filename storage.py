"""Where records are kept: the Store contract, and the store in one readable JSON file."""

import os
import stat
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import filelock

from domain.document import Document, Upgrade, read_document
from domain.errors import Unavailable
from domain.server import Server

LOCK_SECONDS = 10.0
LOCK_POLL_SECONDS = 0.0003
GATHER_SECONDS = 0.002  # what the next leader waits under load: more share its write (PostgreSQL's commit_delay)
HEAD_BYTES = 64
PROBE_BYTES = 4_096

Records = Mapping[str, Server]
Decide = Callable[[Mapping[str, Server | None], int], Mapping[str, Server | None]]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Every record by key at one revision, sorted by group then host. Shared: nobody changes it."""

    revision: int
    records: Records


@dataclass(frozen=True, slots=True)
class Commit:
    """What one change did: the records of its keys before and after; None where there was, or is, none."""

    before: Mapping[str, Server | None]
    after: Mapping[str, Server | None]


class Store(Protocol):
    """Keeps the servers by key and changes them one commit after the other.

    Order: commits follow each other in one order, the same for every thread, process and reader. Each takes as many
    revisions as it names keys, and a revision is never given twice.
    Durable: `change` returns only when its commit survives a power cut. An error means that nothing was acknowledged;
    the caller may send it again.
    Fresh: a reading shows every commit that was acknowledged, by whichever process, before it began.
    Owned: what is handed out is shared and never changed, neither by the store nor by the caller.
    Cost: a commit may cost as much as the whole fleet, but changes that wait together share it. How it is made durable
    (today the whole file, a journal later) is the implementation's own.
    Whatever keeps the store from being read or written is raised as Unavailable with the cause, and passes with it.
    """

    def get(self, key: str) -> Server | None:
        """The record of one server, None where there is none."""

    def snapshot(self) -> Snapshot:
        """All records at one moment."""

    def change(self, keys: Sequence[str], decide: Decide) -> Commit:
        """Commit what `decide` gives, all or nothing: one or many keys, a key once for each report about it.

        `decide` gets the present records of the keys and the first of the commit's revisions, and gives the records
        to store; None deletes. It is pure and may be called again. What it raises is raised here, with nothing stored.
        """

    def check(self) -> None:
        """Try to read and to write. Raises Unavailable."""

    def close(self) -> None:
        """Let go of what the store holds. Nothing acknowledged depends on it."""


def open_store(path: Path, upgrade: Upgrade) -> Store:
    """The store at a path; it is first touched when it is used. `upgrade` makes the one record of a version 1 file."""
    return JsonFileStore(path, upgrade)


# What tells one content of the file from another: inode, size, time of change, and its first bytes, which hold the
# revision: two quick commits can leave the others alike, as the kernel's clock ticks in milliseconds and a freed inode
# is used again. The others show what an editor or a restored backup did.
Signature = tuple[int, int, int, bytes] | None


@dataclass(frozen=True, slots=True)
class _State:
    """What is known of the file: which content was read, what it says, or why it cannot be understood."""

    signature: Signature
    document: Document
    damage: str | None = None


class _Change:
    """A change on its way into a commit. Its event is set when it is answered, or when it is its turn to lead."""

    def __init__(self, keys: Sequence[str], decide: Decide) -> None:
        self.keys = keys
        self.decide = decide
        self.event = threading.Event()
        self.answer: Commit | BaseException | None = None


class JsonFileStore:
    """The store in one JSON file that an operator can read with `jq`, for any number of threads and processes.

    Each commit writes the whole file anew (temporary name, fsync, rename, fsync of the folder), so whoever looks sees
    one whole content; changes that wait at the same moment share one. A lock file, never deleted, lets one process
    write at a time. Readers take no lock: they look whether the file is still the one they know.
    """

    def __init__(self, path: Path, upgrade: Upgrade) -> None:
        self._path = path.resolve()  # a link stays a link: what it names is replaced
        self._temporary = self._path.with_name(f"{self._path.name}.tmp")
        self._upgrade = upgrade
        self._lock = filelock.FileLock(
            f"{self._path}.lock", timeout=LOCK_SECONDS, poll_interval=LOCK_POLL_SECONDS, thread_local=False
        )
        self._queue = threading.Lock()
        self._waiting: list[_Change] = []  # the first one's thread commits for all
        self._alone = threading.Lock()
        self._loading = threading.Lock()
        self._state = _State(None, Document())

    def get(self, key: str) -> Server | None:
        return self._read().servers.get(key)

    def snapshot(self) -> Snapshot:
        document = self._read()
        return Snapshot(document.revision, document.servers)

    def change(self, keys: Sequence[str], decide: Decide) -> Commit:
        mine = _Change(keys, decide)
        with self._queue:
            self._waiting.append(mine)
            is_first = self._waiting[0] is mine
        if not is_first:
            mine.event.wait()
        if mine.answer is None:
            time.sleep(0 if is_first else GATHER_SECONDS)
            self._commit_for_all()
        if not isinstance(mine.answer, Commit):
            raise mine.answer or Unavailable("The service stopped before the change was stored.")
        return mine.answer

    def _commit_for_all(self) -> None:
        """One commit for all that wait; whoever comes too late goes on with the next (LevelDB's writer queue)."""
        batch: list[_Change] = []
        try:
            with self._locked():
                known = self._load()
                batch = self._waiting[:]  # late, so that whoever came while the lock was waited for shares in it
                document, answers = _after(known, batch)
                if document is not known or known.is_upgraded:
                    with self._explained("written"):
                        if known.is_upgraded:
                            self._keep_version_1()
                        self._write(document)
        except BaseException as error:  # noqa: BLE001 - what stops the shared commit stops every change in it
            batch = batch or self._waiting[:]
            answers = [error] * len(batch)
        for change, answer in zip(batch, answers, strict=True):
            change.answer = answer
        with self._queue:
            del self._waiting[: len(batch)]
            following = self._waiting[:1]
        for change in (*batch, *following):
            change.event.set()

    def check(self) -> None:
        self._read()
        with self._locked(), self._explained("written"):
            self._write_temporary(bytes(PROBE_BYTES))
            self._temporary.unlink()

    def close(self) -> None:
        """Nothing is held between two calls."""

    def _read(self) -> Document:
        document = self._load()
        if document.is_upgraded:
            self.change((), lambda _records, _revision: {})  # puts the new version on disk
            document = self._load()
        return document

    def _load(self) -> Document:
        """The file as it is now; read again only when it changed. A damaged one is Unavailable until it is mended."""
        with self._explained("read"):
            state = self._state  # once: a writer may put a newer one in its place meanwhile
            try:
                file = self._path.open("rb", buffering=0)
            except FileNotFoundError:
                if state.signature is not None:
                    self._state = state = _State(None, Document(state.document.revision))
                return state.document
            with file:
                head = file.read(HEAD_BYTES)
                signature = _signature(os.fstat(file.fileno()), head)
                if signature != state.signature:
                    with self._loading:  # one reads it, the others find it read
                        state = self._state
                        if signature != state.signature:
                            self._state = state = self._understood(signature, head + file.read(), state.document)
            if state.damage:
                raise Unavailable(state.damage)
            return state.document

    def _understood(self, signature: Signature, content: bytes, known: Document) -> _State:
        try:
            document = read_document(content, self._upgrade, known)
        except ValueError as error:
            damage = f"The store {self._path.name} is left as it is, because it cannot be understood: {error}."
            return _State(signature, Document(known.revision), damage)
        # A backup that was put back holds an older revision; none is given twice all the same.
        return _State(signature, replace(document, revision=max(document.revision, known.revision)))

    def _write(self, document: Document) -> None:
        content = document.content()
        status = self._write_temporary(content)
        self._temporary.replace(self._path)
        _sync_folder(self._path.parent)
        self._state = _State(_signature(status, content[:HEAD_BYTES]), replace(document, is_upgraded=False))

    def _write_temporary(self, content: bytes) -> os.stat_result:
        """The content under the temporary name, on disk, with the permissions that the operator gave the file."""
        try:
            with self._temporary.open("wb") as file:
                with suppress(FileNotFoundError):
                    os.fchmod(file.fileno(), stat.S_IMODE(self._path.stat().st_mode))
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
                return os.fstat(file.fileno())
        except OSError:
            self._temporary.unlink(missing_ok=True)  # half a file helps nobody where the disk is full
            raise

    def _keep_version_1(self) -> None:
        """A second name for the version 1 file, before the first gets a new content. An older copy stays."""
        with suppress(FileExistsError):
            self._path.with_suffix(".v1.json").hardlink_to(self._path)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Alone among all threads and processes."""
        with self._alone:
            with self._explained("locked"):
                try:
                    self._lock.acquire()
                except filelock.Timeout:
                    raise Unavailable(
                        f"The store {self._path.name} is locked by another process for over {LOCK_SECONDS:g} seconds."
                    ) from None
            try:
                yield
            finally:
                self._lock.release()

    @contextmanager
    def _explained(self, doing: str) -> Iterator[None]:
        """What the system refuses, in a sentence without folders."""
        try:
            yield
        except OSError as error:
            raise Unavailable(f"The store {self._path.name} cannot be {doing}: {error.strerror}.") from error


def _after(document: Document, batch: Sequence[_Change]) -> tuple[Document, list[Commit | BaseException]]:
    """The document after the changes, the same object where nothing is to be written, and an answer for each."""
    revision, changes, answers = document.revision, dict[str, Server | None](), list[Commit | BaseException]()
    for change in batch:
        before = {key: changes[key] if key in changes else document.servers.get(key) for key in change.keys}
        try:
            after = change.decide(before, revision + 1)
        except Exception as error:  # noqa: BLE001 - what a decision raises belongs to its caller alone
            answers.append(error)
            continue
        answers.append(Commit(before, after))
        revision += len(change.keys)
        changes.update(after)
    return (document.changed(changes, revision) if revision > document.revision else document), answers


def _signature(status: os.stat_result, head: bytes) -> Signature:
    return status.st_ino, status.st_size, status.st_mtime_ns, head


def _sync_folder(folder: Path) -> None:
    """Make a rename in the folder last through a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
