"""GET /workers: what is done by the clock, and whether it is."""

from collections.abc import Callable

from flask import Blueprint, Response

from domain.freshness import Moment
from domain.workers import WorkerRow
from operations.workers import workers
from storage import Store
from web.base.answers import private_json
from web.base.describe import Description, describes
from web.base.examples import SERVER

_ROW: WorkerRow = {
    "worker": "sweeper",
    "running": True,
    "leader": "status-1 4711",
    "interval": 60,
    "last_run": SERVER["timestamp"],
    "last_seconds": 0.004,
    "runs": 1_440,
    "failures": 0,
    "backlog": 0,
    "message": "",
}


def routes(store: Store, get_moment: Callable[[], Moment]) -> Blueprint:
    """The route that the workers are seen by."""
    blueprint = Blueprint("workers", __name__)

    @blueprint.get("/workers")
    @describes(
        Description("A row a worker", list[WorkerRow], [_ROW], scope="admin", groups="none", door="locked"),
    )
    def list_workers() -> Response:
        return private_json(workers(store, get_moment()))

    return blueprint
