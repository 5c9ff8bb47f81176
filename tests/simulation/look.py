"""A look around at one moment: every reading that there is, and how the plain recomputation gets what it should be."""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any
from urllib.parse import quote

from tests.simulation import plain, plain_history
from tests.simulation.fleet import DAY, END, GROUPS, HOUR, MINUTE, Happening
from tests.simulation.plain import Fields, Plain
from tests.simulation.plain_history import Window
from tests.web.api import START, Answer, Api

HISTORY_DAYS = 90
FILTERS_AT_ONCE = 4  # of those that there are, so that each is tried at a third of the moments

Expected = Callable[[Plain, int], Any]


@dataclass(frozen=True)
class Reading:
    """One answer of the service, and how the plain recomputation gets what it should be."""

    kind: str
    moment: int
    path: str
    status: int
    body: Any
    expected: Expected
    total: str | None = None

    def where(self) -> str:
        """What to look at when it differs."""
        return f"GET {self.path} at {plain.text(self.moment)} ({self.moment})"


@dataclass
class Month:
    """What was sent, and what was read in between."""

    happenings: list[Happening]
    moments: list[int]
    boundaries: list[int]
    history_moments: set[int]
    readings: list[Reading] = field(default_factory=list)
    requests: int = 0
    plains: dict[int, Plain] = field(default_factory=dict)

    def at(self, moment: int) -> Plain:
        """The plain recomputation up to that second, from the first report on."""
        if moment not in self.plains:
            since = max((known for known in self.plains if known < moment), default=0)
            self.plains[moment] = plain.replay(self.happenings, moment, self.plains.get(since, Plain()), since)
        return self.plains[moment]

    def of(self, kind: str) -> list[Reading]:
        """The readings of one kind."""
        found = [reading for reading in self.readings if reading.kind == kind]
        assert found, f"nothing was read of {kind}"
        return found


@dataclass
class Look:
    """A look around: every reading of the board at one moment, through the worker that took the reports or another."""

    workers: tuple[Api, Api]
    month: Month
    dice: random.Random
    tag: str = '"none"'
    board: Any = None

    def at(self, time: float) -> None:
        """Every clock shows this."""
        for worker in self.workers:
            worker.clock.now = time

    def around(self, moment: int) -> None:
        """Read all there is to read."""
        self.at(moment + 0.75)  # within that second
        answer = self.read("board", moment, "/status", plain.rows)
        self.with_tag(moment, answer)
        self.read("summary", moment, "/summary", lambda now, at: plain.summary(plain.rows(now, at)))
        self.read("groups", moment, "/groups", lambda now, at: plain.groups(plain.rows(now, at)))
        for name in ("server_type", "drift_status", "updated_by"):
            self.read("values", moment, f"/values?field={name}", partial(values_of, name))
        for query, chosen in self.dice.sample([*self.queries(moment)], FILTERS_AT_ONCE):
            self.filtered(moment, query, chosen)
        self.paged(moment)
        group = self.dice.choice(GROUPS)[0]
        self.read("group", moment, f"/status/{group}", lambda now, at: own_rows(now, at, group))
        keys = sorted({one.key for one in self.dice.sample(self.month.happenings, 5)})
        deleted = [one.key for one in self.month.happenings if one.kind == "delete"]
        for key in [*keys, self.dice.choice(deleted)]:
            self.server(moment, key)
        if moment in self.month.history_moments:
            look_back(self, moment)

    def read(self, kind: str, moment: int, path: str, expected: Expected) -> Answer:
        """One reading, kept for the comparison."""
        answer = self.dice.choice(self.workers).get(path)
        body = answer.json if answer.status == 200 else None
        total = answer.headers.get("X-Total-Count")
        self.month.readings.append(Reading(kind, moment, path, answer.status, body, expected, total))
        return answer

    def with_tag(self, moment: int, answer: Answer) -> None:
        """What a client has that keeps the last board for as long as it is told that nothing changed."""
        again = self.dice.choice(self.workers).get("/status", if_none_match=self.tag)
        assert again.status in {200, 304}
        if again.status == 200:
            self.board = again.json
        self.tag = answer.headers["ETag"]
        self.month.readings.append(Reading("kept board", moment, "/status", 200, self.board, plain.rows))

    def filtered(self, moment: int, query: str, chosen: Callable[[list[Fields]], list[Fields]]) -> None:
        """One filter on each route that takes it."""
        self.read("filters", moment, f"/status?{query}", lambda now, at: chosen(plain.rows(now, at)))
        self.read("filters", moment, f"/summary?{query}", lambda now, at: plain.summary(chosen(plain.rows(now, at))))
        self.read("filters", moment, f"/groups?{query}", lambda now, at: plain.groups(chosen(plain.rows(now, at))))

    def server(self, moment: int, key: tuple[str, str]) -> None:
        """One server, there or not."""

        def expected(now: Plain, at: int) -> Fields | None:
            return plain.full(now.servers[key], at) if key in now.servers else None

        self.read("server", moment, "/status/{}/{}".format(*key), expected)

    def told(self, kind: str, moment: int, path: str, tell: Callable[[Plain, Window], Any], window: Window) -> None:
        """A part of the history."""
        self.read(kind, moment, path, lambda now, _: tell(now, window))

    def steps(self, moment: int, start: int, end: int, step: int, path: str) -> None:
        """The wide rows of a window."""
        sent = self.month.happenings
        self.read("steps", moment, path, lambda _, at: plain_history.wide_rows(_until(sent, at), start, end, step))

    def paged(self, moment: int) -> None:
        """A page of the servers that are a problem."""
        limit, offset = self.dice.randrange(1, 40), self.dice.randrange(60)

        def expected(now: Plain, at: int) -> tuple[list[Fields], int]:
            bad = plain.select(plain.rows(now, at), {"problem": [1]})
            return bad[offset : offset + limit], len(bad)

        self.read("pages", moment, f"/status?problem=1&limit={limit}&offset={offset}", expected)

    def queries(self, moment: int) -> Iterator[tuple[str, Callable[[list[Fields]], list[Fields]]]]:
        """Filters, written in every way in which they may be."""
        dice = self.dice
        flag = dice.choice((True, False))
        word = str(flag).lower()
        first, second = dice.sample(("synced", "out_of_sync", "failed", "unknown"), 2)
        one, two = (name for name, _, _ in dice.sample(GROUPS, 2))
        length = dice.randrange(1, 72)
        low = dice.randrange(START - DAY, moment)
        high = dice.randrange(low, moment + 1)
        exact = dice.choice([happening.time for happening in self.month.happenings if happening.time <= moment])
        yield f"stale={word}", lambda board: plain.select(board, {"stale": [flag]})
        yield f"problem={int(flag)}&_=1", lambda board: plain.select(board, {"problem": [int(flag)]})
        yield f"status={first},{second}", lambda board: plain.select(board, {"status": [first, second]})
        yield (
            f"server_group={{{one},{two}}}&stale={word}&environment=All",
            lambda board: plain.select(board, {"server_group": [one, two], "stale": [flag]}),
        )
        yield (
            f"pipeline_status=failed&status=synced&validation_status={quote('{passed,failed}')}",
            lambda board: plain.select(
                board, {"pipeline_status": ["failed"], "status": ["synced"], "validation_status": ["passed", "failed"]}
            ),
        )
        yield (
            f"drift_status={first}&drift_status={second}",
            lambda board: plain.select(board, {"drift_status": [first, second]}),
        )
        yield "drift_status={none}", lambda board: plain.select(board, {"drift_status": [None]})
        yield (
            f"seen_after={length}h",
            lambda board: plain.between(board, "timestamp", moment - length * HOUR, None),
        )
        yield (
            f"seen_before={plain.text(exact)}",
            lambda board: plain.between(board, "timestamp", None, exact),
        )
        yield f"seen_after={exact}", lambda board: plain.between(board, "timestamp", exact, None)
        yield (
            f"created_after={low}000&created_before={plain.text(high)}",
            lambda board: plain.between(board, "first_seen", low, high),
        )


def values_of(name: str, now: Plain, at: int) -> list[Fields]:
    """The values that a field has on the board."""
    return plain.values(plain.rows(now, at), name)


def own_rows(now: Plain, at: int, group: str) -> list[Fields] | None:
    """The rows of one group, None where no server has it."""
    return plain.select(plain.rows(now, at), {"server_group": [group]}) or None


def look_back(look: Look, moment: int) -> None:
    """Every reading of the history at one moment."""
    look.read(
        "whole history",
        moment,
        "/history?limit=10000",
        lambda now, _: plain_history.flat_history(now, Window(limit=10_000)),
    )
    for query, window in windows(look, moment):
        look.told("history", moment, f"/history?{query}", plain_history.flat_history, window)
        look.told("events", moment, f"/events?{query}", plain_history.marks, window)
    counted = [one.key for one in look.month.happenings if one.time <= moment]
    deleted = [one.key for one in look.month.happenings if one.kind == "delete" and one.time <= moment]
    for key in sorted({*look.dice.sample(counted, 4), *deleted}):
        for query, window in [("", Window()), *windows(look, moment, key)]:
            path = "/status/{}/{}/history".format(*key)
            own = replace(window, wanted={**window.wanted, "server_group": [key[0]], "host": [key[1]]})
            look.told("server history", moment, f"{path}?{query}", plain_history.history, own)
    for start, end, step in (
        (START - HOUR, moment, HOUR),
        (moment - 3 * DAY - 11, moment - DAY, 15 * MINUTE),
        (START + 7 * MINUTE, moment, 6 * HOUR),
        (moment - 2 * HOUR, moment, 1),
        (moment - 5 * DAY, moment - 5 * DAY, HOUR),
    ):
        said = look.dice.choice((f"{step}", f"{step}s")) if step != HOUR else ""
        path = f"/history/summary?from={plain.text(start)}&to={end}&step={said}"
        look.steps(moment, start, end, step, path)


def look_back_after_months(look: Look) -> None:
    """The history when its first two weeks are older than what is kept; the states that they left are still in force."""
    moment = END + 75 * DAY
    oldest = moment - HISTORY_DAYS * DAY
    look.at(float(moment))
    look.read(
        "aged",
        moment,
        "/history?limit=10000",
        lambda now, _: plain_history.flat_history(now, Window(oldest, None, 10_000), first=False),
    )
    for since in (oldest, oldest + 1, END - 3 * DAY, END + DAY):
        path = f"/history?from={since}&limit=10000"
        look.told("aged", moment, path, plain_history.flat_history, Window(since, None, 10_000))


def _until(happenings: Sequence[Happening], moment: int) -> list[Happening]:
    return [one for one in happenings if one.time <= moment]


def windows(look: Look, moment: int, key: tuple[str, str] | None = None) -> Iterator[tuple[str, Window]]:
    """Parts of the history: all kinds of bounds, also right at what happened, with limits and filters."""
    past = [one for one in look.month.happenings if one.time <= moment and key in {None, one.key}]
    low, high = sorted(one.time for one in look.dice.choices(past, k=2))
    gone = [one.time for one in past if one.kind == "delete"]
    yield "", Window()
    yield "from=7d", Window(moment - 7 * DAY)
    yield f"from={low}&to={high}", Window(low, high)
    yield f"from={low + 1}000&to={plain.text(high + 1)}&limit=3", Window(low + 1, high + 1, 3)
    yield f"to={high}&limit=40", Window(None, high, 40)
    yield f"from={plain.text(moment)}", Window(moment)
    yield "from=60d&limit=10", Window(moment - 60 * DAY, None, 10)
    yield "event=deleted,created&limit=25", Window(None, None, 25, {"event": ["deleted", "created"]})
    yield f"from={low}&status=failed,unknown", Window(low, wanted={"status": ["failed", "unknown"]})
    yield (
        f"from={low}&source=cron&from_status=synced",
        Window(low, wanted={"source": ["cron"], "from_status": ["synced"]}),
    )
    yield "validation_status=failed&updated_by=*", Window(wanted={"validation_status": ["failed"]})
    yield (
        "from_status=none,failed&updated_by=cron",
        Window(wanted={"from_status": [None, "failed"], "updated_by": ["cron"]}),
    )
    for time in look.dice.sample(gone, min(3, len(gone))):
        yield f"from={time}&to={time}", Window(time, time)
        yield f"from={time + 1}&limit=100", Window(time + 1, None, 100)
    if key is None:
        group = look.dice.choice(GROUPS)[0]
        yield f"from={low}&to={high}&server_group={group}", Window(low, high, wanted={"server_group": [group]})
        yield "from=48h&environment=prod&limit=10000", Window(moment - 2 * DAY, None, 10_000, {"environment": ["prod"]})
