"""GET /: the board for people, and for programs what there is."""

from collections.abc import Callable, Iterable
from typing import Any

from flask import Blueprint, Response

from config import Settings
from domain.freshness import Moment, computed
from domain.query import FILTERS
from domain.server import Server
from domain.verdict import verdict
from storage import Store
from web.base.answers import FleetCache, json_response
from web.base.describe import Description, describes
from web.base.index import ABOUT, About
from web.base.page import PAGE_MEDIA, wants_page
from web.pages import own_groups
from web.pages.fleet import fleet_page
from web.pages.selection import Selection


def routes(store: Store, settings: Settings, get_moment: Callable[[], Moment]) -> Blueprint:
    """The first page."""
    blueprint = Blueprint("board", __name__)
    own_groups.register(blueprint, store, get_moment)
    this: About = {**ABOUT, "auth": settings.auth}
    kept = FleetCache()

    @blueprint.get("/")
    @describes(
        Description(
            "What this is; a browser gets the board as a page",
            About,
            ABOUT,
            parameters=FILTERS,
            statuses=(200, 304, 400, 503),
            scope="read",
            groups="filters",
            media=PAGE_MEDIA,
        )
    )
    def show_board() -> Response:
        if wants_page():
            return fleet_page(store, get_moment(), kept, "board.html", _rows)
        Selection(store, get_moment())
        response = json_response(this)
        response.vary.add("Accept")
        return response

    return blueprint


def _rows(servers: Iterable[Server], moment: Moment) -> list[tuple[Server, Any, Any]]:
    return [(server, computed(server, moment), verdict(server, moment)) for server in servers]
