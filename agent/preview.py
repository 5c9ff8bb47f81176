"""What a deployment would do, without doing it."""

from typing import List

from agent import checksums
from agent.config import Target
from agent.errors import IMPOSSIBLE, OK
from agent.git import LEAVE_THEM, Repository
from agent.log import Log
from agent.state import Memory
from agent.text import plain, shown


def preview(target: Target, memory: Memory, log: Log) -> int:
    """Fetch, and say which commits, files and make targets a run would take now."""
    repository = Repository(target.deployment_repo, target.git_timeout)
    repository.fetch()
    head, new = repository.commit(), repository.upstream()
    if memory.held and memory.held["commit"] == new:
        log.warning(f"Would leave out {new[:12]}, which was rolled back. The next commit is taken again.")
        new = head
    if not repository.is_ancestor(head, new):
        log.error(f"git pull would fail: the remote's branch is at {new[:12]}, without {head[:12]}. {LEAVE_THEM}")
        return IMPOSSIBLE
    files = repository.changed(head, new)
    edited = sorted(set(files) & set(repository.edited()))
    if edited:
        log.error("git pull would fail, as these were edited here: {}.".format(", ".join(map(shown, edited))))
        return IMPOSSIBLE
    for line in repository.log(head, new):
        log.info(f"Would take commit {plain(line)}")
    for name in files:
        log.info(f"Would change {shown(name)}")
    goals = _goals(target, memory, files)
    for goal in goals:
        log.info(f"Would run make {goal}")
    if not files and not goals:
        log.info("Would do nothing.")
    return OK


def _goals(target: Target, memory: Memory, files: List[str]) -> List[str]:
    """Those that are due by now, and those of the files that would change."""
    now = checksums.take(target)
    for key, part in checksums.parts(target).items():
        if any(name == part.path or name.startswith(part.path + "/") for name in files):
            now[key] = "would change"
    return checksums.plan(target, memory.undone, now).goals
