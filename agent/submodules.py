"""Submodules, also those in submodules: brought to the commits that are recorded of them, and compared with those."""

import os
import shutil
from typing import Dict, List, Optional

from agent import edits, filters
from agent.errors import GitError
from agent.git import Repository
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


def update(repository: Repository) -> None:
    """Check out the commit that is recorded of each submodule, with the urls of `.gitmodules` as they are now."""
    submodules = recorded(repository)
    moved = [path for path, commit in submodules.items() if problem(repository, path, commit)]
    if moved:
        try:
            repository.update_submodules(moved)
        except GitError:
            dropped = [path for path in moved if _drop_half(repository, path)]
            if not dropped:
                raise
            repository.update_submodules(moved)
    for path, commit in submodules.items():
        wrong, inner = problem(repository, path, commit), inside(repository, path)
        if wrong or inner is None:
            raise GitError(f"The submodule {shown(path)} of {repository.folder} {wrong}.")
        update(inner)


def _drop_half(repository: Repository, path: str) -> bool:
    """Remove what the clone of a submodule left that was ended: git cannot go on from one without any commit."""
    inner = inside(repository, path)
    if inner is None or inner.head():
        return False
    folder = os.fsdecode(inner.git("rev-parse", "--absolute-git-dir")[:-1])
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


def edited(repository: Repository) -> List[str]:
    """What was edited and not committed, in the clone and its submodules; one at another commit is named itself."""
    names = edits.edited(repository)
    for path, commit in recorded(repository).items():
        inner = None if problem(repository, path, commit) else inside(repository, path)
        names += [f"{path}/{name}" for name in edited(inner)] if inner else [path]
    return sorted(names)
