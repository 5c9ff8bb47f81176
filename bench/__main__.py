"""`make bench`: one table of goals and medians. Only ratios within one run count: machines are noisy."""

import contextlib
import json
import os
import platform
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import requests

from tests.process.service import ROOT, free_port, wait_until_it_answers

SERVERS = 1_000
ROUNDS = 5
SECONDS = 4
CONNECTIONS = 32
WORKERS = 2


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    what: str
    goal: float
    measured: float
    note: str


@contextlib.contextmanager
def serving(application: str, store: Path) -> Iterator[str]:
    """The base URL of an application under the service's own gunicorn settings, without a line a request."""
    port = free_port()
    environment = {
        "PATH": os.environ["PATH"],
        "STATUS_STORE": str(store),
        "STATUS_ACCESS_LOG": "off",
        "WEB_CONCURRENCY": str(WORKERS),
    }
    command = [sys.executable, "-m", "gunicorn", "--bind", f"127.0.0.1:{port}", application]
    with store.with_suffix(".log").open("ab") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log, start_new_session=True)
    try:
        wait_until_it_answers(f"http://127.0.0.1:{port}/health", process)
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def rate(url: str, script: str | None = None) -> float:
    """Answers a second under load. An answer that is no 2xx or 3xx ends the bench: it would count as fast."""
    command = ["wrk", "-t2", f"-c{CONNECTIONS}", f"-d{SECONDS}s", *(["-s", f"bench/{script}"] if script else []), url]
    environment = {**os.environ, "SERVERS": str(SERVERS)}
    output = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in output or "Socket errors" in output:
        sys.exit(f"{url} did not answer every request:\n{output}")
    return float(re.findall(r"Requests/sec:\s+([\d.]+)", output)[0])


def filled(base: str) -> None:
    """Put SERVERS servers on the board."""
    fleet = [{"server_group": f"group-{n % 20}", "host": f"host-{n}", "changed_files": []} for n in range(SERVERS)]
    requests.post(f"{base}/status/cron", json=fleet, timeout=60).raise_for_status()


def measured(folder: Path) -> list[Row]:
    """Every row, each round all of them in turn, so that a slow minute hits all alike."""
    reports, bare, obvious, reads, bare_reads = [], [], [], [], []
    obvious_store = folder / "obvious.json"
    obvious_store.write_text(
        json.dumps({f"group/{n}": {"server_group": "group", "host": str(n)} for n in range(SERVERS)})
    )
    ready = folder / "ready.json"
    with (
        serving("app:app", folder / "status.json") as service,
        serving("bench.peers:obvious()", obvious_store) as simple,
    ):
        filled(service)
        ready.write_bytes(requests.get(f"{service}/status", timeout=60).content)
        with serving("bench.peers:bare()", ready) as plain:
            for _ in range(ROUNDS):
                reports.append(rate(service, "reports.lua"))
                bare.append(rate(plain, "reports.lua"))
                obvious.append(rate(simple, "reports.lua"))
                reads.append(rate(f"{service}/status"))
                bare_reads.append(rate(f"{plain}/status"))
    return [
        Row(f"stored reports a second at {SERVERS:,} servers", 1_000, statistics.median(reports), "absolute"),
        Row("the same / bare Flask", 0.75, ratio(reports, bare), f"bare {statistics.median(bare):,.0f}/s"),
        Row(
            "the same / the obvious program", 1, ratio(reports, obvious), f"obvious {statistics.median(obvious):,.0f}/s"
        ),
        Row(
            "GET /status / bare with the same ready bytes",
            0.8,
            ratio(reads, bare_reads),
            f"{statistics.median(reads):,.0f}/s against {statistics.median(bare_reads):,.0f}/s",
        ),
    ]


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """The median of the ratios, round by round."""
    return statistics.median(a / b for a, b in zip(ours, theirs, strict=True))


def main() -> None:
    """Measure and print."""
    if not shutil.which("wrk"):
        sys.exit("make bench needs wrk: apt-get install wrk")
    with tempfile.TemporaryDirectory() as folder:
        rows = measured(Path(folder))
    print(
        f"\n{os.cpu_count()} cores, Python {platform.python_version()}, {WORKERS} workers, {CONNECTIONS} connections,"
    )
    print(f"medians of {ROUNDS} rounds of {SECONDS} s each, the load on the same machine.\n")
    print("| what | goal | measured | | baseline |\n|---|---|---|---|---|")
    for row in rows:
        verdict = "pass" if row.measured >= row.goal else "short"
        print(f"| {row.what} | {row.goal:,} | {row.measured:,.2f} | {verdict} | {row.note} |")


if __name__ == "__main__":
    main()
