"""GET /values."""

from collections.abc import Callable

from flask import Blueprint, Response, request

from domain.freshness import Moment
from domain.query import FIELD, FILTERS, read_query
from domain.summary import Value, value_rows
from operations.servers import find
from storage import Store
from web.base.answers import Ready, json_bytes, reading
from web.base.describe import Description, describes
from web.base.examples import SERVER


def routes(store: Store, get_moment: Callable[[], Moment]) -> Blueprint:
    """The route that a board's choices are filled from, which needs no whole fleet."""
    blueprint = Blueprint("values", __name__)

    @blueprint.get("/values")
    @describes(
        Description(
            "The values of a field, and how many servers have each",
            list[Value],
            value_rows([SERVER], "environment"),
            parameters=(FIELD, *FILTERS),
            statuses=(200, 304, 400, 503),
            scope="read",
            groups="filters",
        )
    )
    def list_values() -> Response:
        moment = get_moment()
        query = read_query(request.args.items(multi=True), moment.now, pages=False, needs_field=True)
        servers = find(store, moment, query).servers
        return reading(Ready(json_bytes(value_rows(servers.values(), query.field))))

    return blueprint
