"""What happens to 200 servers in 30 days: one list from one fixed seed."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from tests.web.api import START

DAYS = 30
MINUTE, HOUR, DAY = 60, 3_600, 86_400
END = START + DAYS * DAY
SIZE = 200
LATE = 12  # hosts that are first seen after days

# `web-eu/…` sorts before `web/…` as text, but the group `web` comes before `web-eu`.
GROUPS = (
    ("rsyslog-prod", "rsyslog", "prod"),
    ("rsyslog-test", "rsyslog", "test"),
    ("web", "nginx", "prod"),
    ("web-eu", "nginx", "prod"),
    ("web.lab", "nginx", "lab"),
    ("Web", "nginx", "dev"),
    ("splunk-idx", "splunk", "prod"),
    ("splunk-idx-test", "splunk", "test"),
    ("itnm", "ibm-itnm", "prod"),
    ("itnm-dr", "ibm-itnm", "prod"),
    ("compose", "docker", "prod"),
    ("compose-lab", "docker", "lab"),
    ("dns", "bind", "prod"),
    ("pipeline", "woodpecker", "prod"),
    ("cron", "", ""),
)
FILES = tuple(f"/etc/app/{name}.conf" for name in ("main", "tls", "input", "output", "rules", "limits", "users"))
# The hours between checks: few check often, so that the month stays short to play.
CHECKS = (1,) * 3 + (2,) * 4 + (3,) * 6 + (4,) * 10 + (6,) * 64
PHASES = (0, 7 * MINUTE, 7 * MINUTE + 1, 31 * MINUTE)

Kind = Literal["pipeline", "cron", "delete"]


@dataclass(frozen=True)
class Happening:
    """One report as it is sent, or one deletion."""

    time: int
    kind: Kind
    body: dict[str, Any]

    @property
    def key(self) -> tuple[str, str]:
        """Which server."""
        return self.body["server_group"], self.body["host"]


@dataclass
class Host:
    """One server and what its month looks like."""

    group: str
    name: str
    server_type: str
    environment: str
    since: int
    interval: int | None  # seconds between checks; None where there is no cron job
    phase: int = 0
    jitter: int = 0
    says_interval: bool = True
    names_itself: bool = True  # its cron job sends type and environment too
    flaps: bool = False
    outages: list[tuple[int, int]] = field(default_factory=list)
    drifts: list[tuple[int, int, list[str]]] = field(default_factory=list)
    commit: str = ""

    @property
    def key(self) -> dict[str, str]:
        """How each report names it."""
        return {"server_group": self.group, "host": self.name}

    def is_silent(self, time: int) -> bool:
        """Whether the cron job is dead then."""
        return time < self.since or any(start <= time < end for start, end in self.outages)


def happenings() -> list[Happening]:
    """The whole month in the order in which it happens."""
    dice = random.Random(20_260_426)
    hosts = _hosts(dice)
    found = [
        *_group_deployments(dice, hosts),
        *(one for host in hosts for one in _deployments(dice, host)),
        *(one for host in hosts for one in _checks(dice, host)),
        *_twice_in_a_second(dice, hosts),
    ]
    found = [one for one in found if START <= one.time < END]
    return sorted(_with_deletions(dice, hosts, found), key=lambda one: one.time)


def _hosts(dice: random.Random) -> list[Host]:
    hosts = []
    checks = [*CHECKS, *[None] * (SIZE - len(CHECKS))]
    dice.shuffle(checks)
    for number, hours in enumerate(checks):
        group, server_type, environment = GROUPS[number % len(GROUPS)]
        host = Host(
            group, f"{server_type or 'host'}-{number // len(GROUPS) + 1:02}", server_type, environment, START, None
        )
        if hours is not None:
            host.interval = hours * HOUR
            host.phase = PHASES[0] if hours < 4 else dice.choice(PHASES)
            host.jitter = 90 if dice.random() < 0.04 else 0
            host.says_interval = dice.random() < 0.85
            host.names_itself = dice.random() < 0.6
            host.outages = _outages(dice)
            host.drifts = _drifts(dice)
        hosts.append(host)
    for host in dice.sample(hosts, LATE):
        host.since = START + dice.randrange(2 * DAY, 28 * DAY)
    for host in dice.sample([host for host in hosts if host.interval], 6):
        host.flaps = True
    return hosts


def _outages(dice: random.Random) -> list[tuple[int, int]]:
    found = []
    for _ in range(dice.choice((0, 1, 1, 2, 3))):
        start = START + dice.randrange(DAYS * DAY)
        length = dice.randrange(2 * HOUR, 20 * HOUR) if dice.random() < 0.5 else dice.randrange(DAY, 7 * DAY)
        found.append((start, start + length))
    return found


def _drifts(dice: random.Random) -> list[tuple[int, int, list[str]]]:
    found = []
    for _ in range(dice.choice((0, 0, 1, 2, 3))):
        start = START + dice.randrange(DAYS * DAY)
        files = dice.sample(FILES, dice.randint(1, 4))
        found.append((start, start + dice.randrange(HOUR, 3 * DAY), files))
    return found


def _checks(dice: random.Random, host: Host) -> Iterator[Happening]:
    """The cron job: what differs at that time, unless it is dead."""
    if host.interval is None:
        return
    for due in range(START + host.phase, END, host.interval):
        time = due + (dice.randrange(host.jitter) if host.jitter else 0)
        if host.is_silent(time):
            continue
        body: dict[str, Any] = {**host.key}
        if host.says_interval and dice.random() < 0.9:  # left out, the last one is kept
            body["check_interval"] = host.interval
        if host.names_itself:
            body |= {"server_type": host.server_type, "environment": host.environment}
        yield Happening(time, "cron", body | _found(dice, host, time))


def _found(dice: random.Random, host: Host, time: int) -> dict[str, Any]:
    """What a check says, in each of the ways in which it may be said."""
    files = next((files for start, end, files in host.drifts if start <= time < end), [])
    if host.flaps and dice.random() < 0.5:
        files = [FILES[0]]
    luck = dice.random()
    if luck < 0.015:  # the check itself broke: the files are kept
        return {"status": "failed"} if luck < 0.01 else {"status": "unknown", "changed_files": None}
    if not files:
        return dice.choice(({}, {"changed_files": []}, {"status": "synced"}, {"commit_sha": "not-mine", "branch": "x"}))
    if luck < 0.2:  # the same set in another order, and a double
        return {"changed_files": [*dice.sample(files, len(files)), files[0]]}
    if luck < 0.3:
        return {"status": "out_of_sync"}  # the files are kept
    return {"changed_files": files[:1] if luck < 0.35 else files}


def _deployed(dice: random.Random, host: Host, time: int) -> Happening:
    """A pipeline that ran: mostly well, now and then not, sometimes the same commit again."""
    if dice.random() < 0.7:
        host.commit = f"{dice.getrandbits(28):07x}"
    body: dict[str, Any] = {**host.key, "commit_sha": host.commit or None}
    body["status"] = dice.choices(("synced", "failed", "out_of_sync", "unknown"), (80, 14, 4, 2))[0]
    body["validation_status"] = dice.choices(("passed", "failed", "skipped", None), (70, 12, 8, 10))[0]
    if body["validation_status"] == "failed":
        body["validation_message"] = "line 12: a brace is missing"
    if body["status"] == "out_of_sync":
        body["changed_files"] = dice.sample(FILES, 2)
    if dice.random() < 0.8 and host.server_type:
        body |= {"server_type": host.server_type, "environment": host.environment, "repo_name": host.server_type}
    if dice.random() < 0.5:
        body |= {"branch": "master", "updated_by": dice.choice(("woodpecker", "ansible"))}
        body |= {"pipeline_url": f"https://ci.example.com/{time}", "commit_message": "Change the limits"}
    return Happening(time, "pipeline", body)


def _deployments(dice: random.Random, host: Host) -> Iterator[Happening]:
    for _ in range(dice.randrange(6)):
        time = max(host.since, START + dice.randrange(DAYS * DAY))
        yield _deployed(dice, host, time)
        if dice.random() < 0.2:
            yield _deployed(dice, host, time + dice.randrange(60, HOUR))  # repaired at once


def _group_deployments(dice: random.Random, hosts: list[Host]) -> Iterator[Happening]:
    """One Ansible run over a group: half of the groups begin the month with one, all have some more."""
    for number, (group, _, _) in enumerate(GROUPS):
        times = [START + dice.randrange(DAYS * DAY) // HOUR * HOUR for _ in range(3)]  # with checks in the same second
        for time in [*([START] if number % 2 == 0 else []), *sorted(times)]:
            for host in hosts:
                if host.group == group and host.since <= time:
                    yield _deployed(dice, host, time)


def _twice_in_a_second(dice: random.Random, hosts: list[Host]) -> Iterator[Happening]:
    """Two checks of one server in one array: drifted, then repaired."""
    for host in dice.sample([host for host in hosts if host.interval and host.since == START], 10):
        time = START + dice.randrange(DAY, DAYS * DAY)
        yield Happening(time, "cron", {**host.key, "changed_files": [FILES[1], FILES[2]]})
        yield Happening(time, "cron", {**host.key, "changed_files": []})


def _with_deletions(dice: random.Random, hosts: list[Host], found: list[Happening]) -> list[Happening]:
    """Hosts deleted for good, and deleted and seen again: after days, by the next report, in the same second."""
    checked = dice.sample([host for host in hosts if host.interval == 6 * HOUR and host.since == START], 10)
    for number, host in enumerate(checked):
        key = (host.group, host.name)
        day = dice.randrange(3, 25)
        own = [one.time for one in found if one.key == key and one.time >= START + day * DAY]
        earlier = any(one.key == key and one.time < START + day * DAY for one in found)
        if not own or not earlier:
            continue
        gone = own[0]
        back = {0: END, 1: END}.get(number, gone if number < 4 else gone + 1 if number < 7 else gone + 3 * DAY)
        found = [one for one in found if one.key != key or not gone <= one.time < back]
        position = next((at for at, one in enumerate(found) if one.key == key and one.time >= gone), len(found))
        after = 1 if number == 3 else 0  # that one reports and is deleted within one second
        found.insert(position + after, Happening(gone, "delete", dict(host.key)))
    return found
