"""GET /status and below, /summary, and DELETE of a server."""

from collections.abc import Callable

from flask import Blueprint, Response, request

import operations
from domain.query import FILTERS, PAGE, Query, Summary, read_query, summarize
from storage import Store
from web.openapi import ROW_EXAMPLE, SERVER_EXAMPLE, Description, Row, describes
from web.present import FullRecord, Ready, Rows, full, json_bytes, reading

_READ = (200, 304, 400, 503)


def routes(store: Store, clock: Callable[[], float]) -> Blueprint:
    """The routes that the board is read by."""
    blueprint = Blueprint("status", __name__)
    rows = Rows()

    def listed(query: Query, server_group: str | None = None) -> Response:
        found = operations.find(store, query, server_group)
        whole = server_group is None and query.selects_all and not query.is_paged
        response = reading(rows.whole(found.servers) if whole else rows.some(found.servers))
        if query.is_paged:
            response.headers["X-Total-Count"] = str(found.total)
        return response

    @blueprint.get("/status")
    @describes(
        Description("Every server as a flat row", list[Row], [ROW_EXAMPLE], parameters=FILTERS + PAGE, statuses=_READ)
    )
    def list_servers() -> Response:
        return listed(_query(pages=True))

    @blueprint.get("/status/<server_group>")
    @describes(
        Description(
            "The servers of one group as flat rows",
            list[Row],
            [ROW_EXAMPLE],
            parameters=FILTERS + PAGE,
            statuses=(*_READ, 404),
        )
    )
    def list_group(server_group: str) -> Response:
        return listed(_query(pages=True), server_group)

    @blueprint.get("/status/<server_group>/<host>")
    @describes(Description("One server", FullRecord, SERVER_EXAMPLE, statuses=(200, 304, 404, 503)))
    def show_server(server_group: str, host: str) -> Response:
        return reading(Ready(json_bytes(full(operations.show(store, server_group, host)))))

    @blueprint.delete("/status/<server_group>/<host>")
    @describes(Description("Take a decommissioned server off the board", None, None, statuses=(204, 404, 503)))
    def delete_server(server_group: str, host: str) -> Response:
        operations.delete(store, clock(), server_group, host)
        return Response(status=204)

    @blueprint.get("/summary")
    @describes(
        Description("The fleet in one row of counts", Summary, summarize([]), parameters=FILTERS, statuses=_READ)
    )
    def show_summary() -> Response:
        return reading(Ready(json_bytes(operations.summary(store, _query(pages=False)))))

    return blueprint


def _query(*, pages: bool) -> Query:
    return read_query(request.args.items(multi=True), pages=pages)
