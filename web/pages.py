"""GET /, /problems and /servers/<server_group>/<host>: what people look at."""

import contextlib
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Response, g, redirect, request
from flask.typing import ResponseReturnValue

import operations
from config import Settings
from domain.errors import Forbidden, NotFound, Unavailable
from domain.freshness import Moment, computed, holds_until
from domain.query import FILTERS, MAX_LIMIT, Query, read_query
from domain.reasons import reasons, severity
from domain.server import STATUSES, Server
from domain.story import HOUR, runs, steps
from domain.summary import group_rows
from domain.timeline import read_window
from domain.tokens import Rights
from domain.verdict import KINDS, Kind, axes, lasting, verdict, verdicts_by_group, worst_kind
from storage import Store
from web.about import ABOUT, About
from web.errors import of_the_product
from web.html import PAGE_MEDIA, is_for_eyes, page, page_response
from web.openapi import Description, describes
from web.present import Kept, Ready, json_response

STRIP_DAYS = 7
MAX_STEPS = 100
MAX_NAMED = 4_000  # characters of group names: a URL can carry them and other filters
STATES = ("status", "drift_status", "stale", "problem")

Given = list[tuple[str, str]]


def routes(store: Store, settings: Settings, now: Callable[[], Moment]) -> Blueprint:
    """The pages."""
    blueprint = Blueprint("pages", __name__)
    this: About = {**ABOUT, "auth": settings.auth}
    board, problems = Kept(), Kept()

    def shown(kept: Kept, template: str, rows: Callable[[Iterable[Server], Moment], Any]) -> Response:
        """A page about the servers that the URL selects. Its counts are of all that its other filters select, so that
        a person can go from one state to another."""
        moment, given = now(), _given()
        servers = operations.find(store, moment, _query(given, moment)).servers

        def make() -> tuple[Ready, float]:
            around = _query([(name, text) for name, text in given if name not in STATES], moment)
            verdicts = verdicts_by_group(operations.find(store, moment, around).servers.values(), moment)
            counts = sum(verdicts.values(), Counter[Kind]())
            ready = page(
                template,
                icon=_icon(worst_kind(counts)),
                rows=rows(servers.values(), moment),
                summary=operations.summary(store, moment, around),
                never_checked=counts["never_checked"],
                groups=_groups(store, moment, [(name, text) for name, text in given if name != "server_group"]),
                given=given,
                statuses=STATUSES,
                link=_linker(given),
                base_url=request.host_url.rstrip("/"),
            )
            return ready, holds_until(servers.values(), moment)

        # An empty fleet's page names the address that it was asked by: it is made anew for each.
        keeps = bool(servers) and _query(given, moment).selects_all
        response = page_response(kept.ready(servers, moment, make) if keeps else make()[0])
        response.vary.add("Accept")
        return response

    @blueprint.errorhandler(Forbidden)
    def lead_to_own_groups(error: Forbidden) -> ResponseReturnValue:
        try:
            return _to_own_groups(store, now()) or of_the_product(error)
        except Unavailable as cause:  # Flask would take what is raised here for a bug
            return of_the_product(cause)

    @blueprint.get("/")
    @describes(
        Description(
            "What this is; a browser gets the board as a page",
            About,
            ABOUT,
            parameters=FILTERS,
            statuses=(200, 304, 400, 503),
            media=PAGE_MEDIA,
        )
    )
    def show_board() -> Response:
        if is_for_eyes():
            return shown(board, "board.html", _rows)
        _query(_given(), now())
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
            media=PAGE_MEDIA,
        )
    )
    def show_problems() -> Response:
        return shown(problems, "problems.html", _problems)

    @blueprint.get("/servers/<server_group>/<host>")
    @describes(
        Description(
            "One server and its history, as a page", None, None, statuses=(200, 304, 404, 503), media=PAGE_MEDIA
        )
    )
    def show_server_page(server_group: str, host: str) -> Response:
        moment = now()
        start = (moment.now // HOUR + 1) * HOUR - STRIP_DAYS * 86_400
        week = read_window([("from", str(max(start, 0))), ("limit", str(MAX_LIMIT))], moment)
        told = operations.server_history(store, week, server_group, host)
        newest = read_window([("limit", str(MAX_STEPS + 1))], moment)
        entries = operations.server_history(store, newest, server_group, host).entries
        server = None
        with contextlib.suppress(NotFound):
            server = operations.show(store, server_group, host)
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
            )
        )

    return blueprint


def _to_own_groups(store: Store, moment: Moment) -> ResponseReturnValue | None:
    """Lead a person whose token is limited to groups to these: not everybody knows that a reading must name them."""
    rights: Rights = g.rights
    given = _given()
    names_groups = request.view_args or "server_group" in dict(given)
    if names_groups or not rights.groups or not rights.may("read") or not is_for_eyes():
        return None
    servers = operations.find(store, moment, _query([], moment)).servers.values()
    groups = {server["server_group"] for server in servers if rights.may_in(server["server_group"])}
    named = ",".join(sorted(groups) or rights.groups)
    return redirect(_linker(given)(request.path, server_group=named), 303) if len(named) <= MAX_NAMED else None


def _given() -> Given:
    """The parameters of the URL that are the service's."""
    return [(name, text) for name, text in request.args.items(multi=True) if not name.startswith("_")]


def _query(given: Given, moment: Moment) -> Query:
    return read_query(given, moment.now, pages=False)


def _linker(given: Given) -> Callable[..., str]:
    """Links to `path` with the filters of the page but for those named, which take another value, or None for none."""

    def link(path: str, **other: str | None) -> str:
        kept = [(name, text) for name, text in given if name not in other]
        query = urlencode(kept + [(name, text) for name, text in other.items() if text is not None], safe=",{}:")
        return f"{path}?{query}" if query else path

    return link


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


def _groups(store: Store, moment: Moment, given: Given) -> list[Any]:
    """The groups, the worst first."""
    servers = operations.find(store, moment, _query(given, moment)).servers.values()
    verdicts = verdicts_by_group(servers, moment)
    rows = [
        {**row, "kind": worst_kind(counts), "never_checked": counts["never_checked"]}
        for row in group_rows(servers, moment)
        if (counts := verdicts[row["server_group"]])
    ]
    return sorted(rows, key=lambda group: (KINDS.index(group["kind"]), -group["problem"], group["server_group"]))
