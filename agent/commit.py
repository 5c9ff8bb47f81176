"""What a commit says should be there."""

import os
from typing import Iterator, List, NamedTuple

from agent.files import make_folder
from agent.git import Repository

LINK, SUBMODULE = "120000", "160000"


class Entry(NamedTuple):
    """A file of a commit; its id is the hash of its content, or of the name that a symbolic link points to."""

    path: str
    id: str
    mode: str


class Commit:
    """A commit of a clone. Its paths are relative to the folder of the clone. Everything raises GitError."""

    def __init__(self, repository: Repository, name: str) -> None:
        self.name = name
        self._repository = repository

    def entries(self) -> List[Entry]:
        """All its files, symbolic links and submodules."""
        entries = []
        for line in self._repository.git("ls-tree", "-r", "-z", self.name).split(b"\0")[:-1]:
            about, path = line.split(b"\t", 1)
            mode, _, name = about.decode("ascii").split()
            entries.append(Entry(os.fsdecode(path), name, mode))
        return entries

    def content(self, entry: Entry) -> bytes:
        """What git keeps of a file."""
        return self._repository.git("cat-file", "blob", entry.id)

    def checked_out(self, entry: Entry) -> bytes:
        """What git makes of a file in the clone, where line ends or Git LFS make a difference."""
        if entry.mode == LINK:
            return self.content(entry)
        return self._repository.git("cat-file", "--filters", f"{self.name}:./{entry.path}")

    def export(self, scratch: str) -> str:
        """Write all files of the repository below a folder of ours; gives where the clone's folder is in there.

        It should be none in /tmp, where programs often cannot be run.
        """
        folder = os.path.join(scratch, "export")
        make_folder(folder)
        self._repository.git(
            "read-tree", "--reset", "-u", "--no-sparse-checkout", self.name,
            more={"GIT_INDEX_FILE": os.path.join(scratch, "index"), "GIT_WORK_TREE": folder},
        )  # fmt: skip
        return os.path.join(folder, os.fsdecode(self._repository.git("rev-parse", "--show-prefix")[:-1]))

    def ids_in_clone(self, paths: List[str]) -> Iterator[str]:
        """The ids that files would have in git, once line ends or Git LFS are undone."""
        for start in range(0, len(paths), 100):  # so that the names fit a command line
            names = self._repository.git("hash-object", "--", *paths[start : start + 100])
            yield from names.decode("ascii").split()

    def left_out_of_clone(self) -> List[str]:
        """The files that a sparse checkout leaves out."""
        lines = self._repository.git("ls-files", "-t", "-z").split(b"\0")
        return [os.fsdecode(line[2:]) for line in lines if line.startswith(b"S ")]

    def clone_keeps_modes(self) -> bool:
        """Whether the file system knows which files are executable, as git found out when it made the clone."""
        return self._repository.git("config", "--bool", "core.fileMode") != b"false\n"
