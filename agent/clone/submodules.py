"""Submodules, also those in submodules: brought to the commits that are recorded of them, and compared with those."""

import contextlib
import os
import shutil
from typing import Dict, Iterator, List, Optional

from agent.clone import edits, filters
from agent.clone.git import Repository
from agent.clone.locks import Lock
from agent.errors import GitError
from agent.text import shown


def recorded(repository: Repository) -> Dict[str, str]:
    """The commit of each submodule as the clone has it recorded, by path. A sparse checkout leaves none out."""
    return {path: commit for path, commit in _index(repository).items() if commit}


def tracked(repository: Repository, with_submodules: bool) -> Dict[str, str]:
    """All files that git tracks, also in submodules; of one that is left out or not there its path, and its commit."""
    found = {}
    for path, commit in _index(repository).items():
        inner = inside(repository, path) if commit and with_submodules else None
        if inner:
            found.update({f"{path}/{name}": one for name, one in tracked(inner, with_submodules).items()})
        else:
            found[path] = commit
    return found


def _index(repository: Repository) -> Dict[str, str]:
    """What the clone has in its index: the paths of files, each with "", and of submodules, with their commits."""
    found = {}
    for line in repository.git("ls-files", "-s", "-z").split(b"\0")[:-1]:
        about, path = line.split(b"\t", 1)
        mode, name, _ = about.decode("ascii").split()
        found[os.fsdecode(path)] = name if mode == "160000" else ""
    return found


def inside(repository: Repository, path: str) -> Optional[Repository]:
    """A submodule as a clone of its own, None where it is not checked out: git would take the clone around it then."""
    folder = os.path.join(repository.folder, path)
    has_clone = not os.path.islink(folder) and os.path.lexists(os.path.join(folder, ".git"))
    return repository.inside(path) if has_clone else None


def clones(repository: Repository) -> Iterator[Repository]:
    """The clone, and the submodules in it that have a git folder and locks of their own, as an old git made them."""
    yield repository
    for inner in filter(None, (inside(repository, path) for path in recorded(repository))):
        yield from (one for one in clones(inner) if os.path.isdir(os.path.join(one.folder, ".git")))


def locks(repository: Repository) -> List[Lock]:
    """All locks of git in the clone and its submodules."""
    return [lock for clone in clones(repository) for lock in clone.locks()]


def update(repository: Repository) -> None:
    """Check out the commit that is recorded of each submodule, with the urls of `.gitmodules` as they are now."""
    submodules = recorded(repository)
    moved = [path for path, commit in submodules.items() if problem(repository, path, commit)]
    there = {path: inside(repository, path) for path in moved}
    before = {path: inner.head() for path, inner in there.items() if inner}
    if moved:
        try:
            repository.update_submodules(moved)
        except GitError:
            ways = [_make_way(repository, path, submodules[path]) for path in moved]
            if not any(ways):
                raise
            repository.update_submodules(moved)
    for path, commit in submodules.items():
        wrong, inner = problem(repository, path, commit), inside(repository, path)
        if wrong or inner is None:
            raise GitError(f"The submodule {shown(path)} of {repository.folder} {wrong}.")
        if inner.knows(before.get(path, "")):
            leave(inner, before[path], "HEAD")
        update(inner)


def leave(repository: Repository, old: str, new: str) -> bool:
    """Take away the submodules that one commit has and another has not; gives whether any was there.

    Git itself leaves them where they are, and stops where a commit has files in their place.
    """
    taken = [_leave(repository, path) for path in repository.submodules_gone(old, new)]
    return any(taken)


def _make_way(repository: Repository, path: str, new: str) -> bool:
    """Take away what git cannot go on from in a submodule; gives whether there was any."""
    inner = inside(repository, path)
    if inner is None:
        return False
    if not inner.head():
        return _drop_half(inner)
    if inner.knows(new):
        return leave(inner, "HEAD", new)
    return _is_of_another(repository, path, inner) and _leave(repository, path)


def _leave(repository: Repository, path: str) -> bool:
    """Take away the files of a submodule. What was edited there stays, and all that git does not have.

    So does one whose git folder is in it: its commits may be nowhere else.
    """
    inner = inside(repository, path)
    if inner is None or inner.whole().folder != os.path.realpath(inner.folder):
        return False
    link, below = os.path.join(inner.folder, ".git"), list(recorded(inner))
    if not os.path.isfile(link):
        return False
    try:
        inner.git("read-tree", "-m", "-u", "HEAD", inner.tree(""))
    except GitError:  # edited
        return False
    for one in below:
        _leave(inner, one)
    os.unlink(link)
    with contextlib.suppress(OSError):  # where something stays
        os.rmdir(inner.folder)
    return True


def _is_of_another(repository: Repository, path: str, inner: Repository) -> bool:
    """Whether a clone is that of a submodule that stood there before, and not of the one that is to stand there."""
    _, is_gits, name = _git_dir(inner).rpartition("/modules/")
    top, here = repository.whole(), os.path.join(os.path.realpath(repository.folder), path)
    its_path = top.setting(f"submodule.{name}.path", "--file", ".gitmodules")
    return bool(is_gits) and os.path.join(top.folder, its_path) != here


def _git_dir(inner: Repository) -> str:
    return os.fsdecode(inner.git("rev-parse", "--absolute-git-dir")[:-1])


def _drop_half(inner: Repository) -> bool:
    """Remove what the clone of a submodule left that was ended: git cannot go on from one without any commit."""
    folder = _git_dir(inner)
    if "/modules/" not in folder:  # no clone that git made
        return False
    try:
        shutil.rmtree(folder)
        os.unlink(os.path.join(inner.folder, ".git"))
    except OSError as error:
        raise GitError(f"{folder} cannot be removed: {error.strerror}.") from None
    return True


def problem(repository: Repository, path: str, commit: str) -> str:
    """How a submodule is not at a commit, in words; empty where it is."""
    inner = inside(repository, path)
    head = inner.head() if inner else ""
    if not head:
        return "is not checked out"
    return "" if head == commit else f"is at commit {head[:12]}, not {commit[:12]}"


def raw(repository: Repository) -> Dict[str, str]:
    """The files that a filter was meant for which is missing here, in the clone and its submodules."""
    found = filters.raw(repository)
    for path in recorded(repository):
        inner = inside(repository, path)
        found.update({f"{path}/{name}": one for name, one in raw(inner).items()} if inner else {})
    return found


def moved(repository: Repository) -> Dict[str, str]:
    """The submodules that are not at the commit that is recorded of them, and how, in words."""
    found = {}
    for path, commit in recorded(repository).items():
        wrong, inner = problem(repository, path, commit), inside(repository, path)
        if wrong or inner is None:
            found[path] = wrong
        else:
            found.update({f"{path}/{name}": how for name, how in moved(inner).items()})
    return found


def edited(repository: Repository) -> List[str]:
    """What was edited and not committed, in the clone and its submodules; one at another commit is named itself."""
    names = edits.edited(repository)
    for path, commit in recorded(repository).items():
        inner = None if problem(repository, path, commit) else inside(repository, path)
        names += [f"{path}/{name}" for name in edited(inner)] if inner else [path]
    return sorted(names)
