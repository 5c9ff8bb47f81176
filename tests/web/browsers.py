"""People in their browsers, at a service where everybody needs a token."""

from http.cookies import Morsel, SimpleCookie
from pathlib import Path
from typing import Any

from werkzeug.test import Client, TestResponse

from tests.web.api import ADMIN_TOKEN, Api
from tests.web.tokens import REPORT, as_admin

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
OWN = {"Sec-Fetch-Site": "same-origin"}
SESSION, LABEL = "gitops_status_session", "gitops_status_label"


def guarded(folder: Path) -> Api:
    """A service where everybody needs a token, with two servers."""
    api = Api(folder, auth="all", admin_token=ADMIN_TOKEN)
    for group in ("web", "db"):
        as_admin(api, "POST", "/status/pipeline", json={**REPORT, "server_group": group})
    return api


def make(api: Api, **wanted: Any) -> Any:
    """What the service tells once about a new token that reads: its text too."""
    return as_admin(api, "POST", "/tokens", json={"label": "Zoë", "scopes": ["read"], **wanted}).json


def log_in(client: Client, token: str, onward: str = "", **options: Any) -> TestResponse:
    """Send the form, as its page does."""
    return client.post("/login", data={"token": token, "next": onward}, **{"headers": OWN, **options})


def logged_in(api: Api, token: str) -> Client:
    """A browser with a session."""
    client = api.app.test_client()
    assert log_in(client, token).status_code == 303
    return client


def cookies(answer: TestResponse) -> dict[str, Morsel[str]]:
    """What an answer tells the browser to keep."""
    return {name: one for line in answer.headers.getlist("Set-Cookie") for name, one in SimpleCookie(line).items()}
