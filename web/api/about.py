"""GET /openapi.json and /docs."""

from functools import cache
from typing import Any

from flask import Blueprint, Response, current_app, request

from web.base.answers import Ready, json_bytes, reading
from web.base.describe import Description, describes
from web.base.guard import Guard
from web.base.openapi import document
from web.base.page import PAGE_MEDIA, page, page_response


def routes(guard: Guard) -> Blueprint:
    """The routes that say what this is."""
    blueprint = Blueprint("about", __name__)

    @cache
    def described() -> dict[str, Any]:
        return document(current_app, guard.needs)

    @cache
    def described_bytes() -> Ready:
        return Ready(json_bytes(described()))

    @blueprint.get("/openapi.json")
    @describes(
        Description(
            "This document", dict[str, object], {"openapi": "3.1.0"}, statuses=(200, 304), scope=None, groups="none"
        )
    )
    def openapi() -> Response:
        return reading(described_bytes())

    @blueprint.get("/docs")
    @describes(
        Description(
            "This document as a page", None, None, statuses=(200, 304), media=PAGE_MEDIA, scope=None, groups="none"
        )
    )
    def docs() -> Response:
        base_url = request.host_url.rstrip("/")
        statuses = _statuses(described())
        return page_response(page("docs.html", document=described(), statuses=statuses, base_url=base_url))

    return blueprint


def _statuses(told: dict[str, Any]) -> dict[str, str]:
    """What each status means, wherever it comes from. That a 200 is as asked says nothing."""
    routes = [route for methods in told["paths"].values() for route in methods.values()]
    answers = {status: answer["description"] for route in routes for status, answer in route["responses"].items()}
    return {status: answers[status] for status in sorted(answers) if status != "200"}
