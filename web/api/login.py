"""/login and /logout: a token exchanged for a short-lived one, as JSON, or as the cookie of a person's browser."""

from collections.abc import Callable
from contextlib import suppress
from typing import NotRequired
from urllib.parse import parse_qsl, quote

from flask import Blueprint, Response, g, request
from typing_extensions import TypedDict

from config import Settings
from domain.errors import Forbidden, StatusError, Unauthorized
from domain.freshness import Moment
from domain.tokens import Narrowing, Rights, read_narrowing
from operations.access import LOGIN_SECONDS, Access
from web.base.answers import private_json
from web.base.bodies import FORM, read_body, read_json_body
from web.base.describe import Description, describes
from web.base.errors import STATUS
from web.base.guard import SESSION, Guard
from web.base.origin import need_own_page
from web.base.page import PAGE_MEDIA, page, page_response

# A page is the same for everybody and is kept so; who is logged in stands in this cookie, for the page's script.
LABEL = "gitops_status_label"
MAX_FORM = 16_384


class Login(TypedDict):
    """A short-lived token."""

    access_token: str
    expires_in: int
    token_type: str
    scopes: list[str]
    groups: list[str]


class LoginForm(TypedDict):
    """What the page /login sends; `next` is the page to go on to."""

    token: str
    next: NotRequired[str]


_NARROWER: Narrowing = {"scopes": ["read"], "groups": ["rsyslog-prod"]}
_LOGIN: Login = {
    "access_token": "gsl_3f9a0c2b7d11_…", "expires_in": LOGIN_SECONDS, "token_type": "bearer", "scopes": ["read"],
    "groups": ["rsyslog-prod"],
}  # fmt: skip


def routes(access: Access, guard: Guard, settings: Settings, get_moment: Callable[[], Moment]) -> Blueprint:
    """The routes of a login. While a session is used, each answer of the service may renew it."""
    blueprint = Blueprint("session", __name__)

    @blueprint.get("/login")
    @describes(
        Description(
            "The form to log in by, as a page; with `next`, whoever is logged in goes on to there",
            None,
            None,
            statuses=(200, 303),
            media=PAGE_MEDIA,
            scope=None,
            groups="none",
        )
    )
    def show_login() -> Response:
        label, onward = None, request.args.get("next", "")
        with suppress(Unauthorized):
            label = guard.rights().label
            if onward:
                return _redirect(_own(onward))
        # A link on another site brings no SameSite=Strict cookie along, so the page itself has to ask once more.
        is_from_elsewhere = onward and request.headers.get("Sec-Fetch-Site") == "cross-site"
        return _form(onward, label=label, again=_own(onward) if is_from_elsewhere else "")

    @blueprint.post("/login")
    @describes(
        Description(
            "A token for 15 minutes, with the rights of the one that is sent or fewer; for a form, as a cookie",
            Login,
            _LOGIN,
            body=Narrowing,
            example=_NARROWER,
            form=LoginForm,
            statuses=(200, 303, 400, 401, 403, 413, 415, 429, 503),
            scope=None,
            groups="none",
        )
    )
    def login() -> Response:
        if request.mimetype == FORM:
            return _login_by_form(access, guard, get_moment().now)
        parent = guard.rights()
        has_body = request.mimetype or request.content_length
        wanted = read_narrowing(read_json_body(settings.max_body) if has_body else b"")
        rights, text = access.login(parent, wanted, get_moment().now)
        answer: Login = {
            "access_token": text,
            "expires_in": LOGIN_SECONDS,
            "token_type": "bearer",
            "scopes": sorted(rights.scopes),
            "groups": list(rights.groups),
        }
        return private_json(answer)

    @blueprint.post("/logout")
    @describes(
        Description(
            "Take the cookie away", None, None, statuses=(303, 403), media=PAGE_MEDIA, scope=None, groups="none"
        )
    )
    def logout() -> Response:
        need_own_page()
        response = _redirect("/login")
        for name in (SESSION, LABEL):
            response.delete_cookie(name)
        return response

    @blueprint.after_app_request
    def renew(response: Response) -> Response:
        rights: Rights | None = g.get("rights")
        if rights and rights.since:
            # Nothing of it stays in the browser for who sits there next, or in a proxy with the cookie of this person.
            response.headers["Cache-Control"] = "no-store"
            with suppress(StatusError):  # what was asked for is answered all the same
                if again := access.renewed(rights, get_moment().now):
                    _set_cookies(response, *again, get_moment().now)
        return response

    return blueprint


def _login_by_form(access: Access, guard: Guard, now: int) -> Response:
    need_own_page()
    given = dict(parse_qsl(read_body(MAX_FORM).decode("utf-8", "replace")))
    onward = given.get("next", "")
    try:
        parent = guard.rights(given.get("token", "").strip())
        parent.need("read")  # else every page would refuse the person who has just logged in
        rights, text = access.login(parent, {}, now, is_session=True)
    except (Unauthorized, Forbidden) as error:
        return _form(onward, error)
    response = _redirect(_own(onward))
    _set_cookies(response, rights, text, now)
    return response


def _own(onward: str) -> str:
    """The path of this service to go on to. Of what a browser could take for another host, `/`."""
    is_ours = onward.startswith("/") and onward[1:2] not in ("/", "\\") and onward.isascii() and onward.isprintable()
    return onward if is_ours else "/"


def _redirect(path: str) -> Response:
    response = Response(status=303)
    response.headers["Location"] = path
    response.headers["Cache-Control"] = "no-store"
    return response


def _form(onward: str, error: StatusError | None = None, **values: object) -> Response:
    """The page to log in by, again with what was wrong."""
    response = page_response(page("login.html", next=onward, error=error, **values))
    response.headers["Cache-Control"] = "no-store"
    if error:
        response.status_code = STATUS[type(error)]
    if response.status_code == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def _set_cookies(response: Response, rights: Rights, text: str, now: int) -> None:
    for name, value, is_secret in ((SESSION, text, True), (LABEL, quote(rights.label), False)):
        response.set_cookie(
            name, value, max_age=rights.until - now, secure=request.is_secure, httponly=is_secret, samesite="Strict"
        )
