"""`make bench`: one table of goals and medians. Only ratios within one run count: machines are noisy."""

import contextlib
import json
import os
import platform
import secrets
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import requests

from bench import programs
from bench.agent import agent_files
from bench.board import board
from bench.load import CONNECTIONS, HERD, REPORTS_BESIDE, SECONDS, fill, herd, past_entries, rate, reports_beside
from bench.memory import memory
from bench.postgres import postgres_readings, postgres_replicas, postgres_reports
from bench.table import ROUNDS, Row, ratio

RESULT = Path(__file__).with_name("results") / "last.md"
FLEETS = (100, 10_000, 100_000)


def stored_reports(folder: Path) -> Iterator[Row]:
    """Reports, one a request, at each size of a fleet; each round all sizes in turn, so that a slow minute hits all."""
    ours: dict[int, list[float]] = {servers: [] for servers in FLEETS}
    theirs: dict[int, list[float]] = {servers: [] for servers in FLEETS}
    with contextlib.ExitStack() as stack:
        bare = stack.enter_context(programs.bare(folder / "none"))
        services = {}
        for servers in FLEETS:
            (folder / str(servers)).mkdir()
            services[servers] = stack.enter_context(programs.service(folder / str(servers)))
            fill(services[servers].url, servers)
        for _ in range(ROUNDS):
            for servers in FLEETS:
                ours[servers].append(rate(services[servers].url, "reports.lua", servers))
                theirs[servers].append(rate(bare.url, "reports.lua", servers))
    with programs.service(folder / str(FLEETS[-1])) as again:
        ready = again.seconds_to_ready
        rate(again.url, "reports.lua", FLEETS[-1])
        for _ in range(8):  # so that each worker has made the whole board
            requests.get(f"{again.url}/status", timeout=60).raise_for_status()
        memory = again.memory()
    for servers in FLEETS:
        yield ratio(f"stored reports / bare, {servers:,} servers", 0.75, ours[servers], theirs[servers], "bare")
    small, large = ours[FLEETS[0]], ours[FLEETS[-1]]
    yield ratio("stored reports, 100,000 servers / 100 servers", 0.9, large, small, "at 100")
    yield Row("memory of a worker at 100,000 servers, once it has sent them all", 400, memory, "MB", is_most=True)
    yield Row("from start to ready at 100,000 servers", 3, ready, "seconds", is_most=True)


def obvious(folder: Path) -> Iterator[Row]:
    """Reports against the program that everybody writes first."""
    ours, theirs = [], []
    fleet = {f"group-{n % 20}/host-{n}": {"server_group": f"group-{n % 20}", "host": f"host-{n}"} for n in range(1_000)}
    (folder / "obvious.json").write_text(json.dumps(fleet))
    with programs.service(folder) as service, programs.obvious(folder) as peer:
        fill(service.url, 1_000)
        for _ in range(ROUNDS):
            ours.append(rate(service.url, "reports.lua", 1_000))
            theirs.append(rate(peer.url, "reports.lua", 1_000))
    yield ratio("stored reports / the obvious program, 1,000 servers", 1, ours, theirs, "obvious")


def tokens(folder: Path) -> Iterator[Row]:
    """Reports that carry a token limited to groups, against reports to a service that asks for none."""
    guarded, open_ = [], []
    (folder / "open").mkdir()
    admin = secrets.token_hex()
    with (
        programs.service(folder, STATUS_AUTH="writes", STATUS_ADMIN_TOKEN=admin) as service,
        programs.service(folder / "open") as other,
    ):
        wanted = {"label": "bench", "scopes": ["cron"], "groups": ["group-*"]}
        made = requests.post(f"{service.url}/tokens", json=wanted, headers={"X-API-Key": admin}, timeout=60).json()
        fill(service.url, 1_000, made["token"])
        fill(other.url, 1_000)
        for _ in range(ROUNDS):
            guarded.append(rate(service.url, "reports.lua", 1_000, made["token"]))
            open_.append(rate(other.url, "reports.lua", 1_000))
    yield ratio("stored reports with a token / open, 1,000 servers", 0.9, guarded, open_, "open")


def herds(folder: Path) -> Iterator[Row]:
    """Everybody at once."""
    ours, theirs = [], []
    with programs.service(folder) as service, programs.bare(folder / "none") as bare:
        fill(service.url, HERD)
        for _ in range(ROUNDS):
            ours.append(herd(service.url))
            theirs.append(herd(bare.url))
        stored = requests.get(f"{service.url}/status/herd", timeout=60).json()
    if len(stored) != HERD:
        sys.exit(f"A herd of {HERD} was answered, and {len(stored)} are on the board.")
    yield ratio(f"a herd of {HERD:,} connections / bare", 0.7, ours, theirs, "bare")


def peers(folder: Path) -> Iterator[Row]:
    """Against programs that store the like: arrays against etcd, single reports against the Pushgateway."""
    arrays, puts, reports, pushes = [], [], [], []
    with programs.service(folder) as service, programs.etcd() as etcd, programs.pushgateway() as pushgateway:
        fill(service.url, 1_000)
        for _ in range(ROUNDS):
            if etcd:
                arrays.append(50 * rate(service.url, "arrays.lua", 1_000))
                puts.append(rate(etcd.url, "etcd.lua", 1_000))
            if pushgateway:
                reports.append(rate(service.url, "reports.lua", 1_000))
                pushes.append(rate(pushgateway.url, "pushes.lua", 1_000))
    against_etcd = "servers stored in arrays of 50 / etcd puts"
    against_pushgateway = "stored reports / Pushgateway pushes, 1,000 groups"
    missing = "make bench-peers installs it"
    yield ratio(against_etcd, 3, arrays, puts, "etcd") if puts else Row(against_etcd, 3, None, missing)
    if pushes:
        yield ratio(against_pushgateway, 10, reports, pushes, "Pushgateway")
    else:
        yield Row(against_pushgateway, 10, None, missing)


def readings(folder: Path) -> Iterator[Row]:
    """The board of 10,000 servers against a route that answers the same bytes."""
    quiet, beside, theirs = [], [], []
    with programs.service(folder) as service:
        fill(service.url, 10_000)
        ready = folder / "ready.json"
        ready.write_bytes(requests.get(f"{service.url}/status", timeout=60).content)
        with programs.bare(ready) as bare:
            for _ in range(ROUNDS):
                quiet.append(rate(f"{service.url}/status"))
                theirs.append(rate(f"{bare.url}/status"))
                with reports_beside(service.url, 10_000):
                    beside.append(rate(f"{service.url}/status"))
    yield ratio("GET /status of 10,000 servers / the same ready bytes, quiet", 0.8, quiet, theirs, "bare")
    busy = f"the same while {REPORTS_BESIDE} reports a second come in"
    yield ratio(busy, 0.4, beside, theirs, "bare, quiet,")


def sums(folder: Path) -> Iterator[Row]:
    """The counts over 10,000 servers when nothing changed: one reader, one connection."""
    with programs.service(folder) as service, requests.Session() as session:
        fill(service.url, 10_000)
        for path in ("/summary", "/groups"):
            session.get(f"{service.url}{path}", timeout=60).raise_for_status()
            took = []
            for _ in range(200):
                started = time.perf_counter()
                session.get(f"{service.url}{path}", timeout=60).raise_for_status()
                took.append(1_000 * (time.perf_counter() - started))
            what = f"GET {path} of 10,000 servers, nothing changed, median of {len(took)}"
            yield Row(what, 5, statistics.median(took), "ms", is_most=True)


def scrapes(folder: Path) -> Iterator[Row]:
    """The metrics of 10,000 servers right after a change, against the board of them then."""
    fleet, metrics = list[float](), list[float]()
    with programs.service(folder) as service, requests.Session() as session:
        fill(service.url, 10_000)
        for number in range(10 * ROUNDS):
            for path, taken in (("/status", fleet), ("/metrics", metrics)):
                report = {"server_group": "group-0", "host": "host-0", "changed_files": [f"{path}{number}"]}
                session.post(f"{service.url}/status/cron", json=report, timeout=60).raise_for_status()
                started = time.perf_counter()
                session.get(f"{service.url}{path}", timeout=60).raise_for_status()
                taken.append(1_000 * (time.perf_counter() - started))
    measured = statistics.median(ours / theirs for ours, theirs in zip(metrics, fleet, strict=True))
    note = f"{statistics.median(metrics):,.0f} ms, the board {statistics.median(fleet):,.0f} ms"
    yield Row("GET /metrics of 10,000 servers right after a change / GET /status", 10, measured, note, is_most=True)


def history(folder: Path) -> Iterator[Row]:
    """The history of one host, once the first reading has made each worker's index."""
    entries, hosts, taken = 1_000_000, 10_000, list[float]()
    past_entries(folder / "status.json.history", entries, hosts)
    with programs.service(folder) as service:
        for host in range(8 + 20):
            started = time.perf_counter()
            rows = requests.get(f"{service.url}/history?host=host-{host}", timeout=60).json()
            taken += [1_000 * (time.perf_counter() - started)] * (host >= 8)
            assert len(rows) == entries // hosts
        memory = service.memory()
    note = f"ms, the median of 20; the worker then holds {memory:,.0f} MB"
    yield Row(
        "/history of one of 10,000 hosts among 1,000,000 entries", 100, statistics.median(taken), note, is_most=True
    )


ON_POSTGRES = (postgres_reports, postgres_readings, postgres_replicas)
PARTS = {
    part.__name__: part
    for part in (
        *(stored_reports, obvious, tokens, herds, peers, readings, sums, scrapes, history),
        *(memory, board, agent_files, *ON_POSTGRES),
    )
}


def main(names: Sequence[str]) -> None:
    """Measure the parts that are named, or all; print the table, and write it as Markdown."""
    if not shutil.which("wrk"):
        sys.exit("make bench needs wrk: apt-get install wrk")
    RESULT.parent.mkdir(exist_ok=True)
    with RESULT.open("w") as result:

        def show(line: object) -> None:
            for output in (sys.stdout, result):
                print(line, file=output, flush=True)

        python = platform.python_version()
        show(f"{os.cpu_count()} cores, Python {python}, {programs.WORKERS} workers, {CONNECTIONS} connections,")
        show(f"medians of {ROUNDS} rounds of {SECONDS} s each, the load on the same machine.\n")
        show("| what | goal | measured | | |\n|---|---|---|---|---|")
        for name in names or PARTS:
            with tempfile.TemporaryDirectory() as folder:
                for row in PARTS[name](Path(folder)):
                    show(row)


if __name__ == "__main__":
    main(sys.argv[1:])
