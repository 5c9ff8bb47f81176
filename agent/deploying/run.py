"""A run of `deploy` for one repository: what docs/AGENT.md promises, in the order of `Deployment.run`."""

import os
import time
from itertools import islice
from typing import Any, Dict, List, Optional, Sequence

from agent.clone import checksums, edits, filters, submodules
from agent.clone.checksums import Plan
from agent.clone.git import Repository
from agent.clone.globs import fitting
from agent.clone.moves import Moves
from agent.config import Check, Config, Target
from agent.deploying.health import failing_checks, failing_hooks
from agent.deploying.state import Drift, Held, Memory, Pending, agent_of, folder_of, forget_drift, load_drift
from agent.deploying.update import make
from agent.errors import FAILED, OK, AgentError, GitError, in_words
from agent.log import Log
from agent.service.reporter import Reporter
from agent.text import listed, shown


class Deployment:
    """One run. Whoever runs it holds the lock of the clone."""

    def __init__(self, config: Config, target: Target, log: Log) -> None:
        self._target = target
        self._log = log
        self._folder = folder_of(config, target)
        self._agent = agent_of(config.state_dir)
        self._reporter = Reporter(config.status_url, config.token_file, config.state_dir, log)
        self._repository = Repository(target, log.warning)
        self._moves = Moves(target, self._repository, self._folder, log)
        self._memory: Optional[Memory] = None
        self._problems: List[str] = []
        self._validation, self._message = "skipped", ""
        self._has_updated = False
        self._raw: List[str] = []  # sentences about files that nobody has seen as they should be

    def run(self) -> int:
        """Do it all; gives the exit status."""
        try:
            memory = self._memory = Memory(self._folder)
            self._report_dead_run(memory)
            memory.run = {"started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "pid": os.getpid()}
            memory.save()
            report = self._deploy(memory)
            memory.run = None
            memory.save()
        except AgentError as error:
            return self.give_up(error)
        for problem in self._problems:
            self._log.error(problem)
        self._send(report)
        return FAILED if self._problems else OK

    def give_up(self, error: AgentError) -> int:
        """Say that nothing could be tried."""
        self._log.error(str(error))
        try:
            if self._memory:
                self._memory.run = None
                self._memory.save()
        except AgentError as another:
            self._log.error(str(another))
        self._send(self._report("failed", "skipped", str(error)))
        return error.status

    def _report_dead_run(self, memory: Memory) -> None:
        if memory.run:
            message = "The run of {started}, process {pid}, ended before its time.".format(**memory.run)
            self._log.error(message)
            files = self._changed(self._old(memory, ""), "HEAD") if self._repository.head() else []
            self._send(self._report("failed", "unknown", message, files))

    def _deploy(self, memory: Memory) -> Dict[str, Any]:
        before = self._repository.head()
        self._moves.mend(memory)
        self._moves.pull(memory)
        commit = self._repository.commit()
        if commit != before:
            self._log.info(f"Pulled {commit[:12]}.")
        plan = checksums.plan(self._target, memory.undone, memory.good)
        if plan.last and plan.is_to_save:
            checksums.save(self._target, plan.last)
        self._look_at_files()
        old = self._old(memory, before if plan.last else "")
        last = memory.report
        if memory.held:
            self._problems.append(memory.held.why)
            self._validation = "failed"
        if plan.goals:
            self._update(memory, plan, old, commit)
        elif memory.pending:
            self._settle(memory, memory.pending, commit)
        elif memory.held or ((last.get("commit_sha"), last.get("status"), self._moves.note) == (commit, "synced", "")):
            self._log.info(f"Nothing changed: {commit[:12]}.")
            return self._with_drift(last)
        else:
            self._message = self._why_nothing(old, commit)
            self._log.info(self._message)
        if not self._problems:
            memory.good = commit
        memory.report = self._report(
            "failed" if self._problems else "synced",
            self._validation,
            "\n".join(filter(None, [self._moves.note, *(self._problems or [self._message])])),
            self._changed(old, commit),
        )
        drift = load_drift(self._folder)
        if self._has_updated or (drift and drift.status == "synced"):
            forget_drift(self._folder)
        return self._with_drift(memory.report)

    def _look_at_files(self) -> None:
        """Name what does not count, and what is not as it should be though git takes it for that."""
        names = checksums.untracked(self._target)
        if names:
            self._log.warning(f"Git does not have these, so no change of them counts: {listed(names)}.")
        for problem in checksums.unread(self._target):
            self._log.warning(problem)
        files = self._target.files
        raw = (submodules if self._target.submodules and not files else filters).raw(self._repository)
        if files:  # then only these are compared
            raw = {path: raw[path] for rule in files for path in fitting(rule.source, raw)}
        self._raw = filters.problems(raw)
        for problem in self._raw:
            self._log.warning(problem)

    def _why_nothing(self, old: str, commit: str) -> str:
        names = checksums.changed(self._target, self._repository, old, commit) if old else []
        others = checksums.unwatched(self._target, names)
        why = (
            f"no service has these files, and they are not watched: {listed(others)}."
            if others
            else "what it changes was made before."
            if names
            else "it changes no file here."
        )
        return f"Nothing was made for this commit: {why}"

    def _update(self, memory: Memory, plan: Plan, old: str, commit: str) -> None:
        env = self._environment(commit, old, plan.goals)
        if self._check("checksBefore", self._target.checks_before, env):
            return
        hooks = failing_hooks("before", self._target.before, self._target, env, self._log)
        stopped = list(islice(hooks, 1))  # those after it do not run
        self._problems += stopped
        if stopped:
            return
        memory.pending = Pending(old, plan.goals, hooks=True)
        self._make(memory, plan, env)
        self._message = "make {} succeeded.".format(" ".join(plan.goals))
        self._settle(memory, memory.pending, commit)

    def _make(self, memory: Memory, plan: Plan, env: Dict[str, str]) -> None:
        saved = plan.last

        def succeeded(goal: str) -> None:
            nonlocal saved
            saved = checksums.after(goal, self._target, saved, plan.current)
            checksums.save(self._target, saved)
            memory.undone.remove(goal)
            memory.save()
            self._has_updated = True

        memory.undone = list(plan.goals)
        memory.save()
        self._problems += make(plan.goals, self._target, env, self._log, succeeded)

    def _settle(self, memory: Memory, pending: Pending, commit: str) -> None:
        """What follows an update, now or by the next run if this one ends before: checks, the way back, hooks."""
        env = self._environment(commit, pending.old, pending.goals)
        is_well = not self._check("checksAfter", self._target.checks_after, env)
        if not is_well and self._target.rollback:
            is_well = self._roll_back(memory, commit, pending.goals)
        failed: List[str] = []
        if pending.hooks:
            env["GITOPS_RESULT"] = "failure" if self._problems else "success"
            failed = list(failing_hooks("after", self._target.after, self._target, env, self._log))
            self._problems += failed
        memory.pending = None if is_well and not failed else pending._replace(hooks=bool(failed))

    def _roll_back(self, memory: Memory, commit: str, goals: List[str]) -> bool:
        """Bring back the last good commit, and hold this one. Gives whether all is well there."""
        good = memory.good
        if good == commit or not self._repository.knows(good):
            self._problems.append("There is no other good commit to go back to.")
            return False
        memory.held = held = Held(commit, f"Commit {commit[:12]} was rolled back.")
        memory.save()
        try:
            self._moves.back(memory, good)
        except GitError as error:
            memory.held = None
            self._problems.append(f"Commit {commit[:12]} could not be rolled back: {error}")
            return False
        self._log.warning(f"Commit {commit[:12]} is rolled back to {good[:12]}.")
        plan = checksums.plan(self._target, [*goals, *memory.undone], good)
        env = self._environment(good, commit, plan.goals)
        self._make(memory, plan, env)
        is_well = not self._check("checksAfter", self._target.checks_after, env)
        self._validation = "failed"  # as for the commit that the branch has
        end = "the checks pass there" if is_well else "the checks fail there too"
        self._problems.append(f"Commit {commit[:12]} was rolled back to {good[:12]}; {end}.")
        memory.held = held._replace(why="\n".join(self._problems))
        return is_well

    def _check(self, key: str, checks: Sequence[Check], env: Dict[str, str]) -> List[str]:
        failing = failing_checks(key, checks, self._target.deployment_repo, env, self._log)
        self._problems += failing
        if checks:
            self._validation = "failed" if failing else "passed"
        return failing

    def _environment(self, commit: str, old: str, goals: Sequence[str]) -> Dict[str, str]:
        return {
            "GITOPS_GROUP": self._target.server_group,
            "GITOPS_HOST": self._target.host,
            "GITOPS_COMMIT": commit,
            "GITOPS_OLD_COMMIT": old,
            "GITOPS_TARGETS": " ".join(goals),
        }

    def _old(self, memory: Memory, before: str) -> str:
        """The commit that was well, or at least there, before what is not yet known to be well; empty for none."""
        old = memory.good or (memory.pending.old if memory.pending else before)
        return old if old and self._repository.knows(old) else ""

    def _changed(self, old: str, new: str) -> List[str]:
        names = checksums.changed(self._target, self._repository, old, new) if old else self._repository.files(new)
        return [shown(name) for name in names]

    def _with_drift(self, report: Dict[str, Any]) -> Dict[str, Any]:
        """The report, but never greener than what the last check saw, or than the clone is, if none ran since."""
        if report["status"] != "synced":
            return report
        drift = load_drift(self._folder)
        message = report["validation_message"]
        if drift is None:
            look = submodules.edited if self._target.submodules else edits.edited
            edited = [shown(name) for name in look(self._repository)]
            if edited:
                self._log.warning("Edited by hand, so this is not what git says: {}.".format(", ".join(edited)))
                drift = Drift("out_of_sync", edited)
        if self._raw and (drift is None or drift.status == "synced"):
            drift = Drift("unknown")
            message = " ".join([message, *self._raw])
        if drift is None:
            return report
        files = report["changed_files"] if drift.changed_files is None else drift.changed_files
        return dict(report, status=drift.status, changed_files=files, validation_message=message)

    def _report(self, status: str, validation: str, message: str, files: Sequence[str] = ()) -> Dict[str, Any]:
        """What is said of a run; without what git knows where git itself fails."""
        report = {
            "status": status,
            "validation_status": validation,
            "validation_message": " ".join(filter(None, [message, self._moves.left_out])),
            "changed_files": list(files),
        }
        try:
            with in_words():
                report["branch"] = shown(self._repository.branch() or self._target.ref)
                report["commit_sha"] = self._repository.commit()
                report["commit_message"] = self._repository.message("HEAD")
        except AgentError:
            pass
        return report

    def _send(self, report: Dict[str, Any]) -> None:
        try:
            self._reporter.send(
                "pipeline", dict(self._target.described, updated_by="gitops-agent", **self._agent, **report)
            )
        except AgentError as error:
            self._log.error(str(error))
