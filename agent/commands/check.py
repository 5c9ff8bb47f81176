"""Compare what is deployed with what git says, and report drift."""

import argparse
import os
from typing import Any, Dict, List

from agent.clone import filters, submodules
from agent.clone.commit import Commit
from agent.clone.deployed import DIFFERS, EXTRA, MISSING, beside, content, differences, file_id, real_path
from agent.clone.diffs import LARGEST, diff
from agent.clone.expected import Clone, Expectations, Expected
from agent.clone.git import Repository
from agent.config import Config, Target
from agent.deploying.state import Drift, Memory, agent_of, folder_of, lock_path, save_drift
from agent.errors import FAILED, IMPOSSIBLE, OK, AgentError, Busy, in_words, overall
from agent.files import locked, scratch
from agent.log import Log
from agent.reader import load
from agent.service.reporter import Reporter
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
        self._repository = Repository(target, self._log.warning)
        self._problems: List[str] = []
        self._expected: Dict[str, Expected] = {}
        self._drifted: Dict[str, List[str]] = {}  # in which ways, by name

    def run(self, wants_diff: bool) -> int:
        """Compare, report, and say what was found; gives the exit status."""
        try:
            alone = locked(self._target.deployment_repo, lock_path(self._folder))
            with in_words(), alone, scratch(os.path.join(self._folder, "check")) as folder:
                self._compare(folder)
                status = self._end()
                if wants_diff:
                    self._show_diffs()
                return status
        except Busy as error:
            self._log.warning(str(error))
            return error.status
        except AgentError as error:  # there is no clone, no lock, or no room for what is ours
            self._problems.append(str(error))
            return self._end()

    def _compare(self, folder: str) -> None:
        try:
            for clone in submodules.clones(self._repository):
                clone.unlock(False)
            self._repository.fetch()
            commit = Commit(self._repository, self._repository.upstream())
            expectations = Expectations(self._target, commit, folder)
            self._problems += expectations.problems
            if expectations.left_out:
                names = ", ".join(map(shown, expectations.left_out))
                self._log.warning(f"Submodules are not compared: {names}.")
            self._expected = expectations.files
            self._drifted = {name: [how] for name, how in expectations.drifted.items()}
            for name, expected in expectations.files.items():
                self._look(name, expected)
            self._look_for_extra()
            for compared in expectations.clones:
                unchanged = [path for path in compared.filtered if compared.prefix + path not in self._drifted]
                self._drop_git_filter_differences(compared, folder)
                self._add_git_filter_differences(compared, unchanged, folder)
            self._problems += filters.problems(expectations.raw)
            rest = Memory(self._folder).rest
            if rest and not self._drifted:  # the files may be those of a commit that was never made
                self._problems.append(rest)
            self._log.info(f"Compared with {commit.name[:12]}: {len(expectations.files)} files.")
        except (AgentError, OSError) as error:
            self._problems.append(str(error))

    def _look(self, name: str, expected: Expected) -> None:
        try:
            ways = differences(expected.spec)
        except OSError as error:
            self._problems.append(f"{shown(name)} cannot be read: {error.strerror or error}.")
        else:
            if ways:
                self._drifted[name] = ways

    def _look_for_extra(self) -> None:
        """What stands in a folder that is to hold nothing else than what is expected."""
        folders = [rule.target for rule in self._target.files if rule.exact]
        expected = {real_path(name) for name in self._expected} if folders else set()
        for folder in folders:
            real = os.path.realpath(folder)
            try:
                for path in beside(folder, expected):
                    self._drifted[os.path.join(folder, os.path.relpath(path, real))] = [EXTRA]
            except OSError as error:
                problem = f"{shown(error.filename or folder)} cannot be read: {error.strerror or error}."
                self._problems.append(problem)

    def _drop_git_filter_differences(self, clone: Clone, folder: str) -> None:
        """In a clone a file may differ from what git keeps as git itself wants it to, or be left out."""
        prefix, commit = clone.prefix, clone.commit
        drifted = {path: self._drifted[prefix + path] for path in clone.paths if prefix + path in self._drifted}
        differing = [
            path
            for path, ways in drifted.items()
            if ways == [DIFFERS] and not self._expected[prefix + path].spec.is_link
        ]
        for path, id_in_clone in zip(differing, commit.ids_in_clone(differing)):
            if id_in_clone == self._expected[prefix + path].spec.id:
                del self._drifted[prefix + path]
        # Git would keep it in another way now, but it is as git checks it out: such as CRLF under a later `text`.
        differing = [path for path in differing if prefix + path in self._drifted]
        for path, made in commit.checked_out(differing, folder).items():
            spec = self._expected[prefix + path].spec
            if file_id(made, spec.id) == file_id(spec.path, spec.id):
                del self._drifted[prefix + path]
        if any(ways == [MISSING] for ways in drifted.values()):
            for path in commit.left_out_of_clone():
                if drifted.get(path) == [MISSING]:
                    del self._drifted[prefix + path]

    def _add_git_filter_differences(self, clone: Clone, unchanged: List[str], folder: str) -> None:
        """Files that are as git keeps them may be none that it checks out: a filter that came later changes them."""
        for path, made in clone.commit.checked_out(unchanged, folder).items():
            spec = self._expected[clone.prefix + path].spec
            if file_id(made, spec.id) != file_id(spec.path, spec.id):
                self._drifted[clone.prefix + path] = [DIFFERS]

    def _end(self) -> int:
        """Report, remember and say what was found."""
        status = "unknown" if self._problems else "out_of_sync" if self._drifted else "synced"
        names = sorted(shown(name) for name in self._drifted)
        for problem in self._problems[:MOST_LINES]:
            self._log.error(problem)
        for name, ways in sorted(self._drifted.items())[:MOST_LINES]:
            self._log.warning("{}: {}".format(shown(name), "; ".join(ways)))
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
        report: Dict[str, Any] = dict(self._target.described, status=drift.status, **agent_of(self._config.state_dir))
        if drift.changed_files is not None:
            report["changed_files"] = drift.changed_files
        if self._config.check_every:
            report["check_interval"] = 60 * self._config.check_every
        return report

    def _show_diffs(self) -> None:
        for name, ways in sorted(self._drifted.items())[:MOST_LINES]:
            if ways[0] in (DIFFERS, MISSING):
                expected = self._expected[name]
                try:
                    deployed = content(expected.spec, LARGEST) if ways[0] == DIFFERS else b""
                    self._log.diff(diff(shown(name), expected.content(), deployed))
                except (AgentError, OSError) as error:
                    self._log.warning(f"{shown(name)} cannot be shown: {error}")
