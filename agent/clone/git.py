"""What git says about the repository that is deployed from."""

import copy
import os
import re
from typing import Callable, Dict, List, Optional, Sequence, Set, Tuple

from agent.clone import locks
from agent.clone.ssh import quiet
from agent.config import Target
from agent.errors import GitError
from agent.programs import Done, run

# Nobody is there to answer a question, and git's messages are read by us. All else stays as the operator has it.
QUIET = {"GIT_TERMINAL_PROMPT": "0", "SSH_ASKPASS": "", "SSH_ASKPASS_REQUIRE": "never", "LANGUAGE": "C"}
LASTING = ("-c", "core.fsync=all")  # else a power cut leaves empty objects, and every later fetch fails
TAKEN = "refs/gitops-agent/upstream"  # what was last fetched of the branch, whatever else may be fetched or not
KEPT = "refs/gitops-agent/kept/"  # by its name each commit that was left and is in no branch
COMMIT = re.compile(r"([0-9a-f]{40}|[0-9a-f]{64})\Z")
ALL = ("--no-renames", "--relative", "--ignore-submodules=dirty", "-z")  # also a submodule that its `ignore` hides
LITERAL = {"GIT_LITERAL_PATHSPECS": "1"}  # for names that may hold a star
LOCAL_SECONDS = 60
NO_BRANCH = "is on no branch that the remote has."
LEAVE_THEM = "They were made here or forced away there: git reset --keep @{upstream} leaves them."


class Repository:
    """A clone on this server, or a folder in one: its paths are relative to that. Everything raises GitError.

    `warn` is told what stops nothing, as in `unlock` and `fetch`.
    """

    def __init__(self, target: Target, warn: Callable[[str], None] = lambda _: None) -> None:
        self.folder = target.deployment_repo
        self.seconds = target.git_timeout
        self._target = target
        self._warn = warn
        self._name = ""  # the full name of the config's ref at the remote, once it was asked

    def at(self, folder: str) -> "Repository":
        """The same for another folder."""
        other = copy.copy(self)
        other.folder = folder
        return other

    def whole(self) -> "Repository":
        """The same clone from its top, where its folder is one of a bigger repository."""
        return self.at(os.path.realpath(os.fsdecode(self.git("rev-parse", "--show-toplevel")[:-1])))

    def from_here(self, names: Sequence[str]) -> List[str]:
        """What files are called here whose names begin at the top, sorted."""
        top, here = self.whole().folder, os.path.realpath(self.folder)
        return sorted(os.path.relpath(os.path.join(top, name), here) for name in names)

    def inside(self, path: str) -> "Repository":
        """The clone that a submodule is."""
        return self.at(os.path.join(self.folder, path))

    def update_submodules(self, paths: Sequence[str]) -> None:
        """Check out the recorded commits of submodules. Their urls are those of .gitmodules, which may have changed."""
        self.git("submodule", "--quiet", "sync", "--", *paths, env=LITERAL)
        done = self._afar("submodule", "--quiet", "update", "--init", "--checkout", "--", *paths, env=LITERAL)
        if done.has_failed:
            raise GitError(f"git submodule {done.ending}")

    def unlock(self, is_broken: bool) -> None:
        """Remove the locks that no living process holds; after a move that broke its git is waited for, too."""
        roots = self._roots()
        locks.clear(roots[:2], roots, self.seconds, is_broken, self._warn)

    def locks(self) -> List[locks.Lock]:
        """The locks of git that are there."""
        roots = self._roots()
        return locks.locks(roots[:2], roots)

    def is_at(self, new: str) -> bool:
        """Whether the clone stands at a commit, on the branch that it should be on."""
        return self.head() == new and self.branch() == self.expected_branch()

    def left_by(self, new: str) -> str:
        """The commit that no branch would have any more if a new one were taken over; empty for none.

        That is refused, unless the config says to follow. git itself says of a branch that was forced back that all is
        up to date.
        """
        branch = self.expected_branch()
        name = f"refs/heads/{branch}" if branch else "HEAD"
        is_lost = self.knows(name) and bool(branch or not self.branch()) and not self.is_ancestor(name, new)
        if is_lost and branch and self._target.force_push != "follow":
            raise GitError(f"The clone {self.folder} has commits that the remote's branch has not. {LEAVE_THEM}")
        return self.commit(name) if is_lost else ""

    def take(self, new: str) -> str:
        """Take over what the branch has become; gives a sentence where that was no step forward on the same branch."""
        left, branch, before = self.left_by(new), self.expected_branch(), self.branch()
        if left:
            self.git("update-ref", KEPT + left, left)
        if branch != before:
            remote, name = self.source()
            for key, value in (("remote", remote), ("merge", name)) if branch else ():
                self.git("config", f"branch.{branch}.{key}", value)
            if branch:
                self._free(branch, new)
            self._check_out(*(["-B", branch] if branch else ["--detach"]), new)
        elif not branch:
            self._check_out("--detach", new)
        elif left:
            self.reset(new)
        else:
            self.git("merge", "--ff-only", "--no-stat", new, seconds=self.seconds)
        moved = (
            f"The clone stood on {before or 'no branch'} and was put on {self._target.ref}." if branch != before else ""
        )
        note = f"What was taken does not hold commit {left[:12]}: it is kept as {KEPT}{left}." if left else ""
        return " ".join(filter(None, (moved, note)))

    def _free(self, branch: str, new: str) -> None:
        """Take away branches whose names are in a branch's way, as `a` is in that of `a/b`, and keep their commits."""
        names = self.git("for-each-ref", "--format=%(refname)", "refs/heads/").splitlines()
        for name in map(os.fsdecode, names):
            other = name[len("refs/heads/") :]
            if branch.startswith(other + "/") or other.startswith(branch + "/"):
                if other == self.branch():
                    self._check_out("--detach", new)
                commit = self.commit(name)
                self.git("update-ref", KEPT + commit, commit)
                self.git("update-ref", "-d", name, commit)
                self._warn(f"The branch {other} was in the way of {branch}: its commit is kept as {KEPT}{commit}")

    def fetch(self) -> None:
        """Learn what the branch has become, or that it is gone, and change no file.

        Other branches and tags stop nothing: where git cannot take them over, only the branch is fetched.
        """
        remote, name = self.source()
        if COMMIT.match(name) and self.knows(name):
            self.git("update-ref", TAKEN, name)
            return
        fetch, refspec = ("fetch", "--no-recurse-submodules"), f"+{name}:{TAKEN}"
        done = self._afar(*fetch, remote, refspec)
        if done.code == 1:
            refused = done.ending
            done = self._afar(*fetch, "--no-tags", "--refmap=", remote, refspec)
            if not done.has_failed:
                self._warn(f"git fetch took the branch, and nothing else, as it {refused}")
        if done.has_failed:
            gone = f"The clone {self.folder} {NO_BRANCH} " if b"couldn't find remote ref" in done.errors else ""
            raise GitError(f"{gone}git fetch {done.ending}")

    def source(self) -> Tuple[str, str]:
        """The remote, and the full name that the branch, or what `ref` names, has there."""
        ref, branch = self._target.ref, self.branch()
        remote = self.setting(f"branch.{branch}.remote") if branch else ""
        if not ref:
            merge = self.setting(f"branch.{branch}.merge") if remote else ""
            if not merge:
                raise GitError(f"The clone {self.folder} {NO_BRANCH}")
            return remote, merge
        remotes = [] if remote else self.git("remote").splitlines()
        remote = remote or (os.fsdecode(remotes[0]) if len(remotes) == 1 else "origin")
        if not self._name and COMMIT.match(ref):
            self._name = ref
        elif not self._name:
            names = [ref] if ref.startswith("refs/") else ["refs/heads/" + ref, "refs/tags/" + ref]
            done = self._afar("ls-remote", remote, *names)
            if done.has_failed:
                raise GitError(f"git ls-remote {done.ending}")
            there = [os.fsdecode(line.split(b"\t")[-1]) for line in done.output.splitlines()]
            self._name = next((name for name in names if name in there), "")
            if not self._name:
                raise GitError(f"The remote {remote} has no branch and no tag {ref}, as the config's ref says.")
        return remote, self._name

    def expected_branch(self) -> str:
        """The branch that should be checked out here; empty for none, as for a tag."""
        name = self.source()[1] if self._target.ref else "refs/heads/" + self.branch()
        return name[len("refs/heads/") :] if name.startswith("refs/heads/") else ""

    def upstream(self) -> str:
        """The commit that the branch had at the remote when it was last fetched."""
        return self.commit(TAKEN)

    def commit(self, name: str = "HEAD") -> str:
        """The full name of a commit."""
        return self.git("rev-parse", "--verify", name + "^{commit}").decode("ascii").strip()

    def head(self) -> str:
        """The full name of the commit that is checked out, empty in a clone that has none yet."""
        return self._run(["rev-parse", "--verify", "--quiet", "HEAD"], LOCAL_SECONDS).output.decode("ascii").strip()

    def reset(self, commit: str) -> None:
        """Take the branch here to another commit, unless that would touch what was edited and not committed."""
        self.git("reset", "--keep", "--no-recurse-submodules", commit, seconds=self.seconds)

    def tree(self, commit: str) -> str:
        """A commit, or the tree without any file where there is none yet."""
        return commit or self.git("hash-object", "-t", "tree", "/dev/null").decode("ascii").strip()

    def branch(self) -> str:
        """The branch that is checked out, empty for none."""
        name = self._run(["symbolic-ref", "--quiet", "HEAD"], LOCAL_SECONDS).output
        return os.fsdecode(name).strip()[len("refs/heads/") :]

    def message(self, commit: str) -> str:
        """The first line of what the commit's author said."""
        return self.git("log", "-1", "--format=%s", commit, "--").decode("utf-8", "backslashreplace").strip()

    def log(self, old: str, new: str) -> List[str]:
        """A line for each commit after the old one up to the new one, the oldest first."""
        output = self.git("log", "--reverse", "--format=%h %s", f"{old}..{new}", "--")
        return output.decode("utf-8", "backslashreplace").splitlines()

    def changed(self, old: str, new: str) -> List[str]:
        """The files of the folder that differ between two commits, sorted. A name is as the file system has it."""
        return _names(self.git("diff", "--name-only", *ALL, old, new, "--"))

    def added(self, old: str, new: str) -> List[str]:
        """Those of them that the first commit does not have."""
        return _names(self.git("diff", "--name-only", "--diff-filter=A", *ALL, old, new, "--"))

    def submodules_gone(self, old: str, new: str) -> List[str]:
        """The submodules of a commit that another does not have there."""
        fields = self.git("diff", "--raw", "--diff-filter=DT", *ALL, self.tree(old), new, "--").split(b"\0")
        return [os.fsdecode(name) for about, name in zip(fields[::2], fields[1::2]) if about.startswith(b":160000")]

    def files(self, commit: str) -> List[str]:
        """All files that a commit has in the folder, sorted."""
        return _names(self.git("ls-tree", "-r", "--name-only", "-z", commit))

    def is_ancestor(self, old: str, new: str) -> bool:
        """Whether one commit leads to another, so that a pull is a fast-forward."""
        return self._run(["merge-base", "--is-ancestor", old, new], LOCAL_SECONDS).code == 0

    def standing(self, paths: Sequence[str]) -> List[str]:
        """All that git does not track at some paths, also what it ignores."""
        return _names(self.git("ls-files", "--others", "-z", "--", *paths, env=LITERAL)) if paths else []

    def untracked(self, paths: Sequence[str]) -> List[str]:
        """What git neither tracks nor ignores at some paths, sorted; a folder stands for all that is in it."""
        options = ("--others", "--exclude-standard", "--directory", "--no-empty-directory", "-z")
        return _names(self.git("ls-files", *options, "--", *paths, env=LITERAL)) if paths else []

    def is_as_in(self, commit: str, paths: Sequence[str]) -> bool:
        """Whether what git tracks at some paths or globs is on the disk as in a commit."""
        specs = [f":(glob){path}" for path in paths]
        command = ["diff", "--quiet", "--ignore-submodules=dirty", commit, "--", *specs]
        return bool(commit) and (not paths or self._run(command, LOCAL_SECONDS).code == 0)

    def knows(self, commit: str) -> bool:
        """Whether a commit is there, as one that was forced away need not be."""
        return self._run(["cat-file", "-e", commit + "^{commit}"], LOCAL_SECONDS).code == 0

    def git(self, *arguments: str, seconds: Optional[float] = None, env: Optional[Dict[str, str]] = None) -> bytes:
        """What git answers; `env` is added to its environment."""
        done = self._run(list(arguments), seconds or LOCAL_SECONDS, env)
        if done.has_failed:
            raise GitError(f"git {arguments[0]} {done.ending}")
        return done.output

    def setting(self, name: str, *where: str) -> str:
        """What git's config says, wherever the operator wrote it; empty for nothing."""
        return os.fsdecode(self._run(["config", *where, "--get", name], LOCAL_SECONDS).output).rstrip("\n")

    def sections(self, name: str) -> Set[str]:
        """What git's config has sections for, such as the filters that are set up."""
        lines = self._run(["config", "-z", "--name-only", "--get-regexp", f"^{name}\\."], LOCAL_SECONDS).output
        return {os.fsdecode(line.partition(b".")[2].rpartition(b".")[0]) for line in lines.split(b"\0")}

    def _check_out(self, *what: str) -> None:
        self.git("checkout", "--no-recurse-submodules", *what, "--", seconds=self.seconds)

    def _roots(self) -> List[str]:
        """Git's own folder of the clone, the one that it shares with other clones, and the top of its files."""
        lines = self.git("rev-parse", "--git-dir", "--git-common-dir", "--show-toplevel").splitlines()
        return [os.path.realpath(os.path.join(self.folder, os.fsdecode(line))) for line in lines]

    def _afar(self, *arguments: str, env: Optional[Dict[str, str]] = None) -> Done:
        """Run what may speak to a remote."""
        options, ssh = quiet(self.setting)
        return self._run([*options, *arguments], self.seconds, dict(ssh, **(env or {})))

    def _run(self, arguments: List[str], seconds: float, env: Optional[Dict[str, str]] = None) -> Done:
        env = dict(QUIET, **(env or {}))
        return run(["git", "-C", self.folder, *LASTING, *arguments], "/", seconds, env)


def _names(output: bytes) -> List[str]:
    return sorted(os.fsdecode(name) for name in output.split(b"\0") if name)
