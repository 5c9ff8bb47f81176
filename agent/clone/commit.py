"""What a commit says should be there."""

import os
from typing import Dict, Iterator, List, Mapping, NamedTuple, Sequence, Set, Union

from agent.clone.filters import filters, missing
from agent.clone.git import Repository
from agent.clone.submodules import inside, problem
from agent.files import make_folder
from agent.programs import portions

LINK, SUBMODULE = "120000", "160000"
PLAIN = {(b"eol", b"lf"), (b"filter", b"set"), (b"working-tree-encoding", b"set")}  # nothing is done for these


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

    def submodule(self, entry: Entry) -> Union["Commit", str]:
        """The commit of a submodule, or how what is checked out there is another one."""
        wrong, inner = problem(self._repository, entry.path, entry.id), inside(self._repository, entry.path)
        return Commit(inner, entry.id) if inner and not wrong else wrong

    def content(self, entry: Entry) -> bytes:
        """What git keeps of a file, or of a symbolic link."""
        return self._repository.git("cat-file", "blob", entry.id)

    def converted(self, paths: Sequence[str], scratch: str) -> Set[str]:
        """Those files of which git may make something else when it checks them out: its line ends, a filter, an id."""
        if self._repository.setting("core.autocrlf") == "true" or self._repository.setting("core.eol") == "crlf":
            return set(paths)
        found = set()
        for some in portions(paths):
            command = ("check-attr", "--cached", "-z", "eol", "filter", "ident", "working-tree-encoding", "--", *some)
            fields = self._repository.git(*command, env=self._index(scratch)).split(b"\0")
            for path, name, value in zip(fields[::3], fields[1::3], fields[2::3]):
                if value not in (b"unspecified", b"unset") and (name, value) not in PLAIN:
                    found.add(os.fsdecode(path))
        return found

    def filters(self, scratch: str) -> Dict[str, str]:
        """The filter that each file asks for, by path, by this commit's attributes."""
        nothing = os.path.join(scratch, "nothing")  # where there are files, their attributes go first
        make_folder(nothing)
        git_dir = os.fsdecode(self._repository.git("rev-parse", "--absolute-git-dir")[:-1])
        asked = filters(
            self._repository.at(nothing), dict(self._index(scratch), GIT_DIR=git_dir, GIT_WORK_TREE=nothing)
        )
        prefix = self._prefix() if asked else ""
        return {path[len(prefix) :]: name for path, name in asked.items() if path.startswith(prefix)}

    def raw(self, asked: Mapping[str, str]) -> Dict[str, str]:
        """Those of these files whose filter nobody set up here."""
        return missing(self._repository, asked)

    def checked_out(self, paths: Sequence[str], scratch: str) -> Dict[str, str]:
        """Write files below a folder of ours as git checks them out, by this commit's attributes; gives where."""
        folder = os.path.join(scratch, self.name)
        make_folder(folder)
        prefix = self._prefix()
        for some in portions([prefix + path for path in paths]):
            env = dict(self._index(scratch), GIT_WORK_TREE=folder)
            self._repository.git("checkout-index", "--force", "--", *some, seconds=self._repository.seconds, env=env)
        return {path: os.path.join(folder, prefix, path) for path in paths}

    def export(self, scratch: str) -> str:
        """Write all files of the repository below a folder of ours; gives where the clone's folder is in there.

        It should be none in /tmp, where programs often cannot be run.
        """
        folder = os.path.join(scratch, "export")
        make_folder(folder)
        self._repository.git(
            "read-tree", "--reset", "-u", "--no-sparse-checkout", self.name,
            env={"GIT_INDEX_FILE": os.path.join(scratch, "index"), "GIT_WORK_TREE": folder},
        )  # fmt: skip
        return os.path.join(folder, self._prefix())

    def ids_in_clone(self, paths: List[str]) -> Iterator[str]:
        """The ids that files would have in git, once line ends or Git LFS are undone."""
        for some in portions(paths):
            names = self._repository.git("hash-object", "--", *some)
            yield from names.decode("ascii").split()

    def left_out_of_clone(self) -> List[str]:
        """The files that a sparse checkout leaves out."""
        lines = self._repository.git("ls-files", "-t", "-z").split(b"\0")
        return [os.fsdecode(line[2:]) for line in lines if line.startswith(b"S ")]

    def clone_keeps_modes(self) -> bool:
        """Whether the file system knows which files are executable, as git found out when it made the clone."""
        return self._repository.git("config", "--bool", "core.fileMode") != b"false\n"

    def _index(self, scratch: str) -> Dict[str, str]:
        """An index that holds this commit, so that its attributes count and not those of the clone."""
        index = {"GIT_INDEX_FILE": os.path.join(scratch, f"{self.name}.index")}
        if not os.path.exists(index["GIT_INDEX_FILE"]):
            make_folder(scratch)
            self._repository.git("read-tree", "--no-sparse-checkout", self.name, env=index)
        return index

    def _prefix(self) -> str:
        """The folder of the clone in its repository, with a slash, empty for the top."""
        return os.fsdecode(self._repository.git("rev-parse", "--show-prefix")[:-1])
