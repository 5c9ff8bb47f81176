"""Sends reports to the service, and loses none (docs/AGENT.md, "Reports that wait")."""

import random
import time
from typing import Any, Callable, Dict

from agent.errors import AgentError, Busy, NoLock, in_words
from agent.log import Log
from agent.service.client import ALL_WAIT, DELIVERED, REFUSED, TRY_AGAIN, WAITS, Outcome, Service
from agent.service.form import fit
from agent.service.spool import Spool, Waiting, new

PAUSES = (1, 2, 4)  # seconds between two tries, give or take a half
LONGEST = 30  # seconds that a service may ask us to wait; for longer, the next call is soon enough


class Reporter:
    """Sends reports of both kinds, `pipeline` and `cron`."""

    def __init__(
        self,
        status_url: str,
        token_file: str,
        state_dir: str,
        log: Log,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._service = Service(status_url, token_file)
        self._spool = Spool(state_dir)
        self._log = log
        self._sleep = sleep
        if not status_url:
            log.info("There is no statusUrl, so nothing is reported.")
        elif self._service.has_open_token_file():
            log.warning(f"Others can read or write the token file {token_file}: chmod 600 it.")

    def send(self, kind: str, report: Dict[str, Any]) -> bool:
        """Give a report to the service, after those that wait. What cannot be delivered now waits, which is well too.

        False if the service refuses it for good, or if it neither could be delivered nor kept.
        """
        if not self._service.url:
            return True
        report = fit(report)
        try:
            with in_words():
                name = self._spool.put(kind, report)
        except AgentError as error:
            self._log.warning(f"{error} So the report is sent, and cannot wait.")
            return self._send_without_spool(kind, report)
        try:
            with in_words(), self._spool.alone():
                return self._send_all(name)
        except Busy:
            self._log.warning("Another run has been sending for long; it, or the next one, takes the report along.")
        except NoLock as error:  # two may send at once: that turns nothing back, as `observed` says when it was
            self._log.warning(f"{error} So the reports are sent without one.")
            return self._send_all(name)
        except AgentError as error:
            self._log.warning(str(error))
        return True

    def _send_all(self, own: str) -> bool:
        """Send what waits, in order, and what other runs add meanwhile."""
        is_taken = True
        names = self._spool.names()
        seen = set(names)
        while names:
            for name in names:
                verdict = self._send_one(name, name == own)
                if verdict in (ALL_WAIT, TRY_AGAIN):
                    return is_taken
                is_taken = is_taken and not (verdict == REFUSED and name == own)
            names = [name for name in self._spool.names() if name not in seen]
            seen.update(names)
        return is_taken

    def _send_one(self, name: str, is_own: bool) -> str:
        try:
            waiting = self._spool.read(name)
        except AgentError as error:
            self._log.warning(str(error))
            return WAITS
        if waiting is None:
            return DELIVERED
        title = "The " + waiting.title + ("" if is_own else f" of {waiting.since}")
        outcome = self._post_with_retries(waiting)
        if outcome.verdict in (DELIVERED, REFUSED):
            self._spool.remove(name)
        if outcome.verdict == REFUSED:
            self._log.error(f"{title} is refused, and dropped. {outcome.sentence}")
        elif outcome.verdict == WAITS:
            self._log.warning(f"{title} waits. {outcome.sentence}")
        elif outcome.verdict != DELIVERED:
            count = len(self._spool.names())
            self._log.warning(f"{title} waits{_others(count - 1)}. {outcome.sentence}")
        elif not is_own:
            self._log.info(f"{title} had to wait, and is delivered.")
        return outcome.verdict

    def _send_without_spool(self, kind: str, report: Dict[str, Any]) -> bool:
        outcome = self._post_with_retries(new(kind, report))
        if outcome.verdict != DELIVERED:
            self._log.error(f"The {kind} report is lost. {outcome.sentence}")
            return False
        try:
            self._spool.replaced(kind, report)
        except AgentError:  # as was said
            pass
        return True

    def _post_with_retries(self, waiting: Waiting) -> Outcome:
        """Try, and try again while that may help. Each time the report says how long ago its run was made."""
        outcome = self._service.post(waiting.kind, dict(waiting.report, observed=waiting.ago))
        for pause in PAUSES:
            if outcome.verdict != TRY_AGAIN or outcome.pause > LONGEST:
                break
            self._sleep(max(outcome.pause, pause * random.SystemRandom().uniform(0.5, 1.5)))
            outcome = self._service.post(waiting.kind, dict(waiting.report, observed=waiting.ago))
        return outcome


def _others(count: int) -> str:
    return f", and {count} more" if count else ""
