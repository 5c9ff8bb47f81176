"""A page about the servers that the URL selects."""

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from flask import Response, request

from domain.freshness import Moment, holds_until
from domain.server import STATUSES, Server
from domain.verdict import Kind, verdicts_by_group, worst_kind
from storage import Store
from web.base.answers import Body, FleetCache
from web.base.page import icon, page, page_response
from web.pages.selection import STATES, Selection


def fleet_page(
    store: Store, moment: Moment, kept: FleetCache, template: str, rows: Callable[[Iterable[Server], Moment], Any]
) -> Response:
    """The page that a template makes of the rows and the counts. Raises Invalid where a filter is wrong."""
    selection = Selection(store, moment)
    servers = selection.servers

    def make() -> tuple[Body, float]:
        verdicts = verdicts_by_group(selection.without(*STATES), moment)
        counts = sum(verdicts.values(), Counter[Kind]())
        ready = page(
            template,
            icon=icon(worst_kind(counts)),
            rows=rows(servers.values(), moment),
            never_checked=counts["never_checked"],
            statuses=STATUSES,
            base_url=request.host_url.rstrip("/"),
            **selection.described(),
        )
        return ready, holds_until(servers.values(), moment)

    # An empty fleet's page names the address that it was asked by: it is made anew for each.
    response = page_response(kept.body(servers, moment, make) if servers else make()[0])
    response.vary.add("Accept")
    return response
