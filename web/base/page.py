"""Templates -> pages: their bytes, and the policy that they are shown under."""

from flask import Response, request, stream_template

from domain.verdict import KINDS, WORDS, Kind
from domain.words import length_text, plural
from web.base.answers import Body, Packed, in_pieces, reading
from web.base.links import linker

PAGE_MEDIA = {"text/html": "<!doctype html>…"}
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)


def wants_page() -> bool:
    """Whether it is a browser that asks."""
    return "text/html" in request.headers.get("Accept", "")


def icon(kind: Kind | None) -> str:
    """The icon of a page that shows this verdict: it stands in a tab that nobody looks at."""
    quiet: dict[Kind | None, str] = {"well": "icon-well.svg", "never_checked": "icon.svg", None: "icon.svg"}
    return quiet.get(kind, "icon-wrong.svg")


def page(template: str, **values: object) -> Body:
    """The bytes of a page. A page that is told no `link` has no filters to keep in its links."""
    shared = {"plural": plural, "length_text": length_text, "kinds": KINDS, "kind_words": WORDS, "link": linker([])}
    return Packed(in_pieces(stream_template(template, **(shared | values))))


def page_response(body: Body) -> Response:
    """The answer with a page that a browser may ask for again."""
    return _under_policy(reading(body, "text/html"))


def error_response(body: Body, status: int) -> Response:
    """The answer with a page that says what is wrong; nobody keeps it."""
    return _under_policy(Response(body.plain(), status, mimetype="text/html"))


def _under_policy(response: Response) -> Response:
    """Nothing in a page is run or loaded but our own files, whatever a client reported."""
    response.headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
    # Other sites learn nothing. Our own form needs the Origin, which a browser hides where it never sends a referrer.
    response.headers["Referrer-Policy"] = "same-origin"
    return response
