"""Changes that wait at the same moment share one commit."""

import math
import threading
import time
from bisect import bisect_right
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import TypeAlias

from domain.errors import Unavailable
from domain.kinds import Ref
from storage import Commit, Decide

Answer: TypeAlias = Commit | BaseException
Take = Callable[[], "Sequence[Change]"]


class Change:
    """A change on its way into a commit. `turn` is released when it is answered, or when it is its turn to lead."""

    def __init__(self, refs: Sequence[Ref], decide: Decide) -> None:
        self.refs = refs
        self.decide = decide
        self.since = time.monotonic()
        self.answer: Answer | None = None
        self.turn = threading.Lock()  # an Event does the same, for three times the price
        self.turn.acquire()


class CommitQueue:
    """LevelDB's writer queue: the thread of the first that waits commits for all, then wakes the next first.

    `commit(take)` commits whatever `take()` gives it and answers each. The batch is taken once the locks are held, so
    that late arrivals join it. A thread of its own would do too, but must be started after a fork and ended at a stop.
    """

    def __init__(self, commit: Callable[[Take], Sequence[Answer]], most_refs: float = math.inf) -> None:
        self._commit = commit
        self._most_refs = most_refs  # that share a commit, unless the first alone names more
        self._lock = threading.Lock()
        self._waiting: list[Change] = []

    def submit(self, refs: Sequence[Ref], decide: Decide) -> Commit:
        """Wait for the change's commit. Raises what kept it from being stored."""
        mine = Change(refs, decide)
        with self._lock:
            self._waiting.append(mine)
            is_first = self._waiting[0] is mine
        if not is_first:
            mine.turn.acquire()
        if mine.answer is None:
            self._lead()
        if not isinstance(mine.answer, Commit):
            raise mine.answer or Unavailable("The service stopped before the change was stored.")
        return mine.answer

    def __len__(self) -> int:
        """How many wait, those that are being committed among them."""
        return len(self._waiting)

    @property
    def waiting_since(self) -> float:
        """When the first that waits came, by the monotonic clock: whoever commits asks, for whom it is the deadline."""
        return self._waiting[0].since

    def _lead(self) -> None:
        batch: list[Change] = []

        def take() -> Sequence[Change]:
            waiting = list(self._waiting)
            named = accumulate(len(change.refs) for change in waiting)
            batch[:] = waiting[: max(1, bisect_right(list(named), self._most_refs))]
            return batch

        try:
            answers = self._commit(take)
        except BaseException as error:  # noqa: BLE001 - what stops the shared commit stops every change in it
            answers = [error] * len(batch or take())
        for change, answer in zip(batch, answers, strict=True):
            change.answer = answer
        with self._lock:
            del self._waiting[: len(batch)]
            following = self._waiting[:1]
        _own, *others = batch
        for change in (*others, *following):
            change.turn.release()
