"""What stands in the way of a move to another commit: files that were edited, and files that git does not know.

A file that is as git checks it out is not edited, also where git says so, as it would keep it in another way now: such
as one with CRLF under a later `text`.
"""

import os
from typing import Callable, Dict, List, TypeVar

from agent.clone.git import Repository
from agent.errors import GitError

Answer = TypeVar("Answer")


def edited(clone: Repository, commit: str = "HEAD") -> List[str]:
    """The files of the clone that were edited and not committed, sorted; for submodules see submodules.py."""
    names = _called_edited(clone, commit)
    return sorted(name for name in names if not names[name] or not _is_as_checked_out(clone, commit, name))


def over_unedited(clone: Repository, new: str, move: Callable[[str], Answer]) -> Answer:
    """Move the clone to a commit, also over unedited files that git calls edited, and would not replace.

    They are taken out of the way, and stand there again if that fails, too.
    """
    try:
        return move(new)
    except GitError:
        whole = clone.whole()
        names = _called_edited_only(whole, new) if whole.head() else []
        if not names:
            raise
    for name in names:
        os.unlink(os.path.join(whole.folder, name))
    try:
        return move(new)
    except GitError:
        for name in names:
            if not os.path.lexists(os.path.join(whole.folder, name)):
                whole.git("checkout-index", "--", name)
        raise


def in_the_way(clone: Repository, old: str, new: str) -> List[str]:
    """What stands here without git where a newer commit adds a file, sorted."""
    found = {found for found in (_standing(clone, name) for name in clone.added(old, new)) if found}
    others = clone.standing(sorted(found))
    return sorted(path for path in found if any(name == path or name.startswith(path + "/") for name in others))


def _standing(clone: Repository, name: str) -> str:
    """What a file would replace: itself, a folder that holds something, a file on the way to it; empty for none."""
    way = name.split("/")
    for depth in range(1, len(way) + 1):
        path = os.path.join(clone.folder, *way[:depth])
        is_folder = os.path.isdir(path) and not os.path.islink(path)
        if os.path.lexists(path) and (not is_folder or (depth == len(way) and os.listdir(path))):
            return "/".join(way[:depth])
    return ""


def _called_edited_only(whole: Repository, new: str) -> List[str]:
    """The unedited files that git calls edited, and that a commit changes. What was added to the index is edited."""
    added = whole.git("diff", "--cached", "--name-only", "--no-renames", "-z", "HEAD", "--").split(b"\0")
    called = set(_called_edited(whole, "HEAD")).difference(map(os.fsdecode, added), edited(whole))
    return sorted(called.intersection(whole.changed("HEAD", new)))


def _called_edited(clone: Repository, commit: str) -> Dict[str, bool]:
    """What git calls edited, and whether it is a file before and after, of one mode."""
    options = ("--raw", "--no-renames", "--relative", "--ignore-submodules", "-z")
    fields = clone.git("diff", *options, commit, "--").split(b"\0")[:-1]
    modes = (about[1:].split()[:2] for about in fields[::2])
    return {os.fsdecode(name): old == new and old.startswith(b"100") for name, (old, new) in zip(fields[1::2], modes)}


def _is_as_checked_out(clone: Repository, commit: str, name: str) -> bool:
    try:
        made = clone.git("cat-file", "--filters", f"{commit}:./{name}", seconds=clone.seconds)
        with open(os.path.join(clone.folder, name), "rb") as file:
            return file.read() == made
    except (GitError, OSError):
        return False
