"""The OpenAPI document, made from the routes and from the models that check requests and shape answers."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NotRequired, get_type_hints

from flask import Flask
from pydantic import TypeAdapter
from typing_extensions import TypedDict
from werkzeug.routing import Rule

from config import VERSION
from domain.filters import MAX_LIMIT, NO_FILTER
from domain.freshness import Computed
from domain.history import ENTRY_CHOICES
from domain.query import AGES, FIELD, FLAG_FILTERS, TEXT_FILTERS
from domain.server import CHOICES, Record
from domain.texts import NAME_PATTERN
from domain.timeline import ENTRY_FILTERS, WINDOW
from domain.times import WHEN_FORMS
from web.base.bodies import FORM
from web.base.describe import Description, description_of


class Error(TypedDict):
    """Every error of every route."""

    error: str
    code: str
    fields: NotRequired[dict[str, str]]


# A typed dict can add to another and not leave out, so this one is made of the others' fields, which mypy cannot read.
_FIELDS = get_type_hints(Record, include_extras=True) | get_type_hints(Computed, include_extras=True)
Row = TypedDict("Row", {name: kind for name, kind in _FIELDS.items() if name != "changed_files"})  # type: ignore[misc]
Row.__doc__ = "A server as a flat row: its record without `changed_files`, then what is computed from it."


_REASONS = {
    200: "As asked.",
    201: "Stored; at least one server was not known before.",
    204: "Deleted.",
    303: "To another page.",
    304: "Nothing changed since the answer with the tag in If-None-Match.",
    400: "The request does not fit the contract; nothing was changed.",
    401: "A token is needed, and is missing or not valid.",
    403: "The token has not the scope, or not the group, that the sentence names.",
    404: "Nothing by that name is known.",
    413: "The body is too large.",
    415: "The body is not announced as application/json.",
    429: "Too many wrong tokens from an address, or reports by a token; Retry-After says how long to wait.",
    503: "The store cannot be read or written now; the reason phrase says why.",
}
_REFUSALS = (401, 403, 429, 503)
_SECURITY_SCHEMES = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "A token. The word beside it is the scope that it must have.",
    },
    "key": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "The same token."},
}
_ANY_TEXT = {"type": "string"}
_AGE = {
    "description": "An RFC 3339 time (no zone means UTC), epoch seconds, epoch milliseconds, or a length back from now "
    "(`45s`, `15m`, `24h`, `7d`); the bound itself is included. Empty for no filter.",
    "schema": {"type": "string", "anyOf": [*WHEN_FORMS, {"enum": NO_FILTER}]},
    "examples": {"length": {"value": "24h"}},
}
_TEXT = {
    "description": "One value, which may hold commas, or several: `a,b`, `{a,b}`, or repeated.",
    "schema": _ANY_TEXT,
}


def _some_of(words: Sequence[str]) -> dict[str, Any]:
    """A filter that takes these words only."""
    one = f"({'|'.join(words)})"
    several = f"({one}?,)*{one}?"
    pattern = {"anyOf": [{"pattern": f"^({several}|[{{]{several}[}}])$"}, {"enum": NO_FILTER}]}
    return {
        "description": f"Some of {', '.join(words)}: `a`, `a,b`, `{{a,b}}`, or repeated; empty for no filter.",
        "schema": {"type": "string", **pattern},
        "examples": {words[0]: {"value": words[0]}},
    }


_PARAMETERS: Mapping[str, Mapping[str, Any]] = {
    **dict.fromkeys((*TEXT_FILTERS, *ENTRY_FILTERS), _TEXT),
    **{name: _some_of(words) for name, words in (CHOICES | ENTRY_CHOICES).items()},
    **dict.fromkeys(FLAG_FILTERS, _some_of(("true", "false", "1", "0"))),
    **dict.fromkeys((*AGES, *WINDOW), _AGE),
    FIELD: {"required": True, "schema": {"type": "string", "enum": TEXT_FILTERS}, "example": "environment"},
    "step": {"description": "A length such as 15m or 1h, or whole seconds.", "schema": _ANY_TEXT},
    "limit": {"schema": {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT}},
    "offset": {"schema": {"type": "integer", "minimum": 0, "maximum": 10**18 - 1}},
    "server": {"description": "A host or a server group.", "schema": _ANY_TEXT},
    "repo": {"description": "A repo_name.", "schema": _ANY_TEXT},
}


def document(app: Flask, needs: Callable[[Description], bool]) -> dict[str, Any]:
    """The OpenAPI 3.1 document of the routes of an app; `needs` tells which ask for a token."""
    routes = [
        (rule, rule_description)
        for rule in app.url_map.iter_rules()
        if (rule_description := description_of(rule.endpoint))
    ]
    models = [model for _, route in routes for model in (route.answer, route.body, route.form) if model is not None]
    references, definitions = TypeAdapter.json_schemas(
        [(repr(model), "validation", TypeAdapter(model)) for model in (*models, Error)],
        ref_template="#/components/schemas/{model}",
    )
    schemas = {name: schema for (name, _), schema in references.items()}
    paths: dict[str, Any] = {}
    for rule, route in routes:
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            path = paths.setdefault(re.sub(r"<(\w+)>", r"{\1}", rule.rule), {})
            path[method.lower()] = _operation(rule, route, schemas)
            if route.scope:
                path[method.lower()]["security"] = _security(route.scope, needs(route))
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "GitOps Status",
            "version": VERSION,
            "description": "Which plain servers run what git says, and which do not.",
        },
        "paths": paths,
        "components": {"schemas": definitions["$defs"], "securitySchemes": _SECURITY_SCHEMES},
    }


def _security(scope: str, is_needed: bool) -> list[dict[str, list[str]]]:
    """The scope in either header; where no token is needed, nothing at all will do."""
    return [{"bearer": [scope]}, {"key": [scope]}] + ([] if is_needed else [{}])


def _operation(rule: Rule, route: Description, schemas: Mapping[str, Any]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": rule.endpoint.rsplit(".", 1)[-1],
        "summary": route.summary,
        "parameters": [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string", "pattern": NAME_PATTERN}}
            for name in sorted(rule.arguments, key=rule.rule.index)
        ]
        + [{"name": name, "in": "query", **_PARAMETERS[name]} for name in route.parameters],
        "responses": {},
    }
    if route.body is not None:
        body = {"schema": schemas[repr(route.body)], "example": route.example}
        operation["requestBody"] = {"required": True, "content": {"application/json": body}}
    if route.form is not None:
        operation["requestBody"]["content"][FORM] = {"schema": schemas[repr(route.form)]}
    for status in sorted({*route.statuses, *(_REFUSALS if route.scope else ())}):
        answer: dict[str, Any] = {"description": _REASONS[status]}
        content: dict[str, Any] = {}
        if status >= 400:
            content["application/json"] = {"schema": schemas[repr(Error)]}
        elif status < 300 and route.answer is not None:
            content["application/json"] = {"schema": schemas[repr(route.answer)], "example": route.shows}
        if status == 200:
            content |= {media: {"schema": _ANY_TEXT, "example": example} for media, example in route.media.items()}
        if content:
            answer["content"] = content
        operation["responses"][str(status)] = answer
    return operation
