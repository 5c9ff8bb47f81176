"""What a reading selects and sums up (API.md, section 3)."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field
from typing_extensions import TypedDict

from domain.errors import Invalid
from domain.freshness import computed
from domain.server import Server, Time

TEXT_FILTERS = (
    "server_group", "server_type", "environment", "host", "status", "pipeline_status", "drift_status",
    "validation_status", "project_name", "repo_name", "branch", "updated_by", "commit_sha",
)  # fmt: skip
FLAG_FILTERS = ("stale", "problem")
FILTERS = TEXT_FILTERS + FLAG_FILTERS
PAGE = ("limit", "offset")
MAX_LIMIT = 10_000

NO_FILTER = ("", "*", "All", "$__all")

_FLAGS = {"true": True, "1": True, "false": False, "0": False}


@dataclass(frozen=True, slots=True)
class Query:
    """Which servers a reading wants: for each named field the wanted values, and a page of them if asked."""

    texts: Mapping[str, frozenset[str]]
    flags: Mapping[str, frozenset[bool | None]]
    limit: int | None = None
    offset: int = 0

    @property
    def selects_all(self) -> bool:
        """Whether every server is wanted."""
        return not self.texts and not self.flags

    @property
    def is_paged(self) -> bool:
        """Whether only a part of what is selected is wanted."""
        return self.limit is not None or self.offset > 0

    def matches(self, server: Server) -> bool:
        """Whether the server is wanted."""
        fields: Mapping[str, object] = server
        if any(fields[field] not in wanted for field, wanted in self.texts.items()):
            return False
        if not self.flags:
            return True
        now: Mapping[str, object] = computed(server)
        return all(bool(now[flag]) in wanted for flag, wanted in self.flags.items())

    def page(self, servers: Mapping[str, Server]) -> Mapping[str, Server]:
        """The asked part of what was selected, in its order."""
        end = None if self.limit is None else self.offset + self.limit
        return dict(list(servers.items())[self.offset : end])


def read_query(parameters: Iterable[tuple[str, str]], *, pages: bool) -> Query:
    """The query of a URL's parameters. Raises Invalid naming every bad one: a typo must not return everything."""
    given: dict[str, list[str]] = {}
    for name, text in parameters:
        if not name.startswith("_"):
            given.setdefault(name, []).append(text)
    allowed = FILTERS + (PAGE if pages else ())
    problems = {name: "is no parameter here" for name in given if name not in allowed}
    texts, flags, numbers = {}, {}, {}
    for name in given.keys() & allowed:
        wanted = _wanted(given[name])
        if name in PAGE:
            numbers[name] = _number(given[name])
        elif wanted is not None and name in FLAG_FILTERS:
            flags[name] = frozenset(_FLAGS.get(word) for word in wanted)
        elif wanted is not None:
            texts[name] = wanted
    problems |= {name: "must be true, false, 1 or 0" for name, wanted in flags.items() if None in wanted}
    if numbers.get("limit", 1) not in range(1, MAX_LIMIT + 1):
        problems["limit"] = f"must be from 1 to {MAX_LIMIT:,}"
    if numbers.get("offset", 0) < 0:
        problems["offset"] = "must be a whole number from 0"
    if problems:
        named = ", ".join(f"{name[:80]!r} {sentence}" for name, sentence in problems.items())
        raise Invalid(f"{named}. Allowed are: {', '.join(allowed)}.", problems)
    return Query(texts, flags, numbers.get("limit"), numbers.get("offset", 0))


def _wanted(values: list[str]) -> frozenset[str] | None:
    """The values of one filter, given as `a`, `a,b`, `{a,b}` or repeated; None where it filters nothing."""
    words = set[str]()
    for value in values:
        inner = value[1:-1] if value.startswith("{") and value.endswith("}") else value
        words.update(inner.split(","))
    return None if words <= {""} or words & {*NO_FILTER[1:]} else frozenset(words - {""})


def _number(values: list[str]) -> int:
    """The one whole number that was given; -1 where it is none, which no bound lets through."""
    if len(values) == 1 and values[0].isascii() and values[0].isdigit() and len(values[0]) <= 18:
        return int(values[0])
    return -1


class Summary(TypedDict):
    """The fleet in one flat row; every key is always there."""

    total: int
    synced: int
    out_of_sync: int
    failed: int
    unknown: int
    stale: int
    problem: int
    validation_failed: int
    groups: int
    changed_files: Annotated[int, Field(description="The sum over all servers.")]
    last_report: Time | None


def summarize(servers: Iterable[Server]) -> Summary:
    """The counts over the servers, and the time of the newest report about any of them."""
    servers = list(servers)
    now = [computed(server) for server in servers]
    statuses = Counter(server["status"] for server in servers)
    return {
        "total": len(servers),
        "synced": statuses["synced"],
        "out_of_sync": statuses["out_of_sync"],
        "failed": statuses["failed"],
        "unknown": statuses["unknown"],
        "stale": sum(fields["stale"] for fields in now),
        "problem": sum(fields["problem"] for fields in now),
        "validation_failed": sum(server["validation_status"] == "failed" for server in servers),
        "groups": len({server["server_group"] for server in servers}),
        "changed_files": sum(fields["changed_files_count"] for fields in now),
        "last_report": max((server["timestamp"] for server in servers), default=None),
    }
