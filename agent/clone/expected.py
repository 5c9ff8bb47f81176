"""Which files should be on this server, by the config and a commit."""

import os
from functools import partial
from typing import Callable, Dict, Iterator, List, NamedTuple, Tuple

from agent.clone.commit import LINK, SUBMODULE, Commit, Entry
from agent.clone.deployed import FileSpec, file_id, id_of, owner, start_of
from agent.clone.diffs import LARGEST
from agent.clone.globs import destination, fitting
from agent.config import File, Target
from agent.errors import AgentError
from agent.masks import masked
from agent.programs import run


class Expected(NamedTuple):
    """A file that should be there, and how to learn what it should hold."""

    spec: FileSpec
    content: Callable[[], bytes]


class Clone(NamedTuple):
    """The clone or a submodule in it: what its paths begin with in a report, its commit, and all that is in that."""

    prefix: str
    commit: Commit
    paths: List[str]
    filtered: List[str]  # those that a filter changes when git checks them out


class Expectations:
    """What should be there, by the names that are reported: `files` of the config, or else the clone as it is.

    `problems` are sentences about what cannot be known; `drifted` says of submodules how they are at another commit;
    `left_out` are submodules that are not compared.
    """

    def __init__(self, target: Target, commit: Commit, scratch: str) -> None:
        self.files: Dict[str, Expected] = {}
        self.problems: List[str] = []
        self.drifted: Dict[str, str] = {}
        self.left_out: List[str] = []
        self.clones: List[Clone] = []
        self.raw: Dict[str, str] = {}  # which filter is missing here, by the name in git
        self._target = target
        self._commit = commit
        self._scratch = scratch
        self._export = ""
        self._raw: Dict[str, str] = {}
        self._entries: Dict[str, Entry] = {}
        if not target.files:
            self._take_clone("", commit)
            return
        entries = commit.entries()
        self.left_out = [entry.path for entry in entries if entry.mode == SUBMODULE]
        self._entries = {entry.path: entry for entry in entries if entry.mode != SUBMODULE}
        self._raw = commit.raw(commit.filters(scratch))
        for rule in target.files:
            self._take(rule)

    def _take(self, rule: File) -> None:
        try:
            # Of two rules for one file the later counts.
            self.files.update(self._of_template(rule) if rule.command else self._of_source(rule))
        except AgentError as error:
            self.problems.append(str(error))

    def _take_clone(self, prefix: str, commit: Commit) -> None:
        entries = commit.entries()
        asked = commit.filters(self._scratch)
        raw = commit.raw(asked)
        folder = os.path.join(self._target.deployment_repo, prefix)
        there = [path for path in raw if os.path.lexists(os.path.join(folder, path))]
        self.raw.update({prefix + path: raw[path] for path in there})
        filtered = [path for path in asked if path not in raw]
        self.clones.append(Clone(prefix, commit, [entry.path for entry in entries], filtered))
        keeps_modes = commit.clone_keeps_modes()
        for entry in entries:
            path = prefix + entry.path
            if entry.mode == SUBMODULE:
                self._take_submodule(path, commit, entry)
                continue
            spec = FileSpec(
                os.path.join(self._target.deployment_repo, path),
                entry.id,
                is_link=entry.mode == LINK,
                is_executable=entry.mode == "100755" if keeps_modes and entry.mode != LINK else None,
                below=self._target.deployment_repo,
            )
            content = commit.content if spec.is_link else partial(_checked_out, commit, self._scratch)
            self.files[path] = Expected(spec, partial(content, entry))

    def _take_submodule(self, path: str, commit: Commit, entry: Entry) -> None:
        if not self._target.submodules:
            self.left_out.append(path)
            return
        inner = commit.submodule(entry)
        if isinstance(inner, Commit):
            self._take_clone(path + "/", inner)
        else:
            self.drifted[path] = inner

    def _of_source(self, rule: File) -> Iterator[Tuple[str, Expected]]:
        paths = fitting(rule.source, self._entries)
        if not paths:
            is_folder = any(path.startswith(rule.source.rstrip("/") + "/") for path in self._entries)
            hint = " It is a folder: {}/** means all files in it.".format(rule.source.rstrip("/")) if is_folder else ""
            raise AgentError(f"The source {rule.source} fits no file of the commit.{hint}")
        if len(paths) > 1 and not rule.target.endswith("/"):
            raise AgentError(
                f"The source {rule.source} fits {len(paths)} files, and the target {rule.target} is one: "
                "a folder ends with a slash."
            )
        self.raw.update({path: self._raw[path] for path in paths if path in self._raw})
        files = [path for path in paths if self._entries[path].mode != LINK]
        converted = self._commit.converted(files, self._scratch)
        made = self._commit.checked_out([path for path in files if path in converted], self._scratch)
        for path in paths:
            entry = self._entries[path]
            spec = FileSpec(destination(rule.source, rule.target, path), entry.id, is_link=entry.mode == LINK)
            content = partial(self._commit.content, entry)
            if path in made:
                spec = spec._replace(id=file_id(made[path], entry.id))
                content = partial(start_of, made[path], LARGEST)
            yield spec.path, Expected(_ruled(rule, spec), content)

    def _of_template(self, rule: File) -> Iterator[Tuple[str, Expected]]:
        self._export = self._export or self._commit.export(self._scratch)
        environment = {
            "GITOPS_GROUP": self._target.server_group,
            "GITOPS_HOST": self._target.host,
            "GITOPS_COMMIT": self._commit.name,
        }
        done = run(rule.command, self._export, self._target.git_timeout, environment)
        if done.has_failed:
            ending = done._replace(output=b"").ending  # the half of a file says nothing, and may hold any secret
            raise AgentError(f"The command for {rule.target} {masked(ending)}")
        spec = _ruled(rule, FileSpec(rule.target, id_of(done.output, self._commit.name)))
        yield rule.target, Expected(spec, lambda: done.output)


def _checked_out(commit: Commit, scratch: str, entry: Entry) -> bytes:
    return start_of(commit.checked_out([entry.path], scratch)[entry.path], LARGEST)


def _ruled(rule: File, spec: FileSpec) -> FileSpec:
    try:
        owned = owner(rule.owner) if rule.owner else None
    except KeyError:
        raise AgentError(f"This machine knows no owner {rule.owner}, as {rule.target} should have.") from None
    return spec._replace(owner=owned, mode=int(rule.mode, 8) if rule.mode else None)
