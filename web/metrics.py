"""GET /metrics: the fleet as Prometheus reads it, and what is measured of the service itself (API.md, section 9)."""

import os
import zlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from functools import cache
from itertools import chain
from typing import Any, NamedTuple

from flask import Blueprint, Flask, Response, g, request
from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from config import VERSION
from domain.errors import Unavailable
from domain.freshness import Computed, Moment, computed
from domain.server import STATUSES, Server
from domain.times import epoch
from storage import Store
from web.openapi import MOMENT, SERVER, Description, describes
from web.requests import seconds_taken

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
GZIP = 31  # what zlib calls it: its largest window, and 16 for the frame
SOURCES = ("pipeline", "cron", "legacy")
# By the route, so that a report counts too that gets no further than to be asked for a token.
_SOURCES = dict(
    zip(("reports.report_pipeline", "reports.report_cron", "legacy.post_legacy_status"), SOURCES, strict=True)
)
RESULTS = ("stored", "refused", "failed")
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

# A series more for each counter, which only one of the library's two modes shows.
disable_created_metrics()  # type: ignore[no-untyped-call]  # it has no types


class Measured:
    """What is measured while the service works; each app has its own.

    The library adds up over several processes by files in a folder: gunicorn.conf.py makes it, and says so to the
    library in PROMETHEUS_MULTIPROC_DIR.
    """

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        reports = Counter(
            "gitops_reports_total",
            "Reports by source and by what became of them.",
            ("source", "result"),
            registry=self._registry,
        )
        requests = Histogram(
            "gitops_http_request_duration_seconds",
            "How long requests took to be answered.",
            ("method", "route", "code"),
            buckets=SECONDS,
            registry=self._registry,
        )
        commits = Histogram(
            "gitops_store_commit_duration_seconds",
            "How long a commit took until it was on disk.",
            buckets=SECONDS,
            registry=self._registry,
        )
        self.committed: Callable[[float], None] = commits.observe
        self._ignored_fields = Counter(
            "gitops_ignored_fields_total",
            "Names in reports that are no field and were ignored, each once a request.",
            registry=self._registry,
        )
        # All are there from the start, at 0: of a counter that begins at 1, rate() does not see the first.
        self._reports = {(source, result): reports.labels(source, result) for source in SOURCES for result in RESULTS}
        self._requests = cache(requests.labels)  # to look up a label's child takes longer than to count

    def register(self, app: Flask) -> None:
        """Measure each request of the app."""
        app.after_request(self._answered)

    def text(self) -> bytes:
        """The metrics in the text format, added up over all processes of the service."""
        registry = self._registry
        if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
            registry = CollectorRegistry()
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # it has no types
        return generate_latest(registry)

    def _answered(self, response: Response) -> Response:
        code = response.status_code
        # Whoever makes up paths and methods makes no new series.
        route = request.url_rule.rule if request.url_rule else "unknown"
        method = request.method if request.method in METHODS else "unknown"
        self._requests(method, route, code).observe(seconds_taken())
        if source := _SOURCES.get(request.endpoint or ""):
            if code < 400:
                self._reports[source, "stored"].inc(g.reports)
                if count := g.get("ignored_fields"):
                    self._ignored_fields.inc(count)
            else:
                self._reports[source, "refused" if code < 500 else "failed"].inc()
        return response


class _Gauge(NamedTuple):
    """A metric of each server: its name without the prefix, its help, and its value, None for no series."""

    name: str
    meaning: str
    value: Callable[[Server, Computed], int | None]


_GAUGES = (
    _Gauge("problem", "1 if not all is proven good: the one to alert on.", lambda _, now: now["problem"]),
    _Gauge("stale", "1 if drift checks were seen once, and none for too long.", lambda _, now: int(now["stale"])),
    _Gauge("changed_files", "How many files the last report named.", lambda _, now: now["changed_files_count"]),
    _Gauge(
        "last_pipeline_timestamp_seconds",
        "When a pipeline last reported.",
        lambda server, _: _seconds(server["last_pipeline_run"]),
    ),
    _Gauge(
        "last_check_timestamp_seconds",
        "When a drift check last reported.",
        lambda server, _: _seconds(server["last_cron_check"]),
    ),
    _Gauge(
        "status_since_timestamp_seconds",
        "When the status took its present value.",
        lambda server, _: _seconds(server["status_since"]),
    ),
)
_ESCAPED = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


def routes(store: Store, now: Callable[[], Moment], measured: Measured) -> Blueprint:
    """The route that Prometheus scrapes."""
    blueprint = Blueprint("metrics", __name__)

    @blueprint.get("/metrics")
    @describes(
        Description(
            "The fleet and the service in the Prometheus text format",
            None,
            None,
            media={"text/plain": b"".join(_fleet([SERVER], MOMENT)).decode()},
        )
    )
    def show_metrics() -> Response:
        servers: Collection[Server] = ()
        try:
            store.check(writes=False)
            servers, is_ready = store.snapshot().records.values(), 1
        except Unavailable:
            is_ready = 0
        return _answer(
            chain(
                [
                    _family("gitops_build_info", "The version of the service.", [(f'{{version="{VERSION}"}}', 1)]),
                    _family("gitops_store_ready", "1 if the store can be read and written.", [("", is_ready)]),
                    _family(
                        "gitops_store_behind_seconds",
                        "For how long the file has not shown all that was acknowledged.",
                        [("", int(store.behind_seconds()))],
                    ),
                    _family("gitops_store_journal_bytes", "The size of the journal.", [("", store.journal_size())]),
                    measured.text(),
                ],
                _fleet(servers, now()) if is_ready else (),
            )
        )

    return blueprint


def _fleet(servers: Collection[Server], moment: Moment) -> Iterator[bytes]:
    """The metrics of the servers.

    Our own lines: the library takes 0.7 s for 10,000 servers, these 0.1 s. None are kept, as in a fleet of that size
    something is reported between any two scrapes.
    """
    rows = [(_labels(server), server, computed(server, moment)) for server in servers]
    yield _family(
        "gitops_server_status",
        "1 for the status that the server has, 0 for the others.",
        (
            (f'{{{labels},status="{status}"}}', int(server["status"] == status))
            for labels, server, _ in rows
            for status in STATUSES
        ),
    )
    for name, meaning, value in _GAUGES:
        numbers = ((f"{{{labels}}}", value(server, now)) for labels, server, now in rows)
        yield _family(f"gitops_server_{name}", meaning, numbers)
    problems = dict.fromkeys([server["server_group"] for server in servers], 0)
    for _, server, now in rows:
        problems[server["server_group"]] += now["problem"]
    yield _family(
        "gitops_group_problems",
        "How many servers of the group have problem 1.",
        ((f"{{{_label('server_group', group)}}}", count) for group, count in problems.items()),
    )


def _family(name: str, meaning: str, samples: Iterable[tuple[str, int | None]]) -> bytes:
    """One metric in the text format, in which all its samples stand together."""
    head = f"# HELP {name} {meaning}\n# TYPE {name} gauge\n"
    lines = [f"{name}{labels} {number}\n" for labels, number in samples if number is not None]
    return "".join([head, *lines]).encode()


def _labels(server: Server) -> str:
    names = ("server_group", "host", "server_type", "environment")
    fields: Mapping[str, Any] = server
    return ",".join([_label(name, fields[name]) for name in names])


def _label(name: str, text: str) -> str:
    return f'{name}="{text.translate(_ESCAPED)}"'


def _seconds(time: str | None) -> int | None:
    return None if time is None else epoch(time)


def _answer(metrics: Iterable[bytes]) -> Response:
    """The metrics, each compressed as it is made if the scraper takes that: a large fleet is never whole in memory."""
    response = Response(content_type=CONTENT_TYPE)
    response.headers["Vary"] = "Accept-Encoding"
    if request.accept_encodings.quality("gzip") > 0:
        packer = zlib.compressobj(level=1, wbits=GZIP)
        response.data = b"".join(map(packer.compress, metrics)) + packer.flush()
        response.headers["Content-Encoding"] = "gzip"
    else:
        response.data = b"".join(metrics)
    return response
