"""What the filters of a page's URL select, and what the pages say of that."""

from collections.abc import Collection
from dataclasses import replace
from functools import cached_property
from typing import Any

from flask import g

from domain import choices
from domain.freshness import Moment
from domain.query import FILTERS, Query, read_query
from domain.server import Server, Servers
from domain.summary import summarize
from domain.verdict import groups_worst_first
from operations.servers import find
from storage import Store
from web.base.links import Given, given, linker

STATES = ("status", "drift_status", "stale", "problem")
CHOICES = {"status": "Status", "environment": "Environment", "server_type": "Type"}  # the board's form, in its words


class Selection:
    """The servers that the URL selects. Raises Invalid where a filter is wrong.

    Whatever a page shows is found by this: nothing beyond the groups of who asks.
    """

    def __init__(self, store: Store, moment: Moment) -> None:
        self._store = store
        self._moment = moment
        self.given = given()
        self.query = self._query(self.given)

    @cached_property
    def servers(self) -> Servers:
        """What all filters select."""
        return find(self._store, self._moment, self.query).servers

    def without(self, *names: str) -> Collection[Server]:
        """What the filters but these select."""
        other = [(name, text) for name, text in self.given if name not in names]
        if other == self.given:
            return self.servers.values()
        return find(self._store, self._moment, self._query(other)).servers.values()

    def described(self) -> dict[str, Any]:
        """What a page says of it. The counts are of all that the other filters select, so that a person can go from
        one state, group or choice to another."""
        fleet = self.without(*FILTERS)
        return {
            "given": self.given,
            "link": linker(self.given),
            "is_empty": not fleet,
            "total": len(self.servers),
            "summary": summarize(self.without(*STATES), self._moment),
            "groups": groups_worst_first(self.without("server_group"), self._moment),
            "titles": CHOICES,
            "choices": self.choices,
            "unknown": list(choices.unknown(fleet, self.query)),
            "fitting_nothing": () if self.servers else choices.fitting_nothing(fleet, self.query, self._moment),
        }

    def choices(self, name: str) -> list[str]:
        """What there is to choose in a filter."""
        return choices.values(self.without(name), name)

    def _query(self, filters: Given) -> Query:
        return replace(read_query(filters, self._moment.now, pages=False), rights=g.rights)
