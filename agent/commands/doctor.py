"""Say in words what is wrong: config, git, make, URL, token, clock."""

import argparse
import shlex
import tempfile
import time
import urllib.error
import urllib.request
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Callable, Iterator, List, Optional, Tuple

from agent.clone import filters, submodules
from agent.clone.edits import edited
from agent.clone.git import LEAVE_THEM, Repository
from agent.config import Config, Target, make_target
from agent.deploying.state import Memory, agent_of, folder_of
from agent.errors import FAILED, OK, AgentError, GitError
from agent.files import make_folder
from agent.log import Log
from agent.programs import run
from agent.reader import find, load
from agent.service.client import REFUSED, Service
from agent.text import shown

SECONDS = 10
ROOM = 1 << 16  # bytes that the state folder should have left
MOST_OFF = 60  # seconds that nobody notices

Finding = Tuple[str, str]  # what was looked at, and what is wrong with it, "" for nothing


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    parser.add_argument("--config", metavar="PATH", help="the config to look at")


def command(options: argparse.Namespace) -> int:
    """Look at everything, whatever is wrong with one thing."""
    path = options.config or find()
    config = load(path)
    log, status = Log(config.log == "json"), OK
    log.info(f"The config {path}: well.")
    for target in config.targets:
        log.info(target.called)
    log.info("Its reports carry the name {}.".format(agent_of(config.state_dir).get("agent", "of no installation")))
    for what, problem in _findings(config):
        if problem:
            status = FAILED
            log.error(f"{what}: {problem}")
        else:
            log.info(f"{what}: well.")
    return status


def _findings(config: Config) -> Iterator[Finding]:
    yield f"The state folder {config.state_dir}", _problem(lambda: _state(config.state_dir))
    for target in config.targets:
        yield from _of_repository(target, config.deploy_every > 0, Memory(folder_of(config, target)))
    if not config.status_url:
        yield "The service", "there is no statusUrl, so nothing is reported."
        return
    service = Service(config.status_url, config.token_file)
    if config.token_file:
        is_open = service.has_open_token_file()
        yield f"The token file {config.token_file}", "others can read or write it: chmod 600 it." if is_open else ""
    for kind, every in (("pipeline", config.deploy_every), ("cron", config.check_every)):
        if every:
            # Nobody takes a report that holds nothing, and who may not report hears that first.
            outcome = service.post(kind, {})
            is_well = outcome.verdict == REFUSED
            yield f"{kind.title()} reports to {config.status_url}", "" if is_well else outcome.sentence
    yield "The clock", _clock(config.status_url)


def _of_repository(target: Target, is_deployed: bool, memory: Memory) -> Iterator[Finding]:
    warnings: List[str] = []
    repo, git = target.deployment_repo, Repository(target, warnings.append)
    problem = _problem(lambda: git.commit() and "")
    yield f"The clone {repo}", problem
    if problem:
        return
    yield f"Its branch {shown(git.branch())}", _problem(lambda: git.source() and "")
    yield "Its locks", _problem(lambda: _locks(git))
    unreachable = _problem(git.fetch)
    yield "Its remote", unreachable or "\n".join(warnings)
    if not is_deployed:
        return
    if not unreachable:
        yield "Its history", _problem(lambda: _history(git, target.ref))
    yield "Its files", memory.rest if memory.move else _problem(lambda: _edits(git, target.submodules))
    if target.submodules:
        yield "Its submodules", _problem(lambda: _submodules(git))
    raw = submodules.raw if target.submodules else filters.raw
    yield "Its filters", _problem(lambda: "\n".join(filters.problems(raw(git))))
    yield "Its .gitignore", _problem(lambda: _ignored(git))
    for name in ["gitopsAll", *map(make_target, target.services)]:
        yield f"Its make {name}", _problem(partial(_makes, target, name))


def _problem(look: Callable[[], Optional[str]]) -> str:
    try:
        return look() or ""
    except AgentError as error:
        return str(error)


def _state(folder: str) -> str:
    make_folder(folder)
    try:
        with tempfile.TemporaryFile(dir=folder) as file:  # tried, as a disk may be full or read-only
            file.write(bytes(ROOM))
    except OSError as error:
        return f"it cannot be written to: {error.strerror}. Make room, or run the agent as its owner."
    return ""


def _locks(git: Repository) -> str:
    left = [lock.path for lock in submodules.locks(git) if not lock.holder]
    names = " ".join(map(shlex.quote, left))
    return f"no living process holds {names}. The next deploy or check removes it, or you: rm {names}" if left else ""


def _history(git: Repository, ref: str) -> str:
    branch = git.branch()
    if branch != git.expected_branch():
        return f"it is that of {branch or 'no branch'}, and ref is {ref}. The next deploy puts the clone there."
    ours = git.git("rev-list", "--count", f"{git.upstream()}..HEAD").decode("ascii").strip()
    return "" if ours == "0" else f"{ours} commit(s) are not on the remote's branch. {LEAVE_THEM}"


def _edits(git: Repository, with_submodules: bool) -> str:
    found = git.from_here(edited(git.whole()))  # also beside the folder, where they stop a pull as well
    if with_submodules:
        others = submodules.moved(git)
        found += [name for name in submodules.edited(git) if name not in others and name not in found]
    names = ", ".join(shown(name) for name in found[:5])
    return (
        f"{len(found)} edited by hand, which can stop a pull: {names}; git checkout takes them back." if found else ""
    )


def _submodules(git: Repository) -> str:
    moved = submodules.moved(git)
    names = ", ".join(f"{shown(path)} {how}" for path, how in moved.items())
    return f"{names}. The next deploy checks out what is recorded." if moved else ""


def _ignored(git: Repository) -> str:
    try:
        git.git("check-ignore", "--quiet", "--", ".gitops_checksums.json")
    except GitError:
        return ".gitops_checksums.json is not ignored: add it."
    return ""


def _makes(target: Target, name: str) -> str:
    done = run(["make", "--dry-run", "--", name], target.deployment_repo, SECONDS)
    return f"it {done.ending}" if done.has_failed else ""


def _clock(url: str) -> str:
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=SECONDS) as answer:  # nosec B310
            theirs = parsedate_to_datetime(answer.headers.get("Date") or "").timestamp()
    except (OSError, ValueError, TypeError):
        return "nobody there says what time it is."
    off = time.time() - theirs
    return (
        f"it is {abs(off):.0f} seconds {'ahead of' if off > 0 else 'behind'} the service's."
        if abs(off) > MOST_OFF
        else ""
    )
