#!/usr/bin/env bash
# In the hour that autumn repeats, crontab 1.0.5 has no run of `*/15 * * * *` for 75 minutes, where croniter 7.0.0 and
# cronsim 2.8 go on every 15 minutes; systemd's calendar timers have the same gap as crontab. In the hour that spring
# leaves out, `30 2 * * *` runs at 03:00 by croniter and cronsim, and at 03:30 by crontab. Who computes with one of them
# when a job of another is late, calls all of a fleet late once a year, or misses it. In UTC all three agree.
#
# CPython 3.11, tzdata 2026.6, Europe/Berlin. Output seen on 2026-11-28, times in UTC:
#     autumn  croniter 00:15 00:30 00:45 01:00 01:15   cronsim the same   crontab 00:15 00:30 00:45 02:00 02:15
#     spring  croniter 01:00                           cronsim 01:00      crontab 01:30
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check croniter==7.0.0 cronsim==2.8 crontab==1.0.5 tzdata==2026.6
"$folder/venv/bin/python" - <<'EOF'
import itertools
import sys
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from croniter import croniter
from cronsim import CronSim
from crontab import CronTab


def by_crontab(expression, now):
    table = CronTab(expression)
    while True:
        now = (now.astimezone(UTC) + timedelta(seconds=table.next(now=now, default_utc=False))).astimezone(now.tzinfo)
        yield now


WAYS = {
    "croniter": lambda expression, now: croniter(expression, now, ret_type=datetime),
    "cronsim": CronSim,
    "crontab": by_crontab,
}
EXPECTED = {
    "autumn": {"croniter": "00:15 00:30 00:45 01:00 01:15", "cronsim": "00:15 00:30 00:45 01:00 01:15",
               "crontab": "00:15 00:30 00:45 02:00 02:15"},
    "spring": {"croniter": "01:00", "cronsim": "01:00", "crontab": "01:30"},
}
CASES = {
    "autumn": ("*/15 * * * *", datetime(2026, 10, 25, 0, 10, tzinfo=UTC), 5),
    "spring": ("30 2 * * *", datetime(2026, 3, 29, 0, 10, tzinfo=UTC), 1),
}
for zone, change in itertools.product(("Europe/Berlin", "UTC"), CASES):
    expression, begin, count = CASES[change]
    seen = {}
    for name, way in WAYS.items():
        runs = itertools.islice(way(expression, begin.astimezone(ZoneInfo(zone))), count)
        seen[name] = " ".join(f"{run.astimezone(UTC):%H:%M}" for run in runs)
        print(zone, change, name, seen[name])
    as_said = seen == EXPECTED[change] if zone != "UTC" else len(set(seen.values())) == 1
    if not as_said:
        sys.exit("CHANGED: this is not what was seen before.")
EOF
