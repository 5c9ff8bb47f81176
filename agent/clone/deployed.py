"""What really stands on this server, compared with what should."""

import contextlib
import functools
import grp
import hashlib
import os
import pwd
import stat
from typing import Container, Iterator, List, NamedTuple, Optional

BLOCK = 1 << 18
ALGORITHMS = {40: "sha1", 64: "sha256"}  # by the length of the ids that a repository has
DIFFERS, MISSING, EXTRA = "differs", "is missing", "is not in git"
KINDS = {
    stat.S_IFREG: "a file",
    stat.S_IFLNK: "a symbolic link",
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
}


class Owner(NamedTuple):
    """A user, a group, or both, by number."""

    user: Optional[int]
    group: Optional[int]


class FileSpec(NamedTuple):
    """What should stand at a path. What is None is not looked at."""

    path: str
    id: str  # as git names such a content
    is_link: bool = False
    is_executable: Optional[bool] = None
    owner: Optional[Owner] = None
    mode: Optional[int] = None
    below: str = ""  # a folder, below which no folder may be a symbolic link


def id_of(content: bytes, like: str) -> str:
    """How git names a content, in a repository that has ids like this one."""
    return hashlib.new(ALGORITHMS[len(like)], b"blob %d\0%s" % (len(content), content)).hexdigest()


def differences(spec: FileSpec) -> List[str]:
    """In which ways a path is not what it should be, in words. Raises OSError where it cannot be read."""
    try:
        if spec.below and _is_behind_link(os.path.dirname(spec.path), spec.below):
            return ["is behind a symbolic link"]
        about = os.lstat(spec.path)
        kind, expected = stat.S_IFMT(about.st_mode), stat.S_IFLNK if spec.is_link else stat.S_IFREG
        if kind != expected:
            return ["is {}, not {}".format(KINDS.get(kind, "a device"), KINDS[expected])]
        found = id_of(_link(spec.path), spec.id) if spec.is_link else file_id(spec.path, spec.id)
    except (FileNotFoundError, NotADirectoryError):  # gone meanwhile, or below a file
        return [MISSING]
    return [DIFFERS] * (found != spec.id) + list(_other_differences(spec, about))


def content(spec: FileSpec, most: int) -> bytes:
    """What stands there, with one byte more than the most where it is longer. Raises OSError."""
    if spec.is_link:
        return _link(spec.path)
    return start_of(spec.path, most)


def start_of(path: str, most: int) -> bytes:
    """What a file holds, with one byte more than the most where it is longer. Raises OSError."""
    with _opened(path) as file, os.fdopen(os.dup(file), "rb") as reader:
        return reader.read(most + 1)


@functools.lru_cache(maxsize=None)
def _is_behind_link(folder: str, below: str) -> bool:
    inside = os.path.relpath(folder, below)
    return os.path.realpath(folder) != os.path.normpath(os.path.join(os.path.realpath(below), inside))


def beside(folder: str, expected: Container[str]) -> Iterator[str]:
    """What is no folder below a folder, and not expected there, by its real path. Raises OSError."""
    real = os.path.realpath(folder)
    with contextlib.suppress(FileNotFoundError, NotADirectoryError), os.scandir(real) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from beside(entry.path, expected)
            elif entry.path not in expected:
                yield entry.path


def real_path(path: str) -> str:
    """A path with no link in its folders, by which one file has one name."""
    return os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))


def _link(path: str) -> bytes:
    return os.fsencode(os.readlink(path))


@contextlib.contextmanager
def _opened(path: str) -> Iterator[int]:
    # Never by a symbolic link, and without waiting for whoever might write to a pipe.
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def file_id(path: str, like: str) -> str:
    """How git names what a file holds, in a repository that has ids like this one. Raises OSError."""
    with _opened(path) as file:
        made = hashlib.new(ALGORITHMS[len(like)], b"blob %d\0" % os.fstat(file).st_size)
        for block in iter(lambda: os.read(file, BLOCK), b""):
            made.update(block)
    return made.hexdigest()


def _other_differences(spec: FileSpec, about: os.stat_result) -> Iterator[str]:
    is_executable = bool(about.st_mode & stat.S_IXUSR)
    if spec.is_executable not in (None, is_executable):
        yield "is executable" if is_executable else "is not executable"
    if spec.owner:
        user, group = spec.owner
        if user not in (None, about.st_uid) or group not in (None, about.st_gid):
            yield f"owner is {_owner(about.st_uid, about.st_gid)}, not {_owner(user, group)}"
    mode = stat.S_IMODE(about.st_mode)
    if not spec.is_link and spec.mode not in (None, mode):
        yield f"mode is {mode:04o}, not {spec.mode:04o}"


def owner(text: str) -> Owner:
    """The numbers of `user`, `user:group` or `:group`. Raises KeyError for a name that this machine does not know."""
    user, _, group = text.partition(":")
    return Owner(
        (int(user) if user.isdigit() else pwd.getpwnam(user).pw_uid) if user else None,
        (int(group) if group.isdigit() else grp.getgrnam(group).gr_gid) if group else None,
    )


def _owner(user: Optional[int], group: Optional[int]) -> str:
    """An owner by name, and by number where it has none."""
    names = ["", ""]
    if user is not None:
        try:
            names[0] = pwd.getpwuid(user).pw_name
        except KeyError:
            names[0] = str(user)
    if group is not None:
        try:
            names[1] = grp.getgrgid(group).gr_name
        except KeyError:
            names[1] = str(group)
    return names[0] if group is None else ":".join(names)
