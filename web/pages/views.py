"""GET /, /problems and /servers/<server_group>/<host>: what people look at."""

import contextlib
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from flask import Blueprint, Response, g, redirect, request
from flask.typing import ResponseReturnValue

from config import Settings
from domain.errors import Forbidden, NotFound, StatusError
from domain.filters import MAX_LIMIT
from domain.freshness import Moment, computed, holds_until
from domain.query import FILTERS
from domain.reasons import reasons, severity
from domain.rules import notice
from domain.server import STATUSES, Server
from domain.story import HOUR, runs, steps
from domain.timeline import read_window
from domain.tokens import Rights
from domain.verdict import Kind, axes, lasting, verdict, verdicts_by_group, worst_kind
from operations.history import server_history
from operations.servers import show
from storage import Store
from web.base.answers import Kept, Ready, json_response
from web.base.describe import Description, describes
from web.base.errors import of_the_product
from web.base.index import ABOUT, About
from web.base.links import linker
from web.base.page import PAGE_MEDIA, is_for_eyes, page, page_response
from web.pages.selection import STATES, Selection

STRIP_DAYS = 7
MAX_STEPS = 100
MAX_NAMED = 4_000  # characters of group names: a URL can carry them and other filters


def routes(store: Store, settings: Settings, now: Callable[[], Moment]) -> Blueprint:
    """The pages."""
    blueprint = Blueprint("pages", __name__)
    this: About = {**ABOUT, "auth": settings.auth}
    board, problems = Kept(), Kept()

    def shown(kept: Kept, template: str, rows: Callable[[Iterable[Server], Moment], Any]) -> Response:
        """A page about the servers that the URL selects."""
        moment = now()
        selection = Selection(store, moment)
        servers = selection.servers

        def make() -> tuple[Ready, float]:
            verdicts = verdicts_by_group(selection.without(*STATES), moment)
            counts = sum(verdicts.values(), Counter[Kind]())
            ready = page(
                template,
                icon=_icon(worst_kind(counts)),
                rows=rows(servers.values(), moment),
                never_checked=counts["never_checked"],
                statuses=STATUSES,
                base_url=request.host_url.rstrip("/"),
                **selection.described(),
            )
            return ready, holds_until(servers.values(), moment)

        # An empty fleet's page names the address that it was asked by: it is made anew for each.
        keeps = bool(servers) and selection.query.selects_all
        response = page_response(kept.ready(servers, moment, make) if keeps else make()[0])
        response.vary.add("Accept")
        return response

    @blueprint.errorhandler(Forbidden)
    def lead_to_own_groups(error: Forbidden) -> ResponseReturnValue:
        try:
            return _own_groups(store, now(), error)
        except StatusError as cause:  # Flask would take what is raised here for a bug
            return of_the_product(cause)

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
        if is_for_eyes():
            return shown(board, "board.html", _rows)
        Selection(store, now())
        response = json_response(this)
        response.vary.add("Accept")
        return response

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
        return shown(problems, "problems.html", _problems)

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
        moment = now()
        link = linker(Selection(store, moment).given)
        start = (moment.now // HOUR + 1) * HOUR - STRIP_DAYS * 86_400
        week = read_window([("from", str(max(start, 0))), ("limit", str(MAX_LIMIT))], moment)
        told = server_history(store, week, server_group, host)
        newest = read_window([("limit", str(MAX_STEPS + 1))], moment)
        entries = server_history(store, newest, server_group, host).entries
        server = None
        with contextlib.suppress(NotFound):
            server = show(store, server_group, host)
        said = verdict(server, moment) if server else None
        is_whole = len(entries) <= MAX_STEPS
        return page_response(
            page(
                "server.html",
                server_group=server_group,
                host=host,
                server=server,
                icon=_icon(said.kind if said else None),
                verdict=said,
                axes=axes(server, moment) if server else (),
                reasons=reasons(server, moment) if server else (),
                notice=notice(server) if server else "",
                runs=runs(
                    [*told.in_force, *told.entries],
                    max(start, 0),
                    STRIP_DAYS * 24,
                    lasting(server, moment) if server else (),
                ),
                days=STRIP_DAYS,
                steps=steps(entries, is_whole),
                is_whole=is_whole,
                history_days=moment.history_days,
                link=link,
            )
        )

    return blueprint


def _own_groups(store: Store, moment: Moment, error: Forbidden) -> ResponseReturnValue:
    """Lead a person whose token is limited to groups to these, where no group is named: not everybody knows that a
    reading must name them. Who names another is told which there are."""
    rights: Rights = g.rights
    if not rights.groups or not rights.may("read") or not is_for_eyes():
        return of_the_product(error)
    selection = Selection(store, moment)
    groups = sorted({server["server_group"] for server in selection.without(*FILTERS)})
    named = ",".join(groups or rights.groups)
    if request.view_args or "server_group" in dict(selection.given) or len(named) > MAX_NAMED:
        return of_the_product(error, groups)
    return redirect(linker(selection.given)(request.path, server_group=named), 303)


def _rows(servers: Iterable[Server], moment: Moment) -> list[tuple[Server, Any, Any]]:
    return [(server, computed(server, moment), verdict(server, moment)) for server in servers]


def _icon(kind: Kind | None) -> str:
    """The icon of a page that shows this verdict: it stands in a tab that nobody looks at."""
    quiet: dict[Kind | None, str] = {"well": "icon-well.svg", "never_checked": "icon.svg", None: "icon.svg"}
    return quiet.get(kind, "icon-wrong.svg")


def _problems(servers: Iterable[Server], moment: Moment) -> list[tuple[Server, Any]]:
    """The servers with a problem and why, the worst first."""
    found = [(server, why) for server in servers if (why := reasons(server, moment))]
    return sorted(found, key=lambda one: severity(one[1]))
