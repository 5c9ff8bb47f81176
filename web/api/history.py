"""GET /history, /history/summary and /events, and the history of one server."""

from collections.abc import Callable, Sequence
from typing import cast

from flask import Blueprint, Response, request

from domain.freshness import Moment
from domain.history import Entry, change_entry
from domain.timeline import (
    HISTORY_PARAMETERS,
    SUMMARY_PARAMETERS,
    Annotation,
    FullHistoryRow,
    HistoryRow,
    StatusCounts,
    annotation,
    annotations,
    full_history_row,
    history_row,
    read_steps,
    read_window,
)
from operations.history import HistoryReading, events, history, history_summary, server_history
from storage import Store
from web.base.answers import Ready, json_bytes, reading
from web.base.describe import Description, describes
from web.base.examples import SERVER

_STATUSES = (200, 304, 400, 503)
_ENTRY = cast(Entry, change_entry(None, SERVER, "pipeline"))
_COUNTS: StatusCounts = {
    "time": SERVER["timestamp"], "synced": 1, "out_of_sync": 0, "failed": 0, "unknown": 0, "total": 1,
}  # fmt: skip


def routes(store: Store, get_moment: Callable[[], Moment]) -> Blueprint:
    """The routes that look back."""
    blueprint = Blueprint("history", __name__)

    @blueprint.get("/history")
    @describes(
        Description(
            "What changed and when, in long rows; with `from`, the states in force then come first",
            list[HistoryRow],
            [history_row(_ENTRY)],
            parameters=HISTORY_PARAMETERS,
            statuses=_STATUSES,
            scope="read",
            groups="filters",
        )
    )
    def list_history() -> Response:
        window = read_window(request.args.items(multi=True), get_moment())
        told = history(store, window)
        rows = [history_row(entry, window.since) for entry in told.in_force]
        return _answer(told, rows + list(map(history_row, told.entries)))

    @blueprint.get("/status/<server_group>/<host>/history")
    @describes(
        Description(
            "What changed on one server and when, with the files",
            list[FullHistoryRow],
            [full_history_row(_ENTRY)],
            parameters=HISTORY_PARAMETERS,
            statuses=(*_STATUSES, 404),
            scope="read",
            groups="path",
        )
    )
    def list_server_history(server_group: str, host: str) -> Response:
        window = read_window(request.args.items(multi=True), get_moment())
        told = server_history(store, window, server_group, host)
        rows = [full_history_row(entry, window.since) for entry in told.in_force]
        return _answer(told, rows + list(map(full_history_row, told.entries)))

    @blueprint.get("/history/summary")
    @describes(
        Description(
            "How many servers had which status, at each step of time",
            list[StatusCounts],
            [_COUNTS],
            parameters=SUMMARY_PARAMETERS,
            statuses=_STATUSES,
            scope="read",
            groups="filters",
        )
    )
    def summarize_history() -> Response:
        steps = read_steps(request.args.items(multi=True), get_moment())
        return reading(Ready(json_bytes(history_summary(store, steps))))

    @blueprint.get("/events")
    @describes(
        Description(
            "Status changes, creations and deletions as annotations",
            list[Annotation],
            [annotation(_ENTRY)],
            parameters=HISTORY_PARAMETERS,
            statuses=_STATUSES,
            scope="read",
            groups="filters",
        )
    )
    def list_events() -> Response:
        window = read_window(request.args.items(multi=True), get_moment())
        told = events(store, window)
        return _answer(told, annotations(told.entries, window.limit, has_more=told.has_more))

    return blueprint


def _answer(told: HistoryReading, rows: Sequence[object]) -> Response:
    response = reading(Ready(json_bytes(rows)))
    if told.has_more:
        response.headers["X-More"] = "true"
    return response
