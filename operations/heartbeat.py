"""The heartbeat of the service: what a process that serves notes of it, and knows by it."""

import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from domain.errors import Unavailable
from domain.freshness import Outages
from domain.heartbeat import beat, outages_of
from domain.kinds import HEARTBEAT
from storage import Changes, Decision, Store

KEY = "service"
LOOK_SECONDS = 5.0

logger = logging.getLogger("gitops_status")


class Life:
    """That of one process. It is those that serve who note it, and nobody for them: only they know that they lived."""

    def __init__(self, store: Store, clock: Callable[[], float]) -> None:
        self._store = store
        self._clock = clock
        self._is_new = False  # serves, and has noted nothing yet
        self._began: int | None = None  # when it first tried to
        self._outages: Outages = ()
        self._is_unasked = False
        self._asking = threading.Lock()

    def begin(self) -> None:
        """From now on this process serves."""
        self._is_new = self._is_unasked = True

    def outages(self) -> Outages:
        """When no process lived. Who asks first looks, so that no reading shows as silent who could not be heard."""
        if self._is_unasked:
            with self._asking, suppress(Unavailable):  # which the reading meets, too
                if self._is_unasked:
                    try:
                        self.note()
                    finally:
                        self._is_unasked = False
        return self._outages

    def note(self) -> None:
        """Note that this process lives, unless another did a moment ago. Raises Unavailable."""
        now = int(self._clock())
        if self._is_new and self._began is None:
            self._began = now
        began = self._began

        def decide(before: Changes, _revision: int) -> Decision:
            return Decision({HEARTBEAT.name: {KEY: beat(before[HEARTBEAT.name][KEY], now, began)}})

        known = self._store.get(HEARTBEAT, KEY)
        if beat(known, now, began) is not known:
            known = self._store.change([HEARTBEAT.ref(KEY)], decide).after[HEARTBEAT.name][KEY]
        self._outages, self._is_new, self._began = outages_of(known), False, None

    def keep(self) -> None:
        """Note it for ever. Nothing ends this: who serves and notes nothing would be taken for dead."""
        said = ""
        while True:
            try:
                self.note()
                said = ""
            except Unavailable as error:
                if said != str(error):
                    said = str(error)
                    logger.warning("%s That the service lives cannot be noted.", error)
            except Exception:
                logger.exception("That the service lives cannot be noted.")
            time.sleep(LOOK_SECONDS)
