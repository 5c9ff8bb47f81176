"""A line of the table, and how a ratio is measured."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

ROUNDS = 3


@dataclass(frozen=True)
class Row:
    """One line of the table. `goal` is None where there is none, `measured` where the peer is not installed; a `most`
    must not be exceeded."""

    what: str
    goal: float | None
    measured: float | None
    note: str
    is_most: bool = False

    def __str__(self) -> str:
        goal, measured, verdict = "", "-", ""
        if self.goal is not None:
            goal = f"{'≤' if self.is_most else '≥'} {self.goal:,}"
        if self.measured is None:
            verdict = "not measured"
        else:
            measured = f"{self.measured:,.2f}"
            if self.goal is not None:
                passes = self.measured <= self.goal if self.is_most else self.measured >= self.goal
                verdict = "pass" if passes else "short"
        return f"| {self.what} | {goal} | {measured} | {verdict} | {self.note} |"


def ratio(what: str, goal: float | None, ours: Sequence[float], theirs: Sequence[float], peer: str) -> Row:
    """The median of the ratios, round by round."""
    measured = statistics.median(a / b for a, b in zip(ours, theirs, strict=True))
    note = f"{statistics.median(ours):,.0f}/s, {peer} {statistics.median(theirs):,.0f}/s"
    return Row(what, goal, measured, note)
