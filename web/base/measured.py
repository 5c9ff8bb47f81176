"""What is measured of the service itself while it works: reports, requests, commits (API.md, section 9)."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import accumulate
from typing import get_args

from flask import Flask, Response, request

from web.base.bodies import seconds_taken
from web.base.counters import Counts
from web.base.describe import Counter, description_of
from web.base.notes import notes

SOURCES: tuple[Counter, ...] = get_args(Counter)
RESULTS = ("stored", "refused", "failed")
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
BOUNDS = (*map(str, SECONDS), "+Inf")  # a duration has a number for each, and behind them one for the sum

REPORTS = "gitops_reports_total"
IGNORED_FIELDS = "gitops_ignored_fields_total"
REQUESTS = "gitops_http_request_duration_seconds"
COMMITS = "gitops_store_commit_duration_seconds"
COUNTERS = (
    (REPORTS, "Reports by source and by what became of them."),
    (IGNORED_FIELDS, "Names in reports that are no field and were ignored, each once a request."),
)
DURATIONS = (
    (REQUESTS, "How long requests took to be answered."),
    (COMMITS, "How long a commit took until it was on disk."),
)


class ServiceMetrics:
    """What is measured; each app has its own. It never fails a request: what cannot be counted is told as that."""

    def __init__(self) -> None:
        self.count_in(Counts())

    def count_in(self, counts: Counts) -> None:
        """Count there from now on, as a worker does that is one of several."""
        self._counts = counts
        # All are there from the start, at 0: of a counter that begins at 1, rate() does not see the first.
        reports = (_reports(source, result) for source in SOURCES for result in RESULTS)
        for series in (*reports, IGNORED_FIELDS, COMMITS):
            counts.add(series)

    def register(self, app: Flask) -> None:
        """Measure each request of the app."""
        app.after_request(self._answered)

    def committed(self, seconds: float) -> None:
        """Measure a commit."""
        self._took(COMMITS, seconds)

    def text(self) -> Iterator[bytes]:
        """The metrics in the text format, added up over all workers."""
        sums = self._counts.sums()
        yield head("gitops_counters_kept", "gauge", "1 if every worker can count; else there are no counters.")
        yield b"gitops_counters_kept %d\n" % (sums is not None)
        if sums is None:
            return
        for name, meaning in COUNTERS:
            yield head(name, "counter", meaning)
            yield from (f"{series} {numbers[0]}\n".encode() for series, numbers in _of(name, sums))
        for name, meaning in DURATIONS:
            yield head(name, "histogram", meaning)
            yield from (_histogram(series, numbers) for series, numbers in _of(name, sums))

    def _took(self, series: str, seconds: float) -> None:
        self._counts.add(series, (bisect_left(SECONDS, seconds), 1), (len(BOUNDS), seconds))

    def _answered(self, response: Response) -> Response:
        code = response.status_code
        # Whoever makes up paths and methods makes no new series.
        route = request.url_rule.rule if request.url_rule else "unknown"
        method = request.method if request.method in METHODS else "unknown"
        self._took(_requests(method, route, code), seconds_taken())
        # Keyed by route: a report that is refused for lack of a token counts, too.
        if (described := description_of(request.endpoint)) and (source := described.counter):
            if code < 400:
                self._counts.add(_reports(source, "stored"), (0, notes().reports))
                self._counts.add(IGNORED_FIELDS, (0, notes().ignored_fields))
            else:
                self._counts.add(_reports(source, "refused" if code < 500 else "failed"), (0, 1))
        return response


def head(name: str, kind: str, meaning: str) -> bytes:
    """What stands before the samples of a metric."""
    return f"# HELP {name} {meaning}\n# TYPE {name} {kind}\n".encode()


@cache
def _reports(source: str, result: str) -> str:
    return f'{REPORTS}{{result="{result}",source="{source}"}}'


@cache
def _requests(method: str, route: str, code: int) -> str:
    return f'{REQUESTS}{{code="{code}",method="{method}",route="{route}"}}'


def _of(name: str, sums: dict[str, list[float]]) -> Iterator[tuple[str, list[float]]]:
    """The series of a metric, sorted."""
    return ((series, sums[series]) for series in sorted(sums) if series.partition("{")[0] == name)


def _histogram(series: str, numbers: Sequence[float]) -> bytes:
    """The lines of a duration: how many took at most as long as each bound, how many there were, and their sum."""
    name, _, rest = series.partition("{")
    labels = rest.removesuffix("}")
    before, alone = (f"{labels},", f"{{{labels}}}") if labels else ("", "")
    within = list(accumulate(numbers[: len(BOUNDS)]))
    lines = [f'{name}_bucket{{{before}le="{bound}"}} {n}\n' for bound, n in zip(BOUNDS, within, strict=True)]
    lines += [f"{name}_count{alone} {within[-1]}\n", f"{name}_sum{alone} {numbers[len(BOUNDS)]}\n"]
    return "".join(lines).encode()
