"""What each view says of itself, beside the view: for the OpenAPI document, and for whoever handles its requests."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from typing import Any, Literal, TypeVar

from flask import current_app

from domain.tokens import Scope

View = TypeVar("View", bound=Callable[..., Any])

# Where a request names the groups that it is about. Those in a body are held against the token by who reads the body
# (`Guard.check_groups`); a request that names none is about all of them.
Groups = Literal["path", "filters", "body", "none"]
# Whose setting says whether a token is needed: STATUS_AUTH, or that of one part of the service; `locked`: always.
Door = Literal["auth", "legacy", "metrics", "badge", "locked"]
Counter = Literal["pipeline", "cron", "legacy"]  # by what source gitops_reports_total counts


@dataclass(frozen=True, slots=True)
class Description:
    """What is said of a route: the type of its JSON answer with an instance to show, that of its body with an
    example, the query parameters, the statuses, what else than JSON it answers: media types with examples. `form` is
    the type of a body that may come from a form instead.

    `scope` is what it needs where a token is asked for, None where none ever is.
    """

    summary: str
    answer: Any
    shows: Any
    body: Any = None
    example: Any = None
    _: KW_ONLY
    scope: Scope | None
    groups: Groups
    door: Door = "auth"
    counter: Counter | None = None
    form: Any = None
    parameters: Sequence[str] = ()
    statuses: Sequence[int] = (200,)
    media: Mapping[str, str] = field(default_factory=dict)


def describes(description: Description) -> Callable[[View], View]:
    """Say what a view does, beside the view."""

    def described(view: View) -> View:
        view.__dict__["description"] = description
        return view

    return described


def description_of(endpoint: str | None) -> Description | None:
    """What was said of the view of a route; None for the files of the pages, and where there is no route."""
    if endpoint is None:
        return None
    found: Description | None = vars(current_app.view_functions[endpoint]).get("description")
    return found
