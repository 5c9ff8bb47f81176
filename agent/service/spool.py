"""Reports that wait on disk until the service has them: the newest of each server and kind, in order.

A file a report, named `NUMBER-DIGEST-RANDOM.json`: the number grows, the digest is that of server and kind, and by the
random end no two processes ever write the same file. So to write one needs no lock; only who sends must be alone.
"""

import calendar
import contextlib
import hashlib
import json
import os
import re
import time
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Optional

from agent.errors import AgentError, Busy
from agent.files import locked, write_json

KINDS = ("pipeline", "cron")
PATIENCE = 30  # seconds to wait for another run that sends
LEFTOVER = 3600  # seconds after which a file that nobody finished is one of a run that died

_TIME = "%Y-%m-%dT%H:%M:%SZ"
_LONGEST_AGO = 999999999  # seconds that the service reads; a clock that began in 1970 makes more of them
_NAME = re.compile(r"\d{12}-[0-9a-f]{16}-[0-9a-f]{8}\.json\Z")


class Waiting(NamedTuple):
    """A report that waits, since its run was made."""

    kind: str
    report: Dict[str, Any]
    since: str

    @property
    def ago(self) -> str:
        """How long ago its run was made, as the service reads it. By a length and not by a time, so that a clock that
        is wrong, but goes, makes no report old."""
        seconds = int(time.time()) - calendar.timegm(time.strptime(self.since, _TIME))
        return f"{min(max(seconds, 0), _LONGEST_AGO)}s"

    @property
    def title(self) -> str:
        """What it is, for the log."""
        return "{} report of {}/{}".format(self.kind, self.report["server_group"], self.report["host"])


class Spool:
    """The reports that wait in a state folder. Everything raises AgentError where the disk does not let it."""

    def __init__(self, state_dir: str) -> None:
        self.folder = os.path.join(state_dir, "spool")

    def put(self, kind: str, report: Dict[str, Any]) -> str:
        """Have a report on disk, at the end, in place of an older one of its server and kind; gives its name."""
        names = self.names()
        number = int(names[-1].split("-")[0]) + 1 if names else 1
        digest = _digest(kind, report)
        name = f"{number:012}-{digest}-{os.urandom(4).hex()}.json"
        write_json(self._path(name), new(kind, report)._asdict(), 0o600)
        self._forget(digest, names)
        return name

    def names(self) -> List[str]:
        """Those that wait, in order."""
        try:
            return sorted(name for name in os.listdir(self.folder) if _NAME.match(name))
        except FileNotFoundError:
            return []
        except OSError as error:
            raise AgentError(f"{self.folder} cannot be read: {error.strerror or error}.") from None

    def read(self, name: str) -> Optional[Waiting]:
        """What waits by that name; None if it went meanwhile. What is no report is moved aside, and said."""
        path = self._path(name)
        try:
            with open(path, encoding="utf-8") as file:
                held = json.load(file)
            waiting = Waiting(held["kind"], held["report"], str(held["since"]))
            if waiting.kind in KINDS and waiting.title and waiting.ago:
                return waiting
            why = "its kind is unknown"
        except FileNotFoundError:
            return None
        except OSError as error:
            raise AgentError(f"{path} cannot be read: {error.strerror or error}. It waits.") from None
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            why = f"{type(error).__name__}: {error}"
        self._change(os.replace, path, path + ".damaged")
        raise AgentError(f"{path} holds no report ({why}); it is kept as {path}.damaged.")

    def remove(self, name: str) -> None:
        """It waits no more."""
        self._change(os.unlink, self._path(name))

    def replaced(self, kind: str, report: Dict[str, Any]) -> None:
        """One of the same server and kind is newer than what waits."""
        self._forget(_digest(kind, report), self.names())

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """No other run sends meanwhile. Raises Busy if one does for longer than PATIENCE, NoLock if nobody can know."""
        deadline = time.monotonic() + PATIENCE
        with contextlib.ExitStack() as held:
            while True:
                try:
                    held.enter_context(locked(self.folder, self._path("lock")))
                    break
                except Busy:
                    if time.monotonic() > deadline:
                        raise
                time.sleep(0.05)
            self._sweep()
            yield

    def _path(self, name: str) -> str:
        return os.path.join(self.folder, name)

    def _forget(self, digest: str, names: List[str]) -> None:
        for name in names:
            if name.split("-")[1] == digest:
                self.remove(name)

    def _sweep(self) -> None:
        """Take away what runs that died have begun to write."""
        for name in os.listdir(self.folder):
            if name.endswith(".tmp"):
                with contextlib.suppress(OSError):  # such as that its run has just finished it
                    if time.time() - os.lstat(self._path(name)).st_mtime > LEFTOVER:
                        os.unlink(self._path(name))

    def _change(self, change: Callable[..., None], *paths: str) -> None:
        try:
            change(*paths)
        except FileNotFoundError:  # another run was faster
            pass
        except OSError as error:
            raise AgentError(f"{paths[0]} cannot be moved or removed: {error.strerror or error}.") from None


def new(kind: str, report: Dict[str, Any]) -> Waiting:
    """A report of a run that was made just now."""
    return Waiting(kind, report, time.strftime(_TIME, time.gmtime()))


def _digest(kind: str, report: Dict[str, Any]) -> str:
    key = json.dumps([kind, report["server_group"], report["host"]])
    return hashlib.sha256(key.encode("utf-8")).hexdigest()[:16]
