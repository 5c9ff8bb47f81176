"""What every answer tells a browser, errors and static files included: nothing here is more than it says."""

from http import HTTPStatus

from flask import Flask, Response

# A view that needs another value sets it. The pages of other hosts may show our badges, and nothing else of ours.
OF_EVERY_ANSWER = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
}
OF_AN_ERROR = {"Cache-Control": "no-store"}  # a cache may keep a 404 unless it is told not to


def register(app: Flask) -> None:
    """Send them with each answer."""
    app.after_request(_add)


def _add(response: Response) -> Response:
    wanted = OF_EVERY_ANSWER if response.status_code < 400 else OF_EVERY_ANSWER | OF_AN_ERROR
    there = {name for name, _ in response.headers}  # once: to ask for each by setdefault takes three times as long
    for name, value in wanted.items():
        if name not in there:
            response.headers.add(name, value)
    if response.status_code == HTTPStatus.NO_CONTENT:
        del response.headers["Content-Type"]  # Flask gives it one
    return response
