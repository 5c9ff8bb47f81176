"""GET /servers/<server_group>/<host>: one server and its story."""

from collections.abc import Callable

from flask import Blueprint, Response

from domain.freshness import Moment
from domain.query import FILTERS
from domain.reasons import reasons
from domain.rules import notice
from domain.verdict import axes, verdict
from operations.history import STORY_DAYS, server_story
from storage import Store
from web.base.describe import Description, describes
from web.base.links import linker
from web.base.page import PAGE_MEDIA, icon, page, page_response
from web.pages import own_groups
from web.pages.selection import Selection


def routes(store: Store, get_moment: Callable[[], Moment]) -> Blueprint:
    """The page of a server."""
    blueprint = Blueprint("server", __name__)
    own_groups.register(blueprint, store, get_moment)

    @blueprint.get("/servers/<server_group>/<host>")
    @describes(
        Description(
            "One server and its history, as a page; the filters are those of the board that its links lead back to",
            None,
            None,
            parameters=FILTERS,
            statuses=(200, 304, 400, 404, 503),
            scope="read",
            groups="path",
            media=PAGE_MEDIA,
        )
    )
    def show_server_page(server_group: str, host: str) -> Response:
        moment = get_moment()
        link = linker(Selection(store, moment).given)
        story = server_story(store, moment, server_group, host)
        server = story.server
        said = verdict(server, moment) if server else None
        return page_response(
            page(
                "server.html",
                server_group=server_group,
                host=host,
                server=server,
                icon=icon(said.kind if said else None),
                verdict=said,
                axes=axes(server, moment) if server else (),
                reasons=reasons(server, moment) if server else (),
                notice=notice(server) if server else "",
                runs=story.runs,
                days=STORY_DAYS,
                steps=story.steps,
                is_whole=story.is_whole,
                history_days=moment.history_days,
                link=link,
            )
        )

    return blueprint
