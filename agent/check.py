"""Compare what is deployed with what git says, and report drift."""

import argparse
import contextlib
import os
import shutil
from typing import Any, Dict, Iterator, List, Tuple

from agent.commit import Commit
from agent.config import Config, Target
from agent.deployed import DIFFERS, MISSING, content, differences
from agent.diffs import LARGEST, diff
from agent.errors import FAILED, IMPOSSIBLE, OK, AgentError, Busy, overall
from agent.expected import Expectations, Expected
from agent.files import locked
from agent.git import Repository
from agent.log import Log
from agent.reader import load
from agent.reporter import Reporter
from agent.state import Drift, folder_of, save_drift
from agent.text import shown

STATUSES = {"synced": OK, "out_of_sync": FAILED, "unknown": IMPOSSIBLE}
MOST_LINES = 1000  # that the log has of one kind


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("--config", metavar="PATH", help="the config file")
    parser.add_argument("--diff", action="store_true", help="print how files differ, from git to the server")


def command(options: argparse.Namespace) -> int:
    """Check each repository; gives the exit status of them all."""
    config = load(options.config)
    log = Log(config.log == "json")
    reporter = Reporter(config.status_url, config.token_file, config.state_dir, log)
    return overall([_Check(config, target, log, reporter).run(options.diff) for target in config.targets])


class _Check:
    """One check of one repository."""

    def __init__(self, config: Config, target: Target, log: Log, reporter: Reporter) -> None:
        self._config = config
        self._target = target
        self._log = log.about(server=target.name)
        self._reporter = reporter
        self._folder = folder_of(config, target)
        self._repository = Repository(target.deployment_repo, target.git_timeout)
        self._problems: List[str] = []
        self._drifted: Dict[str, Tuple[Expected, List[str]]] = {}

    def run(self, wants_diff: bool) -> int:
        """Compare, report, and say what was found; gives the exit status."""
        try:
            with locked(self._target.deployment_repo):
                self._compare()
                status = self._end()
                if wants_diff:
                    self._show_diffs()
                return status
        except Busy as error:
            self._log.warning(str(error))
            return error.status
        except AgentError as error:  # there is no clone
            self._problems.append(str(error))
            return self._end()

    def _compare(self) -> None:
        try:
            self._repository.fetch()
            commit = Commit(self._repository, self._repository.upstream())
            with _scratch(os.path.join(self._folder, "check")) as scratch:
                expectations = Expectations(self._target, commit, scratch)
            self._problems += expectations.problems
            if expectations.submodules:
                names = ", ".join(map(shown, expectations.submodules))
                self._log.warning(f"Submodules are not compared: {names}.")
            for name, expected in expectations.files.items():
                self._look(name, expected)
            if not self._target.files:
                self._excuse(commit)
            self._log.info(f"Compared with {commit.name[:12]}: {len(expectations.files)} files.")
        except AgentError as error:
            self._problems.append(str(error))

    def _look(self, name: str, expected: Expected) -> None:
        try:
            found = differences(expected.wanted)
        except OSError as error:
            self._problems.append(f"{shown(name)} cannot be read: {error.strerror or error}.")
        else:
            if found:
                self._drifted[name] = (expected, found)

    def _excuse(self, commit: Commit) -> None:
        """In the clone a file may differ from what git keeps as git itself wants it to, or be left out."""
        differing = [
            name
            for name, (expected, found) in self._drifted.items()
            if found == [DIFFERS] and not expected.wanted.is_link
        ]
        for name, now in zip(differing, commit.ids_in_clone(differing)):
            if now == self._drifted[name][0].wanted.id:
                del self._drifted[name]
        if any(found == [MISSING] for _, found in self._drifted.values()):
            for name in commit.left_out_of_clone():
                if name in self._drifted and self._drifted[name][1] == [MISSING]:
                    del self._drifted[name]

    def _end(self) -> int:
        """Report, remember and say what was found."""
        status = "unknown" if self._problems else "out_of_sync" if self._drifted else "synced"
        names = sorted(shown(name) for name in self._drifted)
        for problem in self._problems[:MOST_LINES]:
            self._log.error(problem)
        for name, (_, found) in sorted(self._drifted.items())[:MOST_LINES]:
            self._log.warning("{}: {}".format(shown(name), "; ".join(found)))
        self._log.info(f"Status: {status}. Files that drifted: {len(names)}.")
        drift = Drift(status, None if self._problems else names)
        self._reporter.send("cron", self._report(drift))
        try:
            save_drift(self._folder, drift)
        except AgentError as error:
            self._log.error(str(error))
            return IMPOSSIBLE
        return STATUSES[status]

    def _report(self, drift: Drift) -> Dict[str, Any]:
        report: Dict[str, Any] = dict(self._target.described, status=drift.status)
        if drift.changed_files is not None:
            report["changed_files"] = drift.changed_files
        if self._config.check_every:
            report["check_interval"] = 60 * self._config.check_every
        return report

    def _show_diffs(self) -> None:
        for name, (expected, found) in sorted(self._drifted.items())[:MOST_LINES]:
            if found[0] in (DIFFERS, MISSING):
                try:
                    now = content(expected.wanted, LARGEST) if found[0] == DIFFERS else b""
                    self._log.diff(diff(shown(name), expected.content(), now))
                except (AgentError, OSError) as error:
                    self._log.warning(f"{shown(name)} cannot be shown: {error}")


@contextlib.contextmanager
def _scratch(folder: str) -> Iterator[str]:
    """A folder to make and use, gone afterwards, and before, should a killed run have left it."""
    _remove(folder)
    try:
        yield folder
    finally:
        _remove(folder)


def _remove(folder: str) -> None:
    try:
        shutil.rmtree(folder)
    except FileNotFoundError:
        pass
    except OSError as error:
        raise AgentError(f"{error.filename or folder} cannot be removed: {error.strerror or error}.") from None
