"""/tokens: tokens made, listed and revoked."""

from collections.abc import Callable

from flask import Blueprint, Response, g

from config import Settings
from domain.freshness import Moment
from domain.tokens import NewToken, TokenRow, read_new_token
from operations.access import Access
from web.base.answers import private_json
from web.base.bodies import read_json_body
from web.base.describe import Description, describes
from web.base.examples import SERVER


class MadeToken(TokenRow):
    """A new token with its text, which is shown this once."""

    token: str


_ROW: TokenRow = {
    "id": "3f9a0c2b7d11",
    "label": "ci-rsyslog",
    "scopes": ["pipeline"],
    "groups": ["rsyslog-*"],
    "created": SERVER["timestamp"],
    "expires": None,
    "last_used": None,
    "created_by": "admin",
}
_MADE: MadeToken = {**_ROW, "token": "gst_3f9a0c2b7d11_…"}
_WANTED: NewToken = {"label": "ci-rsyslog", "scopes": ["pipeline"], "groups": ["rsyslog-*"], "expires_in": 7_776_000}


def routes(access: Access, settings: Settings, get_moment: Callable[[], Moment]) -> Blueprint:
    """The routes that tokens are handled by."""
    blueprint = Blueprint("tokens", __name__)

    @blueprint.get("/tokens")
    @describes(
        Description(
            "Every token, without its secret", list[TokenRow], [_ROW], scope="admin", groups="none", door="locked"
        )
    )
    def list_tokens() -> Response:
        return private_json(access.rows())

    @blueprint.post("/tokens")
    @describes(
        Description(
            "Make a token; its text is shown this once",
            MadeToken,
            _MADE,
            body=NewToken,
            example=_WANTED,
            statuses=(201, 400, 413, 415),
            scope="admin",
            groups="none",
            door="locked",
        )
    )
    def make_token() -> Response:
        wanted = read_new_token(read_json_body(settings.max_body))
        row, text = access.create(wanted, g.rights.label, get_moment().now)
        made: MadeToken = {**row, "token": text}
        return private_json(made, 201)

    @blueprint.delete("/tokens/<token_id>")
    @describes(
        Description(
            "End a token, and the short-lived ones it gave",
            None,
            None,
            statuses=(204, 404),
            scope="admin",
            groups="none",
            door="locked",
        )
    )
    def revoke_token(token_id: str) -> Response:
        access.revoke(token_id)
        return Response(status=204)

    return blueprint
