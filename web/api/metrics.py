"""GET /metrics: the fleet as Prometheus reads it, and what is measured of the service itself (API.md, section 9)."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from itertools import chain
from typing import Any, NamedTuple

from flask import Blueprint, Response, request

from config import VERSION
from domain.freshness import Computed, Moment, computed
from domain.server import STATUSES, Server
from domain.times import epoch
from operations.service import figures
from storage import Store
from web.base.answers import Packed, in_pieces, send
from web.base.describe import Description, describes
from web.base.examples import MOMENT, SERVER
from web.base.measured import ServiceMetrics, head

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


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


def routes(store: Store, get_moment: Callable[[], Moment], measured: ServiceMetrics) -> Blueprint:
    """The route that Prometheus scrapes."""
    blueprint = Blueprint("metrics", __name__)

    @blueprint.get("/metrics")
    @describes(
        Description(
            "The fleet and the service in the Prometheus text format",
            None,
            None,
            media={"text/plain": b"".join(_fleet([SERVER], MOMENT)).decode()},
            scope="read",
            groups="none",
            door="metrics",
        )
    )
    def show_metrics() -> Response:
        kept = figures(store)
        return _answer(
            chain(
                _family("gitops_build_info", "The version of the service.", [(f'{{version="{VERSION}"}}', 1)]),
                _family("gitops_store_ready", "1 if the store can be read and written.", [("", int(kept.is_ready))]),
                _family(
                    "gitops_store_behind_seconds",
                    "For how long the file has not shown all that was acknowledged.",
                    [("", kept.behind_seconds)],
                ),
                _family("gitops_store_journal_bytes", "The size of the journal.", [("", kept.journal_bytes)]),
                measured.text(),
                _fleet(kept.servers.values(), get_moment()) if kept.is_ready else (),
            )
        )

    return blueprint


def _fleet(servers: Collection[Server], moment: Moment) -> Iterator[bytes]:
    """The metrics of the servers. None are kept, as in a large fleet something is reported between any two scrapes."""
    rows = [(_labels(server), server, computed(server, moment)) for server in servers]
    yield from _family(
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
        yield from _family(f"gitops_server_{name}", meaning, numbers)
    problems = dict.fromkeys([server["server_group"] for server in servers], 0)
    for _, server, now in rows:
        problems[server["server_group"]] += now["problem"]
    yield from _family(
        "gitops_group_problems",
        "How many servers of the group have problem 1.",
        ((f"{{{_label('server_group', group)}}}", count) for group, count in problems.items()),
    )


def _family(name: str, meaning: str, samples: Iterable[tuple[str, int | None]]) -> Iterator[bytes]:
    """One metric in the text format, in which all its samples stand together."""
    yield head(name, "gauge", meaning)
    yield from in_pieces(f"{name}{labels} {number}\n" for labels, number in samples if number is not None)


def _labels(server: Server) -> str:
    names = ("server_group", "host", "server_type", "environment")
    fields: Mapping[str, Any] = server
    return ",".join([_label(name, fields[name]) for name in names])


def _label(name: str, text: str) -> str:
    return f'{name}="{text.translate(_ESCAPED)}"'


def _seconds(time: str | None) -> int | None:
    return None if time is None else epoch(time)


def _answer(metrics: Iterable[bytes]) -> Response:
    """The metrics, compressed as they are made if the scraper takes that: a large fleet is never whole in memory."""
    response = Response(content_type=CONTENT_TYPE)
    response.headers["Vary"] = "Accept-Encoding"
    if request.accept_encodings.quality("gzip") > 0:
        send(response, Packed(metrics).compressed())
        response.headers["Content-Encoding"] = "gzip"
    else:
        send(response, list(metrics))
    return response
