"""What git says about the repository that is deployed from."""

import os
from typing import Dict, List, Optional

from agent.errors import GitError
from agent.programs import Done, run

# Nobody is there to type a password, and messages are read by us.
QUIET = {
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_SSH_COMMAND": os.environ.get("GIT_SSH_COMMAND", "ssh -o BatchMode=yes"),
    "LC_ALL": "C",
}
LOCAL_SECONDS = 60
LEAVE_THEM = "They were made here or forced away there: git reset --keep @{upstream} leaves them."


class Repository:
    """A clone on this server. Everything raises GitError."""

    def __init__(self, folder: str, seconds: float) -> None:
        self.folder = folder
        self._seconds = seconds

    def pull(self) -> None:
        """Take over what the branch has become; what is no fast-forward is refused.

        So is a branch that was forced back, of which git says that all is up to date.
        """
        try:
            self.git("pull", "--ff-only", "--no-rebase", "--quiet", seconds=self._seconds)
        except GitError:
            self._refuse_other_commits()
            raise
        self._refuse_other_commits()

    def fetch(self) -> None:
        """Learn what the branch has become, or that it is gone, and change no file."""
        self.git("fetch", "--prune", "--quiet", seconds=self._seconds)

    def upstream(self) -> str:
        """The commit that the branch had at the remote when it was last fetched."""
        try:
            return self.commit("@{upstream}")
        except GitError:
            raise GitError(f"The clone {self.folder} is on no branch that the remote has.") from None

    def commit(self, name: str = "HEAD") -> str:
        """The full name of a commit; `@{upstream}` is what was last fetched of the branch."""
        return self.git("rev-parse", "--verify", "--quiet", name + "^{commit}").decode("ascii").strip()

    def head(self) -> str:
        """The full name of the commit that is checked out, empty in a clone that has none yet."""
        return self._run(["rev-parse", "--verify", "--quiet", "HEAD"], LOCAL_SECONDS).output.decode("ascii").strip()

    def reset(self, commit: str) -> None:
        """Take the branch here to another commit, unless that would touch what was edited and not committed."""
        self.git("reset", "--keep", "--quiet", commit)

    def branch(self) -> str:
        """The branch that is checked out, empty for none."""
        name = self.git("rev-parse", "--abbrev-ref", "HEAD").decode("utf-8", "backslashreplace").strip()
        return "" if name == "HEAD" else name

    def message(self, commit: str) -> str:
        """The first line of what the commit's author said."""
        return self.git("log", "-1", "--format=%s", commit, "--").decode("utf-8", "backslashreplace").strip()

    def log(self, old: str, new: str) -> List[str]:
        """A line for each commit after the old one up to the new one, the oldest first."""
        output = self.git("log", "--reverse", "--format=%h %s", f"{old}..{new}", "--")
        return output.decode("utf-8", "backslashreplace").splitlines()

    def changed(self, old: str, new: str) -> List[str]:
        """The files that differ between two commits, sorted. A name is as the file system has it."""
        output = self.git("diff", "--name-only", "--no-renames", "-z", old, new, "--")
        return sorted(os.fsdecode(name) for name in output.split(b"\0") if name)

    def files(self, commit: str) -> List[str]:
        """All files of a commit, sorted."""
        output = self.git("ls-tree", "-r", "--name-only", "--full-tree", "-z", commit)
        return sorted(os.fsdecode(name) for name in output.split(b"\0") if name)

    def is_ancestor(self, old: str, new: str) -> bool:
        """Whether one commit leads to another, so that a pull is a fast-forward."""
        return self._run(["merge-base", "--is-ancestor", old, new], LOCAL_SECONDS).code == 0

    def edited(self) -> List[str]:
        """The files of the clone that were edited and not committed, sorted; submodules are left out."""
        output = self.git("diff", "--name-only", "--ignore-submodules", "-z", "HEAD", "--")
        return sorted(os.fsdecode(name) for name in output.split(b"\0") if name)

    def knows(self, commit: str) -> bool:
        """Whether a commit is there, as one that was forced away need not be."""
        return self._run(["cat-file", "-e", commit + "^{commit}"], LOCAL_SECONDS).code == 0

    def git(self, *arguments: str, seconds: Optional[float] = None, more: Optional[Dict[str, str]] = None) -> bytes:
        """What git answers, with more in its environment."""
        done = self._run(list(arguments), seconds or LOCAL_SECONDS, more)
        if done.has_failed:
            raise GitError(f"git {arguments[0]} {done.ending}")
        return done.output

    def _refuse_other_commits(self) -> None:
        if self.knows("@{upstream}") and not self.is_ancestor("HEAD", "@{upstream}"):
            raise GitError(f"The clone {self.folder} has commits that the remote's branch has not. {LEAVE_THEM}")

    def _run(self, arguments: List[str], seconds: float, more: Optional[Dict[str, str]] = None) -> Done:
        return run(["git", "-C", self.folder, *arguments], "/", seconds, dict(QUIET, **(more or {})))
