"""What a reading selects (API.md, section 3)."""

import itertools
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from domain.filters import Parameters, Wanted
from domain.freshness import Moment, computed
from domain.server import CHOICES, Server
from domain.tokens import ANYBODY, Rights

TEXT_FILTERS = (
    "server_group", "server_type", "environment", "host", "status", "pipeline_status", "drift_status",
    "validation_status", "project_name", "repo_name", "branch", "updated_by", "commit_sha",
)  # fmt: skip
FLAG_FILTERS = ("stale", "problem")
# Each bound with the field that it bounds, and whether it is the lower one.
AGES = {
    "seen_after": ("timestamp", True),
    "seen_before": ("timestamp", False),
    "created_after": ("first_seen", True),
    "created_before": ("first_seen", False),
}
FILTERS = (*TEXT_FILTERS, *FLAG_FILTERS, *AGES)
PAGE = ("limit", "offset")
FIELD = "field"


@dataclass(frozen=True, slots=True)
class Query:
    """Which servers a reading wants: for each named field the wanted values, for each age its bound as a time, bounds
    included, and a page of them or the field whose values are meant, if asked."""

    texts: Mapping[str, Wanted]
    flags: Mapping[str, frozenset[bool | None]]
    ages: Mapping[str, str]
    limit: int | None = None
    offset: int = 0
    field: str = ""
    rights: Rights = ANYBODY  # of whoever reads: nothing is found in groups beyond them

    @property
    def selects_all(self) -> bool:
        """Whether every server is wanted."""
        return not self.texts and not self.flags and not self.ages and not self.rights.groups

    @property
    def limits_groups(self) -> bool:
        """Whether only servers of some groups can be wanted."""
        return "server_group" in self.texts or bool(self.rights.groups)

    @property
    def wants_whole_groups(self) -> bool:
        """Whether of a group every server is wanted, or none."""
        return not self.texts.keys() - {"server_group"} and not self.flags and not self.ages

    @property
    def is_paged(self) -> bool:
        """Whether only a part of what is selected is wanted."""
        return self.limit is not None or self.offset > 0

    def wants_group(self, name: str) -> bool:
        """Whether servers of the group may be wanted."""
        return self.rights.may_in(name) and ("server_group" not in self.texts or name in self.texts["server_group"])

    def selected(self, servers: Mapping[str, Server], moment: Moment) -> dict[str, Server]:
        """Those of the servers that are wanted."""
        return {key: server for key, server in servers.items() if self.matches(server, moment)}

    def matches(self, server: Server, moment: Moment) -> bool:
        """Whether the server is wanted."""
        fields: Mapping[str, Any] = server
        if not self.rights.may_in(server["server_group"]):
            return False
        if any(fields[field] not in wanted for field, wanted in self.texts.items()):
            return False
        for name, time in self.ages.items():
            field, is_lower = AGES[name]
            if fields[field] < time if is_lower else fields[field] > time:
                return False
        if not self.flags:
            return True
        now: Mapping[str, object] = computed(server, moment)
        return all(bool(now[flag]) in wanted for flag, wanted in self.flags.items())

    def page(self, parts: Mapping[str, Mapping[str, Server]]) -> dict[str, Mapping[str, Server]]:
        """The asked part of what was selected, by group, in its order."""
        end = math.inf if self.limit is None else self.offset + self.limit
        page, place = dict[str, Mapping[str, Server]](), 0
        for name, part in parts.items():
            first, last = max(self.offset - place, 0), min(end - place, len(part))
            if first < last:
                page[name] = dict(itertools.islice(part.items(), first, int(last)))
            place += len(part)
        return page


EVERY_SERVER = Query({}, {}, {})


def read_query(parameters: Iterable[tuple[str, str]], now: float, *, pages: bool, needs_field: bool = False) -> Query:
    """The query of a URL's parameters. Raises Invalid naming every bad one."""
    given = Parameters(parameters, FILTERS + (PAGE if pages else ()) + ((FIELD,) if needs_field else ()))
    flags = given.flags(FLAG_FILTERS)
    texts = given.words(TEXT_FILTERS, CHOICES)
    ages = given.bounds({name: is_lower for name, (_, is_lower) in AGES.items()}, now)
    given.problems |= _impossible(ages)
    query = Query(
        texts, flags, ages, given.limit(), given.offset(), given.choice(FIELD, TEXT_FILTERS) if needs_field else ""
    )
    given.check()
    return query


def _impossible(ages: Mapping[str, str]) -> dict[str, str]:
    """The pairs that no server can match. None was created after it was last seen, so that pair counts too."""
    pairs = itertools.product(("seen_after", "created_after"), ("seen_before", "created_before"))
    return {
        lower: f"is later than {upper}, so no server can match"
        for lower, upper in pairs
        if (lower, upper) != ("seen_after", "created_before") and "" < ages.get(upper, "") < ages.get(lower, "")
    }
