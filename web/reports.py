"""POST /status/pipeline and /status/cron."""

from collections.abc import Callable, Iterable
from typing import Annotated, Literal

from flask import Blueprint, Response, g
from pydantic import Field

import operations
from config import Settings
from domain.freshness import Moment
from domain.report import MAX_REPORTS, CronReport, PipelineReport, Reports, read_reports
from storage import Store
from web.access import Guard
from web.openapi import DRIFT_EXAMPLE, REPORT_EXAMPLE, SERVER_EXAMPLE, Description, describes
from web.present import FullRecord, full, json_response
from web.requests import read_report_body

MAX_NAMED = 50
MAX_NAME = 80

_ONE_REQUEST = Field(min_length=1, max_length=MAX_REPORTS)
_STATUSES = (200, 201, 400, 413, 415, 503)


def routes(store: Store, guard: Guard, settings: Settings, now: Callable[[], Moment]) -> Blueprint:
    """The two routes that reports come in by."""
    blueprint = Blueprint("reports", __name__)

    def stored(source: Literal["pipeline", "cron"]) -> Response:
        given = read_reports(source, read_report_body(settings.max_body))
        g.server, g.reports = _key(given), len(given.reports)
        actor, moment = guard.admit(given.reports), now()
        reported = operations.report(store, moment, given.reports, actor)
        records = [full(server, moment) for server in reported.servers]
        response = json_response(records if given.is_array else records[0], 201 if reported.is_created else 200)
        if given.ignored:
            response.headers["X-Ignored-Fields"] = ", ".join(_printable(given.ignored[:MAX_NAMED]))
        return response

    @blueprint.post("/status/pipeline")
    @describes(
        Description(
            "Report that a deployment ran: one object, or an array of up to 1,000",
            FullRecord | list[FullRecord],
            SERVER_EXAMPLE,
            body=PipelineReport | Annotated[list[PipelineReport], _ONE_REQUEST],
            example=REPORT_EXAMPLE,
            statuses=_STATUSES,
            scope="pipeline",
        )
    )
    def report_pipeline() -> Response:
        return stored("pipeline")

    @blueprint.post("/status/cron")
    @describes(
        Description(
            "Report that a drift check ran: one object, or an array of up to 1,000",
            FullRecord | list[FullRecord],
            SERVER_EXAMPLE,
            body=CronReport | Annotated[list[CronReport], _ONE_REQUEST],
            example=DRIFT_EXAMPLE,
            statuses=_STATUSES,
            scope="cron",
        )
    )
    def report_cron() -> Response:
        return stored("cron")

    return blueprint


def _key(given: Reports) -> str:
    """The server of a request, for its log line."""
    more = len(given.reports) - 1
    return given.reports[0].key + (f" and {more} more" if more else "")


def _printable(names: Iterable[str]) -> Iterable[str]:
    """Names fit for a header: whoever sent them cannot put a line end, or another header, into our answer."""
    for name in names:
        yield "".join(letter if " " <= letter <= "~" else "?" for letter in name[:MAX_NAME])
