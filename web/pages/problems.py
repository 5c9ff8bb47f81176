"""GET /problems: each server with a problem, the worst first."""

from collections.abc import Callable

from flask import Blueprint, Response

from domain.freshness import Moment
from domain.query import FILTERS
from domain.reasons import problems
from storage import Store
from web.base.answers import FleetCache
from web.base.describe import Description, describes
from web.base.page import PAGE_MEDIA
from web.pages import own_groups
from web.pages.fleet import fleet_page


def routes(store: Store, get_moment: Callable[[], Moment]) -> Blueprint:
    """The page of what is wrong."""
    blueprint = Blueprint("problems", __name__)
    own_groups.register(blueprint, store, get_moment)
    kept = FleetCache()

    @blueprint.get("/problems")
    @describes(
        Description(
            "Each server with a problem, and why, as a page",
            None,
            None,
            parameters=FILTERS,
            statuses=(200, 304, 400, 503),
            scope="read",
            groups="filters",
            media=PAGE_MEDIA,
        )
    )
    def show_problems() -> Response:
        return fleet_page(store, get_moment(), kept, "problems.html", problems)

    return blueprint
