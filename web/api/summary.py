"""GET /summary and /groups."""

from collections.abc import Callable, Iterable

from flask import Blueprint, Response, request

from domain.freshness import Moment, holds_until
from domain.query import FILTERS, read_query
from domain.server import Server
from domain.summary import Group, Summary, group_rows, summarize
from operations.servers import find
from storage import Store
from web.base.answers import Body, FleetCache, Ready, json_bytes, reading
from web.base.describe import Description, describes
from web.base.examples import MOMENT, SERVER

_STATUSES = (200, 304, 400, 503)


def routes(store: Store, get_moment: Callable[[], Moment]) -> Blueprint:
    """The routes that count."""
    blueprint = Blueprint("summary", __name__)
    summary, groups = FleetCache(), FleetCache()

    def counted(kept: FleetCache, count: Callable[[Iterable[Server], Moment], object]) -> Response:
        moment = get_moment()
        query = read_query(request.args.items(multi=True), moment.now, pages=False)
        servers = find(store, moment, query).servers

        def make() -> tuple[Body, float]:
            return Ready(json_bytes(count(servers.values(), moment))), holds_until(servers.values(), moment)

        return reading(kept.body(servers, moment, make))

    @blueprint.get("/summary")
    @describes(
        Description(
            "The fleet in one row of counts",
            Summary,
            summarize([SERVER], MOMENT),
            parameters=FILTERS,
            statuses=_STATUSES,
            scope="read",
            groups="filters",
        )
    )
    def show_summary() -> Response:
        return counted(summary, summarize)

    @blueprint.get("/groups")
    @describes(
        Description(
            "Each group in one row of counts",
            list[Group],
            group_rows([SERVER], MOMENT),
            parameters=FILTERS,
            statuses=_STATUSES,
            scope="read",
            groups="filters",
        )
    )
    def list_groups() -> Response:
        return counted(groups, group_rows)

    return blueprint
