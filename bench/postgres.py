"""The service on PostgreSQL: what a fleet's size costs it, and what the database itself can do."""

import contextlib
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import orjson
import psycopg
import requests
from pydantic import SecretStr

from bench import programs
from bench.load import CONNECTIONS, REPORTS_BESIDE, SECONDS, fill, rate, reports_beside
from bench.table import ROUNDS, Row, ratio
from domain.freshness import Moment
from domain.report import MAX_REPORTS, read_reports
from operations.servers import take_reports
from stores import open_store
from tests.postgres import BIN, Postgres, fresh_schema, postgres_server

FLEETS = (1_000, 100_000, 1_000_000)
GROUP = 50  # servers of the group that is read
REPORTS = 20
ACCOUNTS = 1_000_000  # pgbench makes 100,000 for each unit of its scale


def postgres_reports(folder: Path) -> Iterator[Row]:
    """Reports, one a request, at each size of a fleet, beside the file store and pgbench; each round all in turn."""
    stored: dict[int, list[float]] = {servers: [] for servers in FLEETS}
    in_file, updates = list[float](), list[float]()
    (folder / "file").mkdir()
    with contextlib.ExitStack() as stack:
        machine = stack.enter_context(_machine())
        urls = {servers: stack.enter_context(_fleet(machine, servers)) for servers in FLEETS}
        services = {}
        for servers, url in urls.items():
            services[servers] = stack.enter_context(programs.service(folder, STATUS_STORE=url))
            _first_readings(services[servers])
        file = stack.enter_context(programs.service(folder / "file"))
        fill(file.url, FLEETS[0])
        _pgbench(machine, "--initialize", "--quiet", f"--scale={ACCOUNTS // 100_000}")
        for _ in range(ROUNDS):
            for servers in FLEETS:
                stored[servers].append(rate(services[servers].url, "reports.lua", servers))
            in_file.append(rate(file.url, "reports.lua", FLEETS[0]))
            updates.append(_simple_updates(machine))
    small = stored[FLEETS[0]]
    for servers in FLEETS[1:]:
        what = f"PostgreSQL: stored reports, {servers:,} servers / {FLEETS[0]:,} servers"
        yield ratio(what, 0.8, stored[servers], small, f"at {FLEETS[0]:,}")
    yield ratio(f"PostgreSQL: stored reports / JSON file, {FLEETS[0]:,} servers", None, small, in_file, "file")
    what = f"PostgreSQL: stored reports / pgbench simple updates, {FLEETS[0]:,} servers"
    yield ratio(what, None, small, updates, "pgbench")


def postgres_readings(folder: Path) -> Iterator[Row]:
    """A start with a fleet of the largest size, and one group of it."""
    servers = FLEETS[-1]
    with (
        _machine() as machine,
        _fleet(machine, servers) as url,
        programs.service(folder, STATUS_STORE=url) as service,
    ):
        of = f"at {servers:,} servers"
        yield Row(f"PostgreSQL: from start to ready {of}", None, service.seconds_to_ready, "seconds")
        first = _first_readings(service)
        yield Row(f"PostgreSQL: memory of a worker {of}", None, service.memory(), "MB")
        quiet = _readings(service)
        what = f"PostgreSQL: GET /status?server_group=… of {GROUP} {of}"
        note = f"ms, median of {len(quiet)}, worst {max(quiet):,.1f}; {first:,.0f} where a worker reads the fleet first"
        yield Row(what, 50, statistics.median(quiet), note, is_most=True)
        with reports_beside(service.url, servers):
            beside = _readings(service)
        note = f"ms, median of {len(beside)}, worst {max(beside):,.1f}"
        what = f"the same while {REPORTS_BESIDE} reports a second come in"
        yield Row(what, 50, statistics.median(beside), note, is_most=True)


def postgres_replicas(folder: Path) -> Iterator[Row]:
    """How long after a report was acknowledged by one replica it is read from another."""
    servers = FLEETS[1]
    with (
        _machine() as machine,
        _fleet(machine, servers) as url,
        programs.service(folder, STATUS_STORE=url) as one,
        programs.service(folder, STATUS_STORE=url) as other,
        ThreadPoolExecutor() as beside,
    ):
        for replica in (one, other):
            _first_readings(replica)
        what = f"PostgreSQL: from a report's answer until another replica shows it, {servers:,} servers"
        yield _delays(f"{what}, quiet", one, other)
        load = beside.submit(rate, one.url, "reports.lua", servers)
        loaded = _delays(f"the same while {CONNECTIONS} connections report to the first", one, other)
        if load.done():
            sys.exit("The load ended before the last report was read.")
        yield replace(loaded, note=f"{loaded.note}; {load.result():,.0f}/s")


def _machine() -> contextlib.AbstractContextManager[Postgres]:
    """A PostgreSQL that keeps what it acknowledged through a power cut, as the file store does."""
    return postgres_server(fsync="on", synchronous_commit="on")


@contextlib.contextmanager
def _fleet(machine: Postgres, servers: int) -> Iterator[str]:
    """The URL of a store with as many servers: those that the load reports about, and the group that is read."""
    moment = Moment(int(time.time()), 86_400)
    with fresh_schema(machine.url) as url:
        with contextlib.closing(open_store(SecretStr(url), lambda _document: None)) as store:
            for start in range(0, servers, MAX_REPORTS):
                bodies = [_report(number) for number in range(start, start + MAX_REPORTS)]
                take_reports(store, moment, read_reports("cron", orjson.dumps(bodies), moment.now).reports)
            small = [_report(number) | {"server_group": "small"} for number in range(GROUP)]
            take_reports(store, moment, read_reports("cron", orjson.dumps(small), moment.now).reports)
        # What the filling left behind is not the load's to clear away.
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("VACUUM ANALYZE records, history")
            connection.execute("CHECKPOINT")
        yield url


def _report(number: int) -> dict[str, object]:
    """What reports.lua says of a server, so that its reports are what most are: a check that found the same again."""
    names = {"server_group": f"group-{number % 20}", "host": f"host-{number}"}
    return names | {"changed_files": ["/etc/rsyslog.conf"], "check_interval": 300}


def _group(service: programs.Program) -> float:
    """Milliseconds until a group is read."""
    started = time.perf_counter()
    found = requests.get(f"{service.url}/status?server_group=small", timeout=120).json()
    assert len(found) == GROUP
    return 1_000 * (time.perf_counter() - started)


def _readings(service: programs.Program) -> list[float]:
    """Milliseconds of each, one after the other."""
    until, taken = time.monotonic() + SECONDS, list[float]()
    while time.monotonic() < until:
        taken.append(_group(service))
    return taken


def _first_readings(service: programs.Program) -> float:
    """Have each worker read the fleet; milliseconds until the last of the first readings was answered."""
    with ThreadPoolExecutor() as readers:
        return max(readers.map(_group, [service] * 8))


def _delays(what: str, one: programs.Program, other: programs.Program) -> Row:
    """Reports to one replica, each read at once from the other. One that is not there yet ends the bench."""
    taken = list[float]()
    with requests.Session() as writer, requests.Session() as reader:
        for number in range(REPORTS):
            report = _report(number) | {"server_group": "small", "changed_files": [f"/etc/{time.time_ns()}"]}
            writer.post(f"{one.url}/status/cron", json=report, timeout=60).raise_for_status()
            answered = time.perf_counter()
            shown = reader.get(f"{other.url}/status/small/host-{number}", timeout=60).json()
            taken.append(1_000 * (time.perf_counter() - answered))
            if shown["changed_files"] != report["changed_files"]:
                sys.exit("What one replica acknowledged was not yet shown by the other.")
    note = f"ms: its first answer shows it; median of {REPORTS}, worst {max(taken):,.1f}"
    return Row(what, None, statistics.median(taken), note)


def _pgbench(machine: Postgres, *arguments: str) -> str:
    command = [
        str(BIN / "pgbench"),
        "-h",
        "127.0.0.1",
        "-p",
        str(machine.port),
        "-U",
        "postgres",
        *arguments,
        "postgres",
    ]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def _simple_updates(machine: Postgres) -> float:
    """Transactions a second of pgbench: an update, a reading, a row added, and the commit."""
    load = ["--builtin=simple-update", "--no-vacuum", f"--client={CONNECTIONS}", "--jobs=2", "--protocol=prepared"]
    output = _pgbench(machine, *load, f"--time={SECONDS}")
    return float(re.findall(r"tps = ([\d.]+)", output)[0])
