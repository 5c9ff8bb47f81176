"""Whether a request is meant for this service, and whether a page of another site asks (API.md, section 10).

A browser sends what any page asks for, and to any address that the page's own name stands for at that moment. So on the
machine of whoever reads a foreign page, or within a network, that page would reach a service that needs no token.
"""

import re
from collections.abc import Collection
from urllib.parse import urlsplit

from flask import Flask, request

from config import Settings
from domain.errors import Forbidden, Misdirected
from web.base.address import read_address

SAFE = ("GET", "HEAD", "OPTIONS", "TRACE")
PROBES = ("/health", "/ready")  # they tell nothing of the fleet, and a load balancer asks by any name
MAX_SHOWN = 80
OTHER_PAGE = (
    "A browser may change something only from a page of this service; a program sends its token as Authorization: "
    "Bearer TOKEN."
)


def register(app: Flask, settings: Settings) -> None:
    """Look at each request of the app."""

    @app.before_request
    def look() -> None:
        if settings.auth == "open" and request.path not in PROBES:
            _need_own_name(request.headers.get("Host", ""), settings.hosts)
        if request.method not in SAFE and "Origin" in request.headers and not _is_own_page():
            raise Forbidden(OTHER_PAGE)


def need_own_page() -> None:
    """Raise Forbidden unless the browser says that a page of this service asks."""
    if not _is_own_page() or request.headers.get("Sec-Fetch-Site", "same-origin") != "same-origin":
        raise Forbidden(OTHER_PAGE)


def _is_own_page() -> bool:
    """Over plain http, but from its own machine, a browser sends no Sec-Fetch-Site; then the Origin counts."""
    if request.headers.get("Sec-Fetch-Site") == "same-origin":
        return True
    asking = urlsplit(request.headers.get("Origin", "")).netloc  # "" for null
    # The name without a port that goes without saying, or as it was sent: to some names, Werkzeug says "".
    return bool(asking) and asking in (request.host, request.headers.get("Host"))


def _need_own_name(host: str, names: Collection[str]) -> None:
    """Raise Misdirected unless the host that is asked for is ours: no other page can have an address or a single word
    as its name, so a browser that sends such a one shows no foreign page."""
    name = re.sub(r":\d*$", "", host).lower()
    if read_address(host) or re.fullmatch(r"[a-z0-9_-]*", name) or name in names:
        return
    raise Misdirected(
        f"This service answers to no {name[:MAX_SHOWN]!r}: as STATUS_AUTH=open asks nobody for a token, it answers to "
        "addresses, single words such as localhost, and the names in STATUS_HOSTS; set that one there."
    )
