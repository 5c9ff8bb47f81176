"""The rounds: whoever leads does what is due."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from domain.errors import Unavailable
from domain.workers import INTERVALS, Run
from operations.workers import note_run
from storage import Store

UNFORESEEN = "It failed in a way that nobody foresaw; the log has the rest."

logger = logging.getLogger("gitops_status")


def once(is_made: Callable[[], bool], leads: Callable[[], bool]) -> Callable[[], bool]:
    """Whether this process leads; it is not even asked where no service made a store yet, as behind a mistyped path."""
    was_made = False

    def leads_once_made() -> bool:
        nonlocal was_made
        was_made = was_made or is_made()
        return was_made and leads()

    return leads_once_made


@dataclass
class Rounds:
    """What one process does of the work of the installation: all of it while it leads, else nothing."""

    leads: Callable[[], bool]
    store: Store
    works: Mapping[str, Callable[[], None]]  # by the name of the worker
    leader: str  # what this process is called
    clock: Callable[[], float]
    monotonic: Callable[[], float]
    _due: dict[str, float] = field(default_factory=dict)  # when each is to run again; what is missing runs at once
    _said: str = ""

    def go(self) -> None:
        """One round."""
        try:
            if not self.leads():
                self._due.clear()
                return
            for worker, work in self.works.items():
                if self.monotonic() >= self._due.get(worker, 0.0):
                    self._due[worker] = self.monotonic() + INTERVALS[worker]
                    self._run(worker, work)
            self._said = ""
        except Unavailable as error:
            if str(error) != self._said:
                self._said = str(error)
                logger.warning("%s What goes by the clock waits.", error)

    def _run(self, worker: str, work: Callable[[], None]) -> None:
        started, message = self.monotonic(), ""
        try:
            work()
        except Unavailable as error:
            message = str(error)
        except Exception:
            logger.exception("The %s failed.", worker)
            message = UNFORESEEN
        note_run(self.store, Run(worker, self.leader, int(self.clock()), self.monotonic() - started, message))
