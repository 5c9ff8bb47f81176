"""Files that survive a power cut."""

import errno
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from domain.errors import Unavailable

BUFFER_BYTES = 1_048_576
OWNER_ONLY = 0o600

# What tells one content of a file from another without reading it: inode, size, and time of change in nanoseconds.
Signature = tuple[int, int, int]


def signature_of(path: Path) -> Signature | None:
    """The signature of what the path holds now, None where there is no file."""
    try:
        return _signature(path.stat())
    except FileNotFoundError:
        return None


def read_signed(path: Path) -> tuple[Signature | None, bytes]:
    """The content of a file and its signature; nothing and None where there is no file."""
    try:
        with path.open("rb") as file:
            return _signature(os.fstat(file.fileno())), file.read()
    except FileNotFoundError:
        return None, b""


def _signature(status: os.stat_result) -> Signature:
    return status.st_ino, status.st_size, status.st_mtime_ns


def write_synced(path: Path, content: Iterable[bytes], like: Path) -> Signature:
    """Write a whole file and sync it, with the permissions of another. Leaves no half a file."""
    try:
        with path.open("wb", buffering=BUFFER_BYTES) as file:
            take_mode(file.fileno(), like)
            file.writelines(content)
            file.flush()
            os.fsync(file.fileno())
            return _signature(os.fstat(file.fileno()))
    except OSError:
        path.unlink(missing_ok=True)  # it would only fill the disk further
        raise


def take_mode(descriptor: int, like: Path) -> None:
    """Give a file the permissions of another, if there is that other."""
    with suppress(FileNotFoundError):
        os.fchmod(descriptor, stat.S_IMODE(like.stat().st_mode))


def write_all(descriptor: int, content: bytes) -> None:
    """Write to the end of the content: the system may take less of it at once."""
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def look_for_room(folder: Path, size: int) -> None:
    """Raise what a new file of so many bytes would meet in a folder, as far as that is seen without making it."""
    disk = os.statvfs(folder)
    if disk.f_flag & os.ST_RDONLY:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))
    if not os.access(folder, os.W_OK | os.X_OK, effective_ids=True):
        raise OSError(errno.EACCES, os.strerror(errno.EACCES))
    blocks, files = (disk.f_bavail, disk.f_favail) if os.geteuid() else (disk.f_bfree, disk.f_ffree)
    if (disk.f_blocks and blocks * disk.f_frsize < size) or (disk.f_files and not files):  # some know no numbers
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def rename_synced(path: Path, target: Path) -> None:
    """Rename, and make the rename itself last."""
    path.replace(target)
    sync_folder(target.parent)


def sync_folder(folder: Path) -> None:
    """Make what was created or renamed in the folder last."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def explained(path: Path, doing: str, what: str = "store") -> Iterator[None]:
    """What the system refuses, as Unavailable: a sentence that names the file and no folder."""
    try:
        yield
    except OSError as error:
        raise Unavailable(f"The {what} {path.name} cannot be {doing}: {error.strerror}.") from error


@contextmanager
def understood(path: Path) -> Iterator[None]:
    """A line of the history that cannot be read, as Unavailable."""
    try:
        yield
    except ValueError as error:
        raise Unavailable(f"The store {path.name} cannot be read: {error}.") from None


def not_understood(path: Path, error: ValueError) -> str:
    """The sentence about a store that is not touched until somebody mends it."""
    return f"The store {path.name} is left as it is, because it cannot be understood: {error}."
