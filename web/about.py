"""GET /, /openapi.json and /docs: what there is, for people and programs."""

from collections.abc import Callable
from functools import cache
from typing import Any

from flask import Blueprint, Response, current_app, render_template, request
from typing_extensions import TypedDict

import operations
from config import VERSION
from domain.freshness import Moment, computed
from domain.query import read_query
from storage import Store
from web.openapi import PAGE_MEDIA, Description, describes, document
from web.present import Ready, json_bytes, json_response, reading

API_VERSION = "2.0"
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


class About(TypedDict):
    """The service and where to go on."""

    name: str
    version: str
    api_version: str
    status: str
    summary: str
    groups: str
    history: str
    events: str
    pipeline: str
    cron: str
    legacy: str
    health: str
    ready: str
    metrics: str
    openapi: str
    docs: str


_ABOUT: About = {
    "name": "gitops-status",
    "version": VERSION,
    "api_version": API_VERSION,
    "status": "/status",
    "summary": "/summary",
    "groups": "/groups",
    "history": "/history",
    "events": "/events",
    "pipeline": "/status/pipeline",
    "cron": "/status/cron",
    "legacy": "/api/status",
    "health": "/health",
    "ready": "/ready",
    "metrics": "/metrics",
    "openapi": "/openapi.json",
    "docs": "/docs",
}


def routes(store: Store, now: Callable[[], Moment]) -> Blueprint:
    """The routes that say what this is."""
    blueprint = Blueprint("about", __name__)

    @cache
    def described() -> dict[str, Any]:
        return document(current_app)

    @cache
    def described_bytes() -> Ready:
        return Ready(json_bytes(described()))

    @blueprint.get("/")
    @describes(Description("What this is; a browser gets the board as a page", About, _ABOUT, media=PAGE_MEDIA))
    def about() -> Response:
        if "text/html" not in request.headers.get("Accept", ""):
            response = json_response(_ABOUT)
        else:
            moment = now()
            everything = read_query((), moment.now, pages=False)
            servers = operations.find(store, moment, everything).servers.values()
            response = _page(
                "board.html",
                summary=operations.summary(store, moment, everything),
                servers=[(server, computed(server, moment)) for server in servers],
            )
        response.headers["Vary"] = "Accept"
        return response

    @blueprint.get("/openapi.json")
    @describes(Description("This document", dict[str, object], {"openapi": "3.1.0"}, statuses=(200, 304)))
    def openapi() -> Response:
        return reading(described_bytes())

    @blueprint.get("/docs")
    @describes(Description("This document as a page", None, None, media=PAGE_MEDIA))
    def docs() -> Response:
        return _page("docs.html", document=described(), base_url=request.host_url.rstrip("/"))

    return blueprint


def _page(template: str, **values: object) -> Response:
    response = Response(render_template(template, **values), mimetype="text/html")
    response.headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
    return response
