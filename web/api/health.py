"""GET /health and /ready."""

from typing import NotRequired

from flask import Blueprint, Response
from typing_extensions import TypedDict

from operations import service
from storage import Store
from web.base.answers import json_response
from web.base.describe import Description, describes


class Health(TypedDict):
    """All is well; or it will do, and a notice says what to see to."""

    status: str
    notice: NotRequired[str]


_OK: Health = {"status": "ok"}


def routes(store: Store) -> Blueprint:
    """The routes that an orchestrator probes."""
    blueprint = Blueprint("health", __name__)

    @blueprint.get("/health")
    @describes(Description("Whether the process answers", Health, _OK, scope=None, groups="none"))
    def health() -> Response:
        return json_response(_OK)

    @blueprint.get("/ready")
    @describes(
        Description(
            "Whether the store can be read and written", Health, _OK, statuses=(200, 503), scope=None, groups="none"
        )
    )
    def ready() -> Response:
        notice = service.ready(store)
        return json_response({**_OK, "notice": notice} if notice else _OK)

    return blueprint
