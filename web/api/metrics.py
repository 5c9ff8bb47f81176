"""GET /metrics: the fleet as Prometheus reads it, and what is measured of the service itself (API.md, section 9)."""

import zlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from itertools import chain
from typing import Any, NamedTuple

from flask import Blueprint, Response, request

from config import VERSION
from domain import kinds
from domain.errors import Unavailable
from domain.freshness import Computed, Moment, computed
from domain.server import STATUSES, Server
from domain.times import epoch
from storage import Store
from web.base.measured import Measured, head
from web.base.openapi import MOMENT, SERVER, Description, describes

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
GZIP = 31  # what zlib calls it: its largest window, and 16 for the frame


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
            servers, is_ready = store.snapshot().table(kinds.SERVER).records.values(), 1
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
                ],
                measured.text(),
                _fleet(servers, now()) if is_ready else (),
            )
        )

    return blueprint


def _fleet(servers: Collection[Server], moment: Moment) -> Iterator[bytes]:
    """The metrics of the servers. None are kept, as in a large fleet something is reported between any two scrapes."""
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
    lines = [f"{name}{labels} {number}\n" for labels, number in samples if number is not None]
    return head(name, "gauge", meaning) + "".join(lines).encode()


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
