"""Templates -> pages: their bytes, and the policy that they are shown under."""

from flask import Response, render_template, request

from domain.reasons import length_text, plural
from domain.verdict import KINDS, WORDS
from web.present import Ready, reading

PAGE_MEDIA = {"text/html": "<!doctype html>…"}
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)


def is_for_eyes() -> bool:
    """Whether it is a browser that asks."""
    return "text/html" in request.headers.get("Accept", "")


def page(template: str, **values: object) -> Ready:
    """The bytes of a page."""
    shared = {"plural": plural, "length_text": length_text, "kinds": KINDS, "kind_words": WORDS}
    return Ready(render_template(template, **shared, **values).encode())


def page_response(ready: Ready) -> Response:
    """The answer with a page. Nothing in it is run or loaded but our own files, whatever a client reported."""
    response = reading(ready, "text/html")
    response.headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
    # Other sites learn nothing. Our own form needs the Origin, which a browser hides where it never sends a referrer.
    response.headers["Referrer-Policy"] = "same-origin"
    return response
