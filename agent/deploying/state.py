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


class Held(NamedTuple):
    """A commit that was rolled back, and why: it is not taken again."""

    commit: str
    why: str


class Pending(NamedTuple):
    """What has to follow the last update: checks and hooks, of the commit before it and of the goals that were made."""

    old: str
    goals: List[str]
    hooks: bool  # whether the hooks have to run, too


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
        stored = read_json(self._path, {})
        if not isinstance(stored, dict):
            raise AgentError(f"{self._path} is no state of a server. Remove it.")
        held, pending = stored.get("held"), stored.get("after")
        self.run: Optional[Dict[str, Any]] = stored.get("run")  # while a run goes on: started, pid
        self.move: Optional[Dict[str, str]] = stored.get("move")  # while git moves the clone: old and new commit
        self.good: str = stored.get("good", "")  # the last commit after which everything was well
        self.held: Optional[Held] = Held(held["commit"], held["why"]) if held else None
        self.undone: List[str] = stored.get("undone", [])  # make targets that were begun and did not succeed
        self.pending = Pending(pending["old"], pending["goals"], pending["hooks"]) if pending else None
        self.report: Dict[str, Any] = stored.get("report", {})  # what was reported of it

    def save(self) -> None:
        """Keep everything for the next run."""
        content = {
            "run": self.run,
            "move": self.move,
            "good": self.good,
            "held": self.held and dict(self.held._asdict()),
            "undone": self.undone,
            "after": self.pending and dict(self.pending._asdict()),
            "report": self.report,
        }
        write_json(self._path, content, 0o600)

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
    stored = read_json(drift_path(folder), None)
    if not isinstance(stored, dict) or "status" not in stored:
        return None
    return Drift(stored["status"], stored.get("changed_files"))


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
