"""The one shape of every error (API.md, section 7)."""

import logging
from typing import Any

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound

from domain import errors
from web.present import json_response

STATUS = {
    errors.Invalid: 400,
    errors.Unauthorized: 401,
    errors.Forbidden: 403,
    errors.NotFound: 404,
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


def of_the_product(error: errors.StatusError) -> Response:
    """The answer to an error of ours."""
    fields = error.fields if isinstance(error, errors.Invalid) else {}
    response = _answer(STATUS[type(error)], error.code, str(error), fields)
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


def _answer(status: int, code: str, sentence: str, fields: dict[str, str] | None = None) -> Response:
    content: dict[str, Any] = {"error": sentence, "code": code}
    if fields:
        content["fields"] = fields
    return json_response(content, status)


def _phrase(sentence: str) -> str:
    """The sentence as a reason phrase (RFC 9112, section 4): all that a Grafana panel shows of an error."""
    printable = "".join(letter if " " <= letter <= "~" else "?" for letter in sentence.rstrip("."))
    return printable if len(printable) <= MAX_PHRASE else printable[: MAX_PHRASE - 3] + "..."
