"""SHA-256 of what is deployed, and which make targets ("goals") a change of it asks for."""

import contextlib
import hashlib
import os
import stat
from typing import Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from agent.config import Target, make_target
from agent.errors import AgentError
from agent.files import read_json, write_json

FULL = "gitopsAll"
BLOCK = 1 << 18

Checksums = Dict[str, Optional[str]]


class Plan(NamedTuple):
    """What must be made, in order, and the checksums that say so: of the last updates and of now."""

    goals: List[str]
    last: Optional[Checksums]  # None before the first update that succeeded
    now: Checksums


class Part(NamedTuple):
    """Something whose change asks for an update: its path in the clone, and the goal that updates it."""

    path: str
    goal: str


def parts(target: Target) -> Dict[str, Part]:
    """All that is watched, by its key in the file of checksums."""
    compose, env = (os.path.normpath(path) for path in (target.compose_file, target.env_file))
    services = {f"service_{name}": Part(name, make_target(name)) for name in target.services}
    return dict({"compose": Part(compose, FULL), "env": Part(env, FULL)}, **services)


def take(target: Target) -> Checksums:
    """The checksums of what is there now."""
    return {key: checksum(target.deployment_repo, part.path) for key, part in parts(target).items()}


def path_of(target: Target) -> str:
    """Where the checksums of the last updates are kept."""
    return os.path.join(target.deployment_repo, ".gitops_checksums.json")


def load(target: Target) -> Optional[Checksums]:
    """The checksums of what was last updated with success; None before the first time."""
    saved = read_json(path_of(target), None)
    if saved is None:
        return None
    if not isinstance(saved, dict) or not all(value is None or isinstance(value, str) for value in saved.values()):
        raise AgentError(f"{path_of(target)} holds no checksums. Mend it, or remove it: then everything is updated.")
    return saved


def save(target: Target, saved: Checksums) -> None:
    """Keep checksums for the next run; those of services that left the config are dropped."""
    write_json(path_of(target), {key: saved[key] for key in parts(target) if key in saved})


def plan(target: Target, undone: Sequence[str], now: Optional[Checksums] = None) -> Plan:
    """What a run would make; `undone` are goals that were begun and did not succeed."""
    last, now = load(target), now or take(target)
    if last is None:
        return Plan([FULL], last, now)
    wanted = [part.goal for key, part in parts(target).items() if part.goal in undone or now[key] != last.get(key)]
    return Plan([FULL] if FULL in wanted else wanted, last, now)


def after(goal: str, target: Target, last: Optional[Checksums], now: Checksums) -> Checksums:
    """The checksums to save when a goal was made with success."""
    covered = [key for key, part in parts(target).items() if goal in (FULL, part.goal)]
    return dict(last or {}, **{key: now[key] for key in covered})


def checksum(root: str, path: str) -> Optional[str]:
    """The checksum of a file or a folder, None if nothing is there.

    Of a folder it is taken over the sorted relative paths, whether each is executable, and the contents. Symbolic links
    count by the name of their target. Nothing but files is opened: a pipe would never end.
    """
    place = os.fsencode(root)
    try:
        for part in path.split("/"):  # each, as a link on the way could leave the clone
            place = os.path.join(place, os.fsencode(part))
            mode = os.lstat(place).st_mode
            if stat.S_ISLNK(mode):
                break
        if stat.S_ISREG(mode):
            return _content(place).hex()
        if not stat.S_ISDIR(mode):
            return hashlib.sha256(_other(place, mode)).hexdigest()
        digest = hashlib.sha256()
        for name, entry in sorted(_files(place), key=lambda found: found[0]):
            with contextlib.suppress(FileNotFoundError):  # it went while we looked, as temporary files do
                digest.update(b"%d %b %b" % (len(name), name, _entry(entry)))
        return digest.hexdigest()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise AgentError(f"{os.fsdecode(error.filename or place)!r} cannot be read: {error.strerror}.") from None


def _files(folder: bytes) -> Iterator[Tuple[bytes, "os.DirEntry[bytes]"]]:
    """Whatever is no folder in a folder, by its relative path, without git's own."""
    waiting = [folder]
    while waiting:
        place = waiting.pop()
        try:
            with os.scandir(place) as entries:
                for entry in entries:
                    if entry.name == b".git":
                        continue
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
                    else:
                        yield entry.path[len(folder) + 1 :], entry
        except FileNotFoundError:
            if place == folder:
                raise


def _entry(entry: "os.DirEntry[bytes]") -> bytes:
    mode = entry.stat(follow_symlinks=False).st_mode
    if stat.S_ISREG(mode):
        return (b"x" if mode & stat.S_IXUSR else b"f") + _content(entry.path)
    return _other(entry.path, mode)


def _content(path: bytes) -> bytes:
    digest = hashlib.sha256()
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        for block in iter(lambda: os.read(descriptor, BLOCK), b""):
            digest.update(block)
    finally:
        os.close(descriptor)
    return digest.digest()


def _other(path: bytes, mode: int) -> bytes:
    return b"l" + hashlib.sha256(os.readlink(path)).digest() if stat.S_ISLNK(mode) else b"o%d" % stat.S_IFMT(mode)
