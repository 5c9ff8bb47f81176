"""What a deployment would do, without doing it."""

from agent.clone import checksums, submodules
from agent.clone.edits import edited, in_the_way
from agent.clone.git import KEPT, Repository
from agent.config import Target
from agent.deploying.state import Memory
from agent.errors import IMPOSSIBLE, OK, GitError
from agent.log import Log
from agent.text import listed, plain, shown


def preview(target: Target, memory: Memory, log: Log) -> int:
    """Fetch, and say which commits, files and make targets a run would take now."""
    repository = Repository(target, log.warning)
    _say_what_is_left(repository, memory, log)
    repository.fetch()
    head, new = repository.commit(), repository.upstream()
    if memory.held and memory.held.commit == new:
        log.warning(f"Would leave out {new[:12]}, which was rolled back. The next commit is taken again.")
        new = head
    try:
        left = repository.left_by(new)
    except GitError as error:
        log.error(f"The remote's branch is at {new[:12]}, without {head[:12]}: a run would fail. {error}")
        return IMPOSSIBLE
    if left:
        log.warning(f"Would leave {left[:12]}, and keep it as {KEPT}{left}")
    if repository.branch() != repository.expected_branch():
        log.warning(f"Would put the clone on {target.ref}.")
    if not _can_pull(repository, head, new, log):
        return IMPOSSIBLE
    files = checksums.changed(target, repository, head, new)
    for line in repository.log(head, new):
        log.info(f"Would take commit {plain(line)}")
    for name in files:
        log.info(f"Would change {shown(name)}")
    goals = checksums.plan(target, memory.undone, memory.good, files).goals
    for goal in goals:
        log.info(f"Would run make {goal}")
    if not files and not goals:
        log.info("Would do nothing.")
    return OK


def _say_what_is_left(repository: Repository, memory: Memory, log: Log) -> None:
    for lock in submodules.locks(repository):
        log.warning(f"Would {'wait for' if lock.holder else 'remove'} {lock.path}")
    if memory.rest:
        log.warning(memory.rest)


def _can_pull(repository: Repository, old: str, new: str, log: Log) -> bool:
    """Whether nothing in the clone stops a pull; says what does, and what a pull replaces."""
    whole = repository.whole()
    stopping = repository.from_here(list(set(whole.changed(old, new)) & set(edited(whole))))
    if stopping:
        log.error("git pull would fail, as these were edited here: {}.".format(", ".join(map(shown, stopping))))
        return False
    replaced = in_the_way(whole, old, new)
    refused = whole.untracked(replaced)
    names = listed(repository.from_here(refused or replaced))
    if refused:
        log.error(f"git pull would fail, as the commit adds these, and they stand here without git: {names}.")
        return False
    if replaced:
        log.warning(f"A pull replaces these, which git ignores here, by those of the commit: {names}.")
    return True
