"""POST /status/pipeline and /status/cron."""

import logging
import threading
from collections.abc import Callable, Iterable
from typing import Annotated, Literal

from flask import Blueprint, Response, request
from pydantic import Field

from config import Settings
from domain.freshness import Moment
from domain.report import MAX_REPORTS, CronReport, PipelineReport, Reports, read_reports
from operations.servers import take_reports
from storage import Store
from web.base.answers import FullRecord, full, json_response
from web.base.bodies import read_report_body, turn
from web.base.describe import Description, describes
from web.base.examples import DRIFT_EXAMPLE, REPORT_EXAMPLE, SERVER_EXAMPLE
from web.base.guard import Guard
from web.base.notes import notes

MAX_NAMED = 50
MAX_NAME = 80
MAX_TOLD = 10_000  # names that are no field, each once a client: whoever reports can make them up

logger = logging.getLogger("gitops_status")

_ONE_REQUEST = Field(min_length=1, max_length=MAX_REPORTS)
_STATUSES = (200, 201, 400, 413, 415, 503)


def routes(store: Store, guard: Guard, settings: Settings, get_moment: Callable[[], Moment]) -> Blueprint:
    """The two routes that reports come in by."""
    blueprint = Blueprint("reports", __name__)
    notices = _Notices()

    def stored(source: Literal["pipeline", "cron"]) -> Response:
        body = read_report_body(settings.max_body)
        with turn(body):
            moment = get_moment()
            return answer(read_reports(source, body, moment.now), moment)

    def answer(given: Reports, moment: Moment) -> Response:
        notes().about = _key(given)
        actor = guard.check_groups(given.reports)
        reported = take_reports(store, moment, given.reports, actor)
        notes().reports, notes().ignored_fields = len(given.reports) - reported.ignored, len(given.ignored)
        records = [full(server, moment) for server in reported.servers]
        response = json_response(records if given.is_array else records[0], 201 if reported.is_created else 200)
        if reported.ignored:
            response.headers["X-Reports-Ignored"] = str(reported.ignored)
        if given.ignored:
            names = list(_printable(given.ignored))
            response.headers["X-Ignored-Fields"] = ", ".join(names[:MAX_NAMED])
            notices.tell(actor or request.remote_addr or "without an address", names)
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
            groups="body",
            counter="pipeline",
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
            groups="body",
            counter="cron",
        )
    )
    def report_cron() -> Response:
        return stored("cron")

    return blueprint


class _Notices:
    """Tells those who run the service which names that are no field a client sends: each once in this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._told = set[tuple[str, str]]()

    def tell(self, client: str, names: Iterable[str]) -> None:
        """Log the names that this client did not send before."""
        with self._lock:
            for name in names:
                if (client, name) in self._told or len(self._told) >= MAX_TOLD:
                    continue
                self._told.add((client, name))
                logger.warning('The client %s sends "%s", which is no field and is ignored.', client, name)
                if len(self._told) == MAX_TOLD:
                    logger.warning("No more names that are no field are logged: these were %d.", MAX_TOLD)


def _key(given: Reports) -> str:
    """The server of a request, for its log line."""
    more = len(given.reports) - 1
    return given.reports[0].key + (f" and {more} more" if more else "")


def _printable(names: Iterable[str]) -> Iterable[str]:
    """Names fit for a header: whoever sent them cannot put a line end, or another header, into our answer."""
    for name in names:
        yield "".join(letter if " " <= letter <= "~" else "?" for letter in name[:MAX_NAME])
