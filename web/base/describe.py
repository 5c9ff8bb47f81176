"""What each view says of itself, beside the view: for the OpenAPI document, and for whoever handles its requests."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from domain.tokens import Scope

View = TypeVar("View", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Description:
    """What the document says of a route: the type of its JSON answer with an instance to show, that of its body with an
    example, the query parameters, the statuses, what else than JSON it answers: media types with examples, and the
    scope that it needs where a token is asked for, None where none ever is. `form` is the type of a body that may come
    from a form instead."""

    summary: str
    answer: Any
    shows: Any
    body: Any = None
    example: Any = None
    form: Any = None
    parameters: Sequence[str] = ()
    statuses: Sequence[int] = (200,)
    media: Mapping[str, str] = field(default_factory=dict)
    scope: Scope | None = "read"


def describes(description: Description) -> Callable[[View], View]:
    """Say what a view does, beside the view. `document` collects it."""

    def described(view: View) -> View:
        view.__dict__["description"] = description
        return view

    return described


def description_of(view: Callable[..., Any]) -> Description | None:
    """What was said of a view; None for the files of the pages."""
    found: Description | None = vars(view).get("description")
    return found
