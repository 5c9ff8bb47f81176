"""What a worker holds once everything was asked, and every server has changed."""

from collections.abc import Iterator
from pathlib import Path

import requests

from bench import programs
from bench.load import fill
from bench.table import Row

READINGS = (
    "/status",
    "/summary",
    "/groups",
    "/history",
    "/history/summary",
    "/events",
    "/metrics",
    "/values?field=host",
)
PAGES = ("/", "/problems")
GOALS = {10_000: (110, None), 100_000: (400, 500)}  # MB, and at the peak


def memory(folder: Path) -> Iterator[Row]:
    """Every reading and page of each worker, then a change of each server, twice."""
    for servers, (steady, peak) in GOALS.items():
        (folder / str(servers)).mkdir()
        with programs.service(folder / str(servers)) as service:
            for change in range(3):
                fill(service.url, servers, files=[f"/etc/{change}"])
                if change < 2:
                    ask(service.url)
            held, most = service.memory(), service.memory("VmHWM")
        what = f"memory of a worker at {servers:,} servers, all asked, then each changed"
        yield Row(what, steady, held, "MB", is_most=True)
        yield Row(f"{what}, at its peak", peak, most, "MB", is_most=True)


def ask(url: str) -> None:
    """Ask for everything, so often that each worker has had it."""
    for path in [*READINGS, "/metrics", *PAGES] * 4:
        accept = "text/html" if path in PAGES else "*/*"
        requests.get(url + path, headers={"Accept": accept}, timeout=120).raise_for_status()
