"""SHA-256 of what is deployed, and which make targets ("goals") a change of it asks for."""

import contextlib
import hashlib
import os
import stat
from typing import Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from agent.clone.compose import read_by_compose
from agent.clone.git import Repository
from agent.clone.globs import GLOB, fitting
from agent.clone.submodules import tracked
from agent.config import Target, make_target
from agent.errors import AgentError
from agent.files import read_json, write_json

FULL = "gitopsAll"
BLOCK = 1 << 18
VERSIONED, VERSION = "version", "2"  # from which on only what git tracks counts; a text, as the other values are

Checksums = Dict[str, Optional[str]]


class Plan(NamedTuple):
    """What must be made, in order, and the checksums that say so: of the last updates and the current ones."""

    goals: List[str]
    last: Optional[Checksums]  # None before the first update that succeeded
    current: Checksums
    is_to_save: bool  # whether the file says the last ones in an old way


class Part(NamedTuple):
    """Something whose change asks for an update: its paths in the clone, also globs, and the goal that updates it."""

    paths: Sequence[str]
    goal: str

    def has(self, name: str) -> bool:
        """Whether a file of git is one of it."""
        return any(is_in(name, path) or fitting(path, [name]) for path in self.paths)


def parts(target: Target) -> Dict[str, Part]:
    """All that is watched, by its key in the file of checksums."""
    compose, env = (os.path.normpath(path) for path in (target.compose_file, target.env_file))
    services = {f"service_{name}": Part([name], make_target(name)) for name in target.services}
    read = read_by_compose(target.deployment_repo, compose).paths
    watch = sorted({*target.watch, *(GLOB.sub(r"[\g<0>]", path) for path in read if path not in (compose, env))})
    return dict({"compose": Part([compose], FULL), "env": Part([env], FULL), "watch": Part(watch, FULL)}, **services)


def compute(target: Target) -> Checksums:
    """The checksums of what is there now."""
    names = tracked(Repository(target), target.submodules)
    every = parts(target)
    sums = {
        key: checksum(target.deployment_repo, part.paths[0], names) for key, part in every.items() if key != "watch"
    }
    return dict(sums, watch=_of_watched(target.deployment_repo, every["watch"].paths, names))


def _of_watched(root: str, paths: Sequence[str], tracked: Mapping[str, str]) -> Optional[str]:
    """The checksum of all that is watched: what git tracks of a glob, and what a path names, also if git has it not."""
    named = {name for path in paths for name in (fitting(path, tracked) if GLOB.search(path) else [path])}
    sums = [(os.fsencode(name), checksum(root, name, tracked)) for name in sorted(named)]
    there = [b"%b\0%b\n" % (name, one.encode("ascii")) for name, one in sums if one]
    return hashlib.sha256(b"".join(there)).hexdigest() if there else None


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
    of_parts = {key: saved[key] for key in parts(target) if key in saved}
    write_json(path_of(target), dict(of_parts, **{VERSIONED: VERSION}))


def plan(target: Target, undone: Sequence[str], good: str, coming: Sequence[str] = ()) -> Plan:
    """What a run would make; `undone` are goals that were begun and did not succeed, `coming` files that a pull brings.

    `good` is the last commit after which all was well.
    """
    saved, current = load(target), compute(target)
    if saved is None:
        return Plan([FULL], None, current, is_to_save=False)
    last = saved if saved.pop(VERSIONED, None) else _translated(target, saved, good, current)
    goals = [
        part.goal
        for key, part in parts(target).items()
        if part.goal in undone or current[key] != last.get(key) or any(map(part.has, coming))
    ]
    is_to_save = last is not saved or not last.keys() <= current.keys()  # services that left the config
    return Plan([FULL] if FULL in goals else goals, last, current, is_to_save)


def _translated(target: Target, saved: Checksums, good: str, current: Checksums) -> Checksums:
    """Checksums of an earlier version, for which all that was in a folder counted, also what git does not track.

    They say nothing of what git tracks. But what is as in the last good commit was made, or it would not be good.
    """
    repository = Repository(target)
    made = [
        key
        for key, part in parts(target).items()
        if (key == "watch" or (part.goal != FULL and key in saved)) and repository.is_as_in(good, part.paths)
    ]
    return dict(saved, **{key: current[key] for key in made})


def after(goal: str, target: Target, last: Optional[Checksums], current: Checksums) -> Checksums:
    """The checksums to save when a goal was made with success."""
    covered = [key for key, part in parts(target).items() if goal in (FULL, part.goal)]
    return dict(last or {}, **{key: current[key] for key in covered})


def unwatched(target: Target, names: Sequence[str]) -> List[str]:
    """Those files that are none of any part, so that nothing is made when they change."""
    every = parts(target).values()
    return [name for name in names if not any(part.has(name) for part in every)]


def changed(target: Target, repository: Repository, old: str, new: str) -> List[str]:
    """The files that differ between two commits: those of the folder, and what is watched beside it."""
    every = parts(target).values()
    names = repository.changed(old, new)
    if any(path.startswith("../") for part in every for path in part.paths):
        whole = repository.whole()
        others = repository.from_here(whole.changed(whole.tree(old), new))
        names += [name for name in others if name.startswith("../") and any(part.has(name) for part in every)]
    return sorted(names)


def unread(target: Target) -> List[str]:
    """Sentences about what compose reads and is not watched, as it cannot be told."""
    return read_by_compose(target.deployment_repo, os.path.normpath(target.compose_file)).problems


def untracked(target: Target) -> List[str]:
    """What stands beside the files of services, and git neither tracks nor ignores; a folder for all in it."""
    return Repository(target).untracked(target.services)


def is_in(name: str, path: str) -> bool:
    """Whether a file is the one at a path, or in the folder there."""
    return name == path or name.startswith(path + "/")


def checksum(root: str, path: str, tracked: Mapping[str, str]) -> Optional[str]:
    """The checksum of a file or a folder, None if nothing is there.

    Of a folder only what is tracked counts, but as it is on the disk: the sorted relative paths, whether each is
    executable, and the contents. Of a submodule that is left out its commit counts. Symbolic links count by the name of
    their target. Nothing but files is opened: a pipe would never end.
    """
    try:
        real, mode = _look(root, path)
        if not stat.S_ISDIR(mode):
            return (_content(real) if stat.S_ISREG(mode) else hashlib.sha256(_other(real, mode)).digest()).hex()
        digest = hashlib.sha256()
        for name in sorted((name for name in tracked if is_in(name, path)), key=os.fsencode):
            inside = os.fsencode(name[len(path) + 1 :])
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                entry = tracked[name].encode("ascii") or _entry(*_look(root, name))
                digest.update(b"%d %b %b" % (len(inside), inside, entry))
        return digest.hexdigest()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        name = os.fsdecode(error.filename or os.path.join(root, path))
        raise AgentError(f"{name!r} cannot be read: {error.strerror}.") from None


def _look(root: str, path: str) -> Tuple[bytes, int]:
    """What stands at a path, and its mode: the first link on the way, as that could leave the clone."""
    real = os.fsencode(root)
    for part in path.split("/"):
        real = os.path.join(real, os.fsencode(part))
        mode = os.lstat(real).st_mode
        if stat.S_ISLNK(mode):
            break
    return real, mode


def _entry(real: bytes, mode: int) -> bytes:
    if stat.S_ISREG(mode):
        return (b"x" if mode & stat.S_IXUSR else b"f") + _content(real)
    return _other(real, mode)


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
