"""The one shape of every error (API.md, section 7), and the page that a person sees of one (section 9)."""

import logging
from collections.abc import Sequence
from typing import Any

from flask import Flask, Response, current_app, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound

from domain import errors
from web.base.answers import json_response
from web.base.bodies import FORM
from web.base.describe import description_of
from web.base.links import given_but, linker
from web.base.page import error_response, page, wants_page

STATUS = {
    errors.Invalid: 400,
    errors.Unauthorized: 401,
    errors.Forbidden: 403,
    errors.NotFound: 404,
    errors.Misdirected: 421,
    errors.TooMany: 429,
    errors.Unavailable: 503,
}
MAX_PHRASE = 100

logger = logging.getLogger("gitops_status")


def register(app: Flask) -> None:
    """Answer whatever is raised while a request is handled."""
    app.register_error_handler(errors.StatusError, of_the_product)
    app.register_error_handler(HTTPException, _of_http)
    app.register_error_handler(Exception, _of_a_bug)


def of_the_product(error: errors.StatusError, groups: Sequence[str] = ()) -> Response:
    """The answer to an error of ours; as a page it names the groups that may be read instead."""
    fields = error.fields if isinstance(error, errors.Invalid) else {}
    response = _answer(STATUS[type(error)], error.code, str(error), fields, groups)
    if isinstance(error, errors.Unauthorized):
        response.headers["WWW-Authenticate"] = "Bearer"
    elif isinstance(error, errors.TooMany):
        response.headers["Retry-After"] = str(error.seconds)
    elif isinstance(error, errors.Unavailable):
        logger.error("%s", error)
        response.status = f"503 {_phrase(str(error))}"
    return response


def _of_http(error: HTTPException) -> Response:
    status = error.code or 500
    code = {413: "too_large"}.get(status, error.name.lower().replace(" ", "_"))
    sentence = error.description or error.name
    if isinstance(error, NotFound):
        sentence = f"There is nothing at {request.path}; GET / names what there is."
    elif isinstance(error, MethodNotAllowed):
        sentence = (
            f"{request.method} is not allowed on {request.path}; allowed: {', '.join(error.valid_methods or ())}."
        )
    response = _answer(status, code, sentence)
    response.headers.extend(
        (name, value) for name, value in error.get_headers() if name not in ("Content-Type", "Content-Length")
    )
    return response


def _of_a_bug(error: Exception) -> Response:
    logger.error("%s %s failed", request.method, request.endpoint, exc_info=error)
    return _answer(500, "internal", "The service failed on this request; its log says why.")


def _answer(
    status: int, code: str, sentence: str, fields: dict[str, str] | None = None, groups: Sequence[str] = ()
) -> Response:
    if _is_seen_by_a_person():
        route = description_of(request.endpoint)
        shown = {
            "status": status,
            "sentence": sentence,
            "fields": fields,
            "groups": groups,
            "is_of_servers": route is not None and route.scope == "read",
            "link": linker(given_but(fields or ())),
        }
        return error_response(page("error.html", **shown), status)
    content: dict[str, Any] = {"error": sentence, "code": code}
    if fields:
        content["fields"] = fields
    return json_response(content, status)


def _is_seen_by_a_person() -> bool:
    """Whether a browser asks for a page, sends the form of one, or asks for what is not there. A route of the API
    answers everybody with JSON."""
    if not wants_page():
        return False
    endpoint = request.endpoint or _endpoint_of_another_method()
    description = description_of(endpoint)
    if description is None:
        return True
    return "text/html" in description.media or (description.form is not None and request.mimetype == FORM)


def _endpoint_of_another_method() -> str | None:
    """What stands at the path of a request whose method is not allowed there, None where there is nothing."""
    error, adapter = request.routing_exception, current_app.create_url_adapter(request)
    if adapter is None or not isinstance(error, MethodNotAllowed):
        return None
    allowed = error.valid_methods or ()
    endpoint: str = adapter.match(method="GET" if "GET" in allowed else next(iter(allowed)))[0]
    return endpoint


def _phrase(sentence: str) -> str:
    """The sentence as a reason phrase (RFC 9112, section 4): all that a Grafana panel shows of an error."""
    printable = "".join(letter if " " <= letter <= "~" else "?" for letter in sentence.rstrip("."))
    return printable if len(printable) <= MAX_PHRASE else printable[: MAX_PHRASE - 3] + "..."
