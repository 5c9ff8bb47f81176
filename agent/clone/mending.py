"""What a git that was ended half-way left in a clone: told from what somebody edited, and put right."""

import contextlib
import os
import re
import stat
from typing import List, Sequence

from agent.clone.commit import Commit
from agent.clone.edits import edited
from agent.clone.git import LITERAL, Repository
from agent.errors import GitError
from agent.files import scratch
from agent.programs import portions

BLOCK = 1 << 18
DAMAGED = re.compile("index file (smaller than expected|corrupt)|bad signature")


def renew_index(clone: Repository, error: GitError) -> bool:
    """Make git's index anew where git fails as it is damaged, such as after a power cut. It holds no content."""
    if not DAMAGED.search(str(error)):
        return False
    path = os.path.join(os.fsdecode(clone.git("rev-parse", "--absolute-git-dir")[:-1]), "index")
    os.replace(path, path + ".damaged")
    clone.git("read-tree", "HEAD")
    return True


def put_right(clone: Repository, folder: str, old: str, new: str) -> List[str]:
    """Undo what a move from one commit to another has begun; gives the files that were put back to HEAD.

    A file is ours if it is missing, or holds what git checks out of one of the commits, or the beginning of that, with
    NUL bytes behind where the power went. All else was edited, and stays. `folder` is one to make and use.
    """
    if not all(map(clone.knows, filter(None, (old, new)))):
        return []
    top = clone.whole()
    head = top.tree(top.head())
    moved = top.changed(top.tree(old), new)
    in_head = set(top.files(head))
    differing = set(edited(top, head))
    added = [name for name in moved if name not in in_head and os.path.lexists(os.path.join(top.folder, name))]
    changed = [name for name in moved if name in in_head and name in differing]
    if not added and not changed:
        return []
    keeps_modes = Commit(top, head).clone_keeps_modes()
    with scratch(folder):
        wholes = []
        for commit in sorted({head, top.tree(old), new}):
            names = sorted(set(added + changed).intersection(top.files(commit)))
            Commit(top, commit).checked_out(names, folder)
            wholes.append(os.path.join(folder, commit))
        added = [name for name in added if _is_ours(top.folder, name, wholes, keeps_modes)]
        for name in added:
            _remove(top.folder, name)
        changed = [name for name in changed if _is_ours(top.folder, name, wholes, keeps_modes)]
    for names in portions(added + changed):
        top.git("reset", "--quiet", head, "--", *names, env=LITERAL)
    for names in portions(changed):
        top.git("checkout", "--quiet", head, "--", *names, seconds=top.seconds, env=LITERAL)
    return clone.from_here(added + changed)


def _is_ours(top: str, name: str, wholes: Sequence[str], keeps_modes: bool) -> bool:
    path = os.path.join(top, name)
    if os.path.realpath(os.path.dirname(path)) != os.path.dirname(path):  # somebody put a symbolic link in its way
        return False
    try:
        mode = os.lstat(path).st_mode
    except (FileNotFoundError, NotADirectoryError):
        return True
    return any(_fits(path, mode, os.path.join(whole, name), keeps_modes) for whole in wholes)


def _fits(path: str, mode: int, whole: str, keeps_modes: bool) -> bool:
    """Whether a file is another, or its beginning."""
    try:
        whole_mode = os.lstat(whole).st_mode
    except (FileNotFoundError, NotADirectoryError):
        return False
    if stat.S_IFMT(mode) != stat.S_IFMT(whole_mode):
        return False
    if stat.S_ISLNK(mode):
        return os.readlink(path) == os.readlink(whole)
    return stat.S_ISREG(mode) and (not keeps_modes or not (mode ^ whole_mode) & stat.S_IXUSR) and _begins(path, whole)


def _begins(path: str, whole: str) -> bool:
    with open(path, "rb") as ours, open(whole, "rb") as theirs:
        for block in iter(lambda: ours.read(BLOCK), b""):
            other = theirs.read(BLOCK)
            if block != other:
                shorter = min(len(block), len(other))
                same = next((at for at in range(shorter) if block[at] != other[at]), shorter)
                rests = [block[same:], *iter(lambda: ours.read(BLOCK), b"")]
                return not any(rest.strip(b"\0") for rest in rests)
    return True


def _remove(top: str, name: str) -> None:
    """Remove a file, and the folders that are empty then."""
    os.unlink(os.path.join(top, name))
    with contextlib.suppress(OSError):
        folder = os.path.dirname(name)
        while folder:
            os.rmdir(os.path.join(top, folder))
            folder = os.path.dirname(folder)
