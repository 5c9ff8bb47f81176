"""Templates -> pages: their bytes, and the policy that they are shown under."""

from flask import Response, render_template

from domain.reasons import length_text, plural
from web.present import Ready, reading

PAGE_MEDIA = {"text/html": "<!doctype html>…"}
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def page(template: str, **values: object) -> Ready:
    """The bytes of a page."""
    return Ready(render_template(template, plural=plural, length_text=length_text, **values).encode())


def page_response(ready: Ready) -> Response:
    """The answer with a page. Nothing in it is run or loaded but our own files, whatever a client reported."""
    response = reading(ready, "text/html")
    response.headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response
