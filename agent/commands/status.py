"""Say what was last done here, and what waits to be sent."""

import argparse
import os
import time
from typing import Iterator, Optional

from agent.config import Config, Target
from agent.deploying.state import Memory, drift_path, folder_of, load_drift, memory_path
from agent.errors import OK
from agent.log import Log
from agent.reader import load
from agent.service.spool import Spool
from agent.text import printable

NEVER = "never"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `status` can be told."""
    parser.add_argument("--config", metavar="PATH", help="the config, if it is not in its usual place")


def command(options: argparse.Namespace) -> int:
    """Say what is kept, and ask nobody: neither git nor the service."""
    config = load(options.config)
    log = Log(config.log == "json")
    for target in config.targets:
        about = log.about(server=target.name)
        for line in _of_server(config, target):
            about.info(printable(line))
    spool = Spool(config.state_dir)
    names = spool.names()
    if not names:
        log.info("No report waits.")
    for name in names:
        waiting = spool.read(name)
        if waiting:
            log.warning(f"The {waiting.title} of {waiting.since} waits to be sent.")
    return OK


def _of_server(config: Config, target: Target) -> Iterator[str]:
    folder = folder_of(config, target)
    memory, drift = Memory(folder), load_drift(folder)
    last = memory.report
    yield target.called
    if memory.run:
        yield "A run that began at {started} {}.".format(
            "goes on" if _is_there(memory.run["pid"]) else "ended before its time", **memory.run
        )
    yield "Last deploy: " + (_moment(memory_path(folder)) or NEVER)
    if last:
        commit = last.get("commit_sha", "")[:12]
        yield f"It was {last['status']} with {commit} of {last.get('branch', '')}: {last.get('commit_message', '')}"
        if last["status"] != "synced":
            yield from last["validation_message"].splitlines()
    if memory.held:
        yield f"Commit {memory.held.commit[:12]} is held back, and the branch has to go on."
    yield "Last check: " + (_moment(drift_path(folder)) or NEVER + ", or not since the last update")
    if drift:
        yield f"It was {drift.status}."
        for name in drift.changed_files or ():
            yield f"  {name}"


def _moment(path: str) -> Optional[str]:
    """When a file was last written, in the words of the log; None if it never was."""
    try:
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(os.stat(path).st_mtime))
    except OSError:
        return None


def _is_there(pid: int) -> bool:
    """Whether a process runs. Not whether the clone is locked: who asks that by trying keeps a deploy out."""
    return os.path.exists(f"/proc/{pid}")
