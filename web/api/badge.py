"""GET /badge: a picture of a group or a server, and what shields.io draws one of."""

from collections.abc import Callable

from flask import Blueprint, Response, render_template

from domain.badge import Badge, badge
from domain.freshness import Moment
from domain.query import EVERY_SERVER
from operations.servers import find, show
from storage import Store
from web.base.answers import Ready, json_bytes, reading
from web.base.describe import Description, describes
from web.base.examples import MOMENT, SERVER

_STATUSES = (200, 304, 404, 503)
_EXAMPLE = badge("rsyslog-prod", [SERVER], MOMENT)
_PICTURE = {"image/svg+xml": '<svg xmlns="http://www.w3.org/2000/svg">…</svg>'}
_LETTER_WIDTH, _PADDING = 7, 12  # pixels of a letter at this size, on average; the picture stretches its text to them


def routes(store: Store, get_moment: Callable[[], Moment]) -> Blueprint:
    """The routes that a README or a wiki shows."""
    blueprint = Blueprint("badge", __name__)

    def of_group(server_group: str) -> Badge:
        moment = get_moment()
        servers = find(store, moment, EVERY_SERVER, server_group).servers
        return badge(server_group, servers.values(), moment)

    def of_server(server_group: str, host: str) -> Badge:
        return badge(host, [show(store, server_group, host)], get_moment())

    @blueprint.get("/badge/<server_group>.svg")
    @describes(
        Description(
            "The worst state of a group as a picture",
            None,
            None,
            media=_PICTURE,
            statuses=_STATUSES,
            scope="read",
            groups="path",
            door="badge",
        )
    )
    def draw_group_badge(server_group: str) -> Response:
        return _picture(of_group(server_group))

    @blueprint.get("/badge/<server_group>.json")
    @describes(
        Description(
            "The same for a shields.io endpoint badge",
            Badge,
            _EXAMPLE,
            statuses=_STATUSES,
            scope="read",
            groups="path",
            door="badge",
        )
    )
    def show_group_badge(server_group: str) -> Response:
        return reading(Ready(json_bytes(of_group(server_group))))

    @blueprint.get("/badge/<server_group>/<host>.svg")
    @describes(
        Description(
            "The state of a server as a picture",
            None,
            None,
            media=_PICTURE,
            statuses=_STATUSES,
            scope="read",
            groups="path",
            door="badge",
        )
    )
    def draw_server_badge(server_group: str, host: str) -> Response:
        return _picture(of_server(server_group, host))

    @blueprint.get("/badge/<server_group>/<host>.json")
    @describes(
        Description(
            "The same for a shields.io endpoint badge",
            Badge,
            _EXAMPLE,
            statuses=_STATUSES,
            scope="read",
            groups="path",
            door="badge",
        )
    )
    def show_server_badge(server_group: str, host: str) -> Response:
        return reading(Ready(json_bytes(of_server(server_group, host))))

    return blueprint


def _picture(shown: Badge) -> Response:
    left, right = (_LETTER_WIDTH * len(text) + _PADDING for text in (shown["label"], shown["message"]))
    picture = render_template("badge.svg", badge=shown, left=left, right=right)
    response = reading(Ready(picture.encode()), "image/svg+xml")
    response.headers["Content-Security-Policy"] = "default-src 'none'"  # opened by itself, it is a document
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"  # a README on another host shows it
    return response
