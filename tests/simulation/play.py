"""Plays the month against the real service, and keeps what was read."""

import itertools
import json
import random
from collections.abc import Sequence
from pathlib import Path

from tests.simulation import plain
from tests.simulation.fleet import DAY, END, Happening
from tests.simulation.look import Look, Month, look_back_after_months
from tests.web.api import START, Api

RANDOM_MOMENTS = 16
BOUNDARIES = 8


def play(folder: Path, happenings: list[Happening]) -> Month:
    """Thirty days in injected time, with a look at the board at each of the moments."""
    api = Api(folder, access_log="off")
    dice = random.Random(7)
    boundaries = _boundaries(dice, happenings)
    nearby = [boundary + second for boundary in boundaries for second in (-1, 0, 1)]
    history_moments = {START + 9 * DAY + 12_345, START + 21 * DAY, END}
    moments = sorted({*nearby, *history_moments, *(dice.randrange(START, END) for _ in range(RANDOM_MOMENTS))})
    month = Month(happenings, moments, boundaries, history_moments)
    look = Look((api, Api(folder, access_log="off")), month, dice)
    waiting = iter([*moments, END + DAY])
    moment = next(waiting)
    for (time, kind), together in itertools.groupby(happenings, lambda one: (one.time, one.kind)):
        while moment < time:
            look.around(moment)
            moment = next(waiting)
        api.clock.now = float(time)
        month.requests += send(api, kind, list(together))
    while moment <= END:
        look.around(moment)
        moment = next(waiting)
    look_back_after_months(look)
    return month


def send(api: Api, kind: str, together: Sequence[Happening]) -> int:
    """What falls in one second: arrays of reports, deletions one by one. How many requests it took."""
    if kind == "delete":
        for one in together:
            assert api.delete("/status/{}/{}".format(*one.key)).status == 204, one
        return len(together)
    bodies = [one.body for one in together]
    answer = api.request(
        "POST",
        f"/status/{kind}",
        data=json.dumps(bodies[0] if len(bodies) == 1 else bodies),
        content_type="application/json",
    )
    assert answer.status in {200, 201}, answer.json
    return 1


def _boundaries(dice: random.Random, happenings: Sequence[Happening]) -> list[int]:
    """Last seconds in which a silent server is not stale yet."""
    checks = dict[tuple[str, str], list[Happening]]()
    for one in happenings:
        if one.kind != "pipeline":
            checks.setdefault(one.key, []).append(one)
    found = set[int]()
    for own in checks.values():
        for one, following in itertools.pairwise(own):
            interval = one.body.get("check_interval")
            if interval and following.time > one.time + 2 * interval + 1:
                found.add(one.time + 2 * interval)
            elif one.kind == "cron" and not any("check_interval" in each.body for each in own):
                found.add(one.time + plain.STALE_AFTER)
    return sorted(dice.sample(sorted(found), BOUNDARIES))
