"""What must not be forgotten from one run to the next: of each server in a folder of its own in the state folder."""

import os
import re
from typing import Any, Dict, List, NamedTuple, Optional

from agent.config import Config, Target
from agent.errors import AgentError
from agent.files import read_json, write_json

AGENT = re.compile(r"[0-9a-f]{16}\Z")


class Drift(NamedTuple):
    """What the last check found."""

    status: str
    changed_files: Optional[List[str]] = None  # None where it could not compare


def folder_of(config: Config, target: Target) -> str:
    """The folder of a server; its group and host are names that a folder may have."""
    return os.path.join(config.state_dir, "servers", target.server_group, target.host)


def agent_of(state_dir: str) -> Dict[str, str]:
    """What its reports say of this installation: a random name, made once, by which the service notices two machines
    that share a name. Nothing where it cannot be kept, as a new one each time would tell nothing."""
    path = os.path.join(state_dir, "agent")
    try:
        if not AGENT.match(str(read_json(path, ""))):
            write_json(path, os.urandom(8).hex(), 0o600)
        return {"agent": str(read_json(path, ""))}  # of two runs that make one at once, the later is right
    except AgentError:  # why nothing can be kept is said where the report cannot be either
        return {}


def lock_path(folder: str) -> str:
    """What is locked where the clone cannot be."""
    return os.path.join(folder, "lock")


class Memory:
    """What `deploy` knows of its last runs. `save` keeps what was changed."""

    def __init__(self, folder: str) -> None:
        self._path = memory_path(folder)
        kept = read_json(self._path, {})
        if not isinstance(kept, dict):
            raise AgentError(f"{self._path} is no state of a server. Remove it.")
        self.run: Optional[Dict[str, Any]] = kept.get("run")  # while a run goes on: started, pid
        self.move: Optional[Dict[str, str]] = kept.get("move")  # while git moves the clone: old and new commit
        self.good: str = kept.get("good", "")  # the last commit after which everything was well
        self.held: Optional[Dict[str, str]] = kept.get("held")  # commit and why: it was rolled back
        self.undone: List[str] = kept.get("undone", [])  # make targets that were begun and did not succeed
        self.after: Optional[Dict[str, Any]] = kept.get("after")  # what has to follow the last update
        self.report: Dict[str, Any] = kept.get("report", {})  # what was said of it

    def save(self) -> None:
        """Keep everything for the next run."""
        members = ("run", "move", "good", "held", "undone", "after", "report")
        write_json(self._path, {name: getattr(self, name) for name in members}, 0o600)

    @property
    def rest(self) -> str:
        """What a run that ended before its time has left to the next one, in words; empty for nothing."""
        if self.move:
            return "The last pull was ended half-way. The next deploy puts it right."
        if self.run:
            return "The last deploy ended before its time. The next one does its rest."
        return "Not made yet: {}. The next deploy does it.".format(" ".join(self.undone)) if self.undone else ""


def memory_path(folder: str) -> str:
    """Where `Memory` is kept, as it was after the last run."""
    return os.path.join(folder, "deploy.json")


def drift_path(folder: str) -> str:
    """Where the last check's finding is kept."""
    return os.path.join(folder, "drift.json")


def load_drift(folder: str) -> Optional[Drift]:
    """What the last check found; None if none ran since the last update."""
    kept = read_json(drift_path(folder), None)
    return Drift(kept["status"], kept.get("changed_files")) if isinstance(kept, dict) and "status" in kept else None


def save_drift(folder: str, drift: Drift) -> None:
    """Keep what a check found, so that a deployment with nothing to do says the same."""
    write_json(drift_path(folder), dict(drift._asdict()), 0o600)


def forget_drift(folder: str) -> None:
    """An update made anew what the check looked at."""
    try:
        os.unlink(drift_path(folder))
    except FileNotFoundError:
        pass
    except OSError as error:
        raise AgentError(f"{drift_path(folder)} cannot be removed: {error.strerror}.") from None
