"""Who may do what over HTTP: one look before each request (API.md, section 10)."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from ipaddress import IPv6Address, ip_address
from urllib.parse import quote

from flask import Flask, Response, g, request

from config import Settings
from domain.errors import Forbidden, TooMany, Unauthorized, Unavailable
from domain.filters import wanted_words
from domain.freshness import Moment
from domain.report import Report
from domain.tokens import ANYBODY, Rights
from operations.access import NOT_VALID, Access
from web.base.describe import Description, description_of
from web.base.origin import need_own_page
from web.base.page import wants_page

MAX_HEADERS = 16_384  # characters of both; what is longer is not even taken apart
MAX_WRONG = 20  # wrong tokens a minute from an address
MAX_COUNTED = 10_000  # addresses, or tokens, that are counted by themselves

MISSING = "This needs a token; send it as Authorization: Bearer TOKEN, or as X-API-Key: TOKEN."
SESSION = "gitops_status_session"  # the cookie


class Guard:
    """Lets a request through, or says what it lacks. What is let through has `g.rights`."""

    def __init__(self, access: Access, settings: Settings, get_moment: Callable[[], Moment]) -> None:
        self._access = access
        self._auth = settings.auth
        self._networks = settings.legacy_networks
        self._get_moment = get_moment
        doors = {"legacy": settings.legacy_auth, "metrics": settings.metrics_auth, "badge": settings.badge_auth}
        self._open = {name for name, setting in doors.items() if setting == "open"}
        self._wrong = PerMinute(MAX_WRONG)
        self._reports = PerMinute(settings.reports_per_minute)
        self._asked = cache(self._described)  # it is asked at each request
        self._has_report_limit = settings.reports_per_minute > 0

    def register(self, app: Flask) -> None:
        """Look at each request of the app."""
        app.before_request(self._before_request)

    def rights(self, given: str | None = None) -> Rights:
        """What a token allows, by default the request's. Raises Unauthorized, or TooMany after many wrong ones."""
        now = self._get_moment().now
        try:
            if text := _sent() if given is None else given:
                return self._access.authenticate(text, now)
        except Unauthorized:
            self._wrong.count(request.remote_addr or "", 1, "wrong tokens from this address", now)
            raise
        raise Unauthorized(MISSING)

    def check_groups(self, reports: Sequence[Report]) -> str:
        """Who reports, for the history. Raises Forbidden where any is about a group out of reach, and TooMany."""
        rights: Rights = g.rights
        if rights.groups:
            rights.need_groups(report.server_group for report in reports)
        if self._has_report_limit and rights.id:
            self._reports.count(rights.id, len(reports), "reports by this token", self._get_moment().now)
        return rights.label

    def needs(self, route: Description) -> bool:
        """Whether a route needs a token, by the settings."""
        if route.door == "locked":
            return True
        if route.scope is None or self._auth == "open" or route.door in self._open:
            return False
        return self._auth == "all" or route.scope != "read"

    def _before_request(self) -> Response | None:
        route, is_needed = self._asked(request.endpoint)
        if route is None:
            return None
        if self._networks and route.door == "legacy":
            self._check_network()
        if route.scope is None:
            return None
        if is_needed:
            try:
                g.rights = self.rights()
            except Unauthorized:
                if "text/html" in route.media and wants_page():
                    return _to_login()
                raise
            _check(g.rights, route)
        else:
            g.rights = self._whoever()
        return None

    def _described(self, endpoint: str | None) -> tuple[Description | None, bool]:
        route = description_of(endpoint)
        return route, route is not None and self.needs(route)

    def _whoever(self) -> Rights:
        """Where no token is needed everybody may do all, and a valid one says who it is."""
        try:
            if text := _sent():
                known = self._access.authenticate(text, self._get_moment().now)
                return replace(known, scopes=ANYBODY.scopes, groups=())
        except (Unauthorized, Unavailable):
            pass
        return ANYBODY

    def _check_network(self) -> None:
        try:
            address = ip_address(request.remote_addr or "")
        except ValueError:
            raise Forbidden("Where you come from cannot be told, and only some networks are let in here.") from None
        if isinstance(address, IPv6Address) and address.ipv4_mapped:
            address = address.ipv4_mapped
        if not any(address in network for network in self._networks):
            raise Forbidden(f"The address {address} is in none of the networks that are let in here.")


class PerMinute:
    """Counts by key in each minute of the clock, in this process. Keys beyond MAX_COUNTED are counted together."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._minute = 0
        self._counts = dict[str, int]()

    def count(self, key: str, number: int, what: str, now: int) -> None:
        """Add a number, unless that would be too many: then raises TooMany with the seconds until the next minute."""
        minute, second = divmod(now, 60)
        with self._lock:
            if minute != self._minute:
                self._minute, self._counts = minute, {}
            if key not in self._counts and len(self._counts) >= MAX_COUNTED:
                key = ""
            count = self._counts.get(key, 0) + number
            if count > self._most:
                raise TooMany(f"More than {self._most:,} {what} in a minute.", 60 - second)
            self._counts[key] = count


def _sent() -> str:
    """The token of a request, empty for none. Raises Unauthorized where two differ. One in a header beats the cookie.

    The server joins headers of one name with commas. Another scheme than Bearer is another's, such as a proxy's.
    """
    environment = request.environ
    authorization, key = environment.get("HTTP_AUTHORIZATION", ""), environment.get("HTTP_X_API_KEY", "")
    if not authorization and not key:
        return _in_cookie()
    if len(authorization) + len(key) > MAX_HEADERS:
        raise Unauthorized(NOT_VALID)
    schemes = (part.strip(" \t").partition(" ") for part in authorization.split(","))
    sent = {text.strip(" \t") for scheme, _, text in schemes if scheme.lower() == "bearer"}
    sent |= {text.strip(" \t") for text in key.split(",")}
    sent.discard("")
    if len(sent) > 1:
        raise Unauthorized(NOT_VALID)
    return sent.pop() if sent else _in_cookie()


def _in_cookie() -> str:
    """The token in the cookie, empty for none. Raises Forbidden where another site may have asked for a change."""
    text = request.cookies.get(SESSION, "")
    if text and request.method not in ("GET", "HEAD"):
        need_own_page()
    return text


def _to_login() -> Response:
    """Lead a person to the form and back, and let go of a cookie that is not valid, so that it is not tried again."""
    response = Response(status=303)
    response.headers["Location"] = f"/login?next={quote(request.full_path.rstrip('?'))}"
    response.headers["Cache-Control"] = "no-store"
    if SESSION in request.cookies:  # with a link on another site a valid one does not come along, and must stay
        response.delete_cookie(SESSION)
    return response


def _check(rights: Rights, route: Description) -> None:
    """Raise Forbidden unless the rights have the scope, and the groups that the request names."""
    rights.need(route.scope or "")
    if not rights.groups or route.groups == "body":
        return
    if route.groups == "path":
        rights.need_groups([(request.view_args or {})["server_group"]])
    elif route.groups == "none":
        raise Forbidden(f"The token {rights.label!r} is limited to groups, and this is about all.")
    elif wanted := wanted_words(request.args.getlist("server_group")):
        rights.need_groups(sorted(wanted))
    else:
        groups = ", ".join(rights.groups)
        raise Forbidden(f"The token {rights.label!r} is limited to {groups}: name groups by the filter server_group.")
