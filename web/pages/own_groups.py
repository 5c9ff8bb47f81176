"""The way of a person whose token is limited to groups: to the page of these."""

from collections.abc import Callable

from flask import Blueprint, g, redirect, request
from flask.typing import ResponseReturnValue

from domain.errors import Forbidden, StatusError
from domain.freshness import Moment
from domain.query import FILTERS
from domain.tokens import Rights
from storage import Store
from web.base.errors import of_the_product
from web.base.links import linker
from web.base.page import wants_page
from web.pages.selection import Selection

MAX_NAMED = 4_000  # characters of group names: a URL can carry them and other filters


def register(blueprint: Blueprint, store: Store, get_moment: Callable[[], Moment]) -> None:
    """Lead a person there whom a page of the blueprint refuses."""

    @blueprint.errorhandler(Forbidden)
    def lead_to_own_groups(error: Forbidden) -> ResponseReturnValue:
        try:
            return _own_groups(store, get_moment(), error)
        except StatusError as cause:  # Flask would take what is raised here for a bug
            return of_the_product(cause)


def _own_groups(store: Store, moment: Moment, error: Forbidden) -> ResponseReturnValue:
    """Where no group is named, name those that may be read: not everybody knows that a reading must. Who names another
    is told which there are."""
    rights: Rights = g.rights
    if not rights.groups or not rights.may("read") or not wants_page():
        return of_the_product(error)
    selection = Selection(store, moment)
    groups = sorted({server["server_group"] for server in selection.without(*FILTERS)})
    named = ",".join(groups or rights.groups)
    if request.view_args or "server_group" in dict(selection.given) or len(named) > MAX_NAMED:
        return of_the_product(error, groups)
    return redirect(linker(selection.given)(request.path, server_group=named), 303)
