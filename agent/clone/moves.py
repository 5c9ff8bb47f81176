"""Bring the clone and its submodules to a commit, and put right what a move left that was ended half-way."""

import contextlib
import os
from typing import Callable, Iterator, TypeVar

from agent.clone import submodules
from agent.clone.edits import in_the_way, over_unedited
from agent.clone.git import Repository
from agent.clone.mending import put_right, renew_index
from agent.config import Target
from agent.deploying.state import Memory
from agent.errors import AgentError, GitError
from agent.log import Log
from agent.text import listed, shown

Answer = TypeVar("Answer")


class Moves:
    """The moves of one run. `folder` is that of the server in the state folder."""

    def __init__(self, target: Target, repository: Repository, folder: str, log: Log) -> None:
        self.note = ""  # what was odd about the pull
        self.left_out = ""  # which submodules stay as they are
        self._target = target
        self._repository = repository
        self._folder = folder
        self._log = log

    def mend(self, memory: Memory) -> None:
        """Put right what a git left that was ended half-way."""
        try:
            clones = list(submodules.clones(self._repository))
        except GitError as error:
            if not renew_index(self._repository, error):
                raise
            self._log.warning(f"Made the index of git anew, which was damaged: {error}")
            clones = list(submodules.clones(self._repository))
        for clone in clones:
            clone.unlock(memory.move is not None)
        if memory.move:
            for name in put_right(self._repository, os.path.join(self._folder, "mending"), **memory.move):
                self._log.warning(f"Put back what a broken pull left: {shown(name)}")
            if self._repository.knows(memory.move["old"]):
                self._leave_submodules(memory.move["old"], self._repository.head())
            memory.move = None
            memory.save()

    def pull(self, memory: Memory) -> None:
        """Take what the branch has become, unless it is the commit that is held."""
        self._repository.fetch()
        new = self._repository.upstream()
        if memory.held and new != memory.held.commit:
            memory.held = None
        if not memory.held and not self._repository.is_at(new):
            self.note = self._move(memory, new, self._repository.take)
            if self.note:
                self._log.warning(self.note)
        self._update_submodules(memory)

    def back(self, memory: Memory, good: str) -> None:
        """Take the branch back to a commit."""
        self._move(memory, good, self._repository.reset)
        self._update_submodules(memory)

    def _move(self, memory: Memory, new: str, how: Callable[[str], Answer]) -> Answer:
        """Move the clone to a commit, which submodules that it does not have may stop."""
        with self._noted(memory, new):
            old, whole = self._repository.head(), self._repository.whole()
            replaced = self._repository.from_here(in_the_way(whole, whole.tree(old), new))
            try:
                answer = over_unedited(self._repository, new, how)
            except GitError:
                if not self._leave_submodules(old, new):
                    raise
                try:
                    answer = over_unedited(self._repository, new, how)
                except GitError:
                    submodules.update(self._repository)
                    raise
            self._leave_submodules(old, new)
            if replaced:
                self._log.warning(
                    f"These, which git ignored here, were replaced by those of the commit: {listed(replaced)}."
                )
        return answer

    def _leave_submodules(self, old: str, new: str) -> bool:
        return self._target.submodules and submodules.leave(self._repository, old, new)

    def _update_submodules(self, memory: Memory) -> None:
        names = ", ".join(map(shown, submodules.recorded(self._repository)))
        if names and self._target.submodules:
            with self._noted(memory, self._repository.head()):
                submodules.update(self._repository)
        elif names:
            self.left_out = f"Submodules are left out, as the config says: {names}."
            self._log.warning(self.left_out)

    @contextlib.contextmanager
    def _noted(self, memory: Memory, new: str) -> Iterator[None]:
        """A move is noted as long as git might die on the way, and what it left is put right where it failed."""
        memory.move = {"old": self._repository.head(), "new": new}
        memory.save()
        try:
            yield
        except GitError:
            try:
                self.mend(memory)
            except AgentError as error:
                self._log.error(str(error))
            raise
        memory.move = None
        memory.save()
