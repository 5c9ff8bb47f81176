"""GET /status and below, and DELETE of a server."""

from collections.abc import Callable

from flask import Blueprint, Response, g, request

from domain.freshness import Moment
from domain.query import FILTERS, PAGE, read_query
from operations.servers import delete, find, show
from storage import Store
from web.api.board import Board
from web.base.answers import FullRecord, Ready, full, json_bytes, reading
from web.base.describe import Description, describes
from web.base.examples import ROW_EXAMPLE, SERVER_EXAMPLE
from web.base.openapi import Row

_READ = (200, 304, 400, 503)


def routes(store: Store, get_moment: Callable[[], Moment]) -> Blueprint:
    """The routes that the board is read by."""
    blueprint = Blueprint("status", __name__)
    board = Board()

    def listed(server_group: str | None = None) -> Response:
        moment = get_moment()
        query = read_query(request.args.items(multi=True), moment.now, pages=True)
        found = find(store, moment, query, server_group)
        response = reading(board.array(found.parts, moment))
        if query.is_paged:
            response.headers["X-Total-Count"] = str(found.total)
        return response

    @blueprint.get("/status")
    @describes(
        Description(
            "Every server as a flat row",
            list[Row],
            [ROW_EXAMPLE],
            parameters=FILTERS + PAGE,
            statuses=_READ,
            scope="read",
            groups="filters",
        )
    )
    def list_servers() -> Response:
        return listed()

    @blueprint.get("/status/<server_group>")
    @describes(
        Description(
            "The servers of one group as flat rows",
            list[Row],
            [ROW_EXAMPLE],
            parameters=FILTERS + PAGE,
            statuses=(*_READ, 404),
            scope="read",
            groups="path",
        )
    )
    def list_group(server_group: str) -> Response:
        return listed(server_group)

    @blueprint.get("/status/<server_group>/<host>")
    @describes(
        Description(
            "One server",
            FullRecord,
            SERVER_EXAMPLE,
            statuses=(200, 304, 404, 503),
            scope="read",
            groups="path",
        )
    )
    def show_server(server_group: str, host: str) -> Response:
        return reading(Ready(json_bytes(full(show(store, server_group, host), get_moment()))))

    @blueprint.delete("/status/<server_group>/<host>")
    @describes(
        Description(
            "Take a decommissioned server off the board", None, None, statuses=(204, 404), scope="admin", groups="path"
        )
    )
    def delete_server(server_group: str, host: str) -> Response:
        delete(store, get_moment(), server_group, host, g.rights.label)
        return Response(status=204)

    return blueprint
