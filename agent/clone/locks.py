"""The locks of git: which are there, who holds them, and the removal of those that nobody holds."""

import contextlib
import os
import time
from typing import Callable, Dict, Iterator, List, NamedTuple, Sequence, Set

from agent.errors import AgentError, GitError

PROC = "/proc"
YOUNG = 10  # seconds for which a lock may be that of somebody whom we cannot see, as in another container
BLIND = 600  # the same where the system does not show its processes
READERS = ("log", "show", "blame", "cat-file", "grep", "ls-remote", "upload-pack")  # may stay for long, as in a pager
LONE = {"hooks", "lfs", "annex", "worktrees"}  # folders of git without its locks, or with those of other worktrees


class Lock(NamedTuple):
    """A file that keeps git from working."""

    path: str
    holder: str  # who holds it, in words; empty for nobody


def locks(folders: Sequence[str], roots: Sequence[str]) -> List[Lock]:
    """All locks in git's own folders, whose processes work below the roots."""
    paths = sorted({path for folder in folders for path in _locks(folder)})
    if not paths:
        return []
    working, opened = workers(roots), _opened(set(paths))
    return [Lock(path, opened.get(path) or (working or [_unseen(path)])[0]) for path in paths]


def clear(
    folders: Sequence[str], roots: Sequence[str], seconds: float, is_broken: bool, warn: Callable[[str], None]
) -> None:
    """Remove the locks that no living process holds, and wait so long for those that one does.

    After a run that broke, its git may still work here: that is waited for as well.
    """
    until = time.monotonic() + seconds
    while True:
        found = locks(folders, roots)
        for lock in found:
            if not lock.holder:
                _remove(lock.path)
                warn(f"Removed {lock.path}: no living process held it.")
        waiting = [f"{lock.path} is held by {lock.holder}" for lock in found if lock.holder]
        if is_broken:
            waiting += [f"{worker} works in the clone" for worker in workers(roots)]
        if not waiting:
            return
        if time.monotonic() > until:
            raise GitError(f"{waiting[0]}: wait for it or end it.")
        time.sleep(0.1)


def workers(roots: Sequence[str]) -> List[str]:
    """The living programs of git that work in one of the folders and may change something."""
    found = []
    for pid in _pids():
        with contextlib.suppress(OSError):  # it has ended meanwhile, or is another user's
            is_here = _name(pid).split("-")[0] == "git" and _is_inside(os.readlink(f"{PROC}/{pid}/cwd"), roots)
            if is_here and _deed(pid) not in READERS:
                found.append(_words(pid))
    return found


def _pids() -> List[str]:
    return [name for name in os.listdir(PROC) if name.isdigit()] if os.path.isdir(f"{PROC}/self") else []


def _name(pid: str) -> str:
    with open(f"{PROC}/{pid}/comm", encoding="utf-8", errors="replace") as file:
        return file.read().strip()


def _words(pid: str) -> str:
    name = _name(pid)
    return f"process {pid} ({name} {_deed(pid)})" if name == "git" else f"process {pid} ({name})"


def _deed(pid: str) -> str:
    """What a program of git was called for."""
    with open(f"{PROC}/{pid}/cmdline", encoding="utf-8", errors="replace") as file:
        words = iter(file.read().split("\0")[1:])
    for word in words:
        if word in ("-C", "-c", "--git-dir", "--work-tree"):
            next(words, "")
        elif not word.startswith("-"):
            return word
    return ""


def _is_inside(path: str, roots: Sequence[str]) -> bool:
    return any(path == root or path.startswith(root + "/") for root in roots)


def _opened(paths: Set[str]) -> Dict[str, str]:
    """Which process has a file open, in words."""
    found = {}
    for pid in _pids():
        with contextlib.suppress(OSError):
            for name in os.listdir(f"{PROC}/{pid}/fd"):
                path = os.readlink(f"{PROC}/{pid}/fd/{name}")
                if path in paths:
                    found[path] = _words(pid)
    return found


def _unseen(path: str) -> str:
    """Who might hold a lock that was made just now; empty where it is too old for that."""
    try:
        age = time.time() - os.stat(path).st_mtime
    except FileNotFoundError:
        return "a process that lets it go"
    return "a process that cannot be seen" if 0 <= age < (YOUNG if _pids() else BLIND) else ""


def _locks(folder: str) -> Iterator[str]:
    for here, names, files in os.walk(folder):
        inside = os.path.basename(here)
        lone = LONE if "HEAD" in files else ()  # elsewhere that may be the name of a submodule
        names[:] = [name for name in names if not (name in lone or (inside == "objects" and len(name) == 2))]
        yield from (os.path.join(here, name) for name in files if name.endswith(".lock"))


def _remove(path: str) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass
    except OSError as error:
        raise AgentError(f"{path} cannot be removed: {error.strerror}. Run the agent as its owner.") from None
