"""A service that knows its admin, and the shortest ways to make, send and exchange tokens."""

from pathlib import Path
from typing import Any

from tests.web.api import ADMIN_TOKEN, Answer, Api

REPORT = {"server_group": "web", "host": "web-01", "status": "synced"}
NOT_VALID = {"error": "The token is not valid: it is unknown, wrong, expired or revoked.", "code": "unauthorized"}


def service(folder: Path, **settings: Any) -> Api:
    """A service with an admin token in its settings, and one server."""
    api = Api(folder, admin_token=ADMIN_TOKEN, **settings)
    assert as_admin(api, "POST", "/status/pipeline", json=REPORT).status == 201
    return api


def sent(token: str) -> dict[str, str]:
    """The header that a token is sent in."""
    return {"Authorization": f"Bearer {token}"}


def as_admin(api: Api, method: str, path: str, **options: Any) -> Answer:
    """Any request, with the token of the settings."""
    return api.request(method, path, headers=sent(ADMIN_TOKEN), **options)


def make(api: Api, **wanted: Any) -> Any:
    """What the service tells once about a new token: its text too."""
    answer = as_admin(api, "POST", "/tokens", json={"label": "of-a-test", **wanted})
    assert answer.status == 201, answer.json
    return answer.json


def login(api: Api, token: str, **wanted: Any) -> Answer:
    """Exchange a token for a short-lived one."""
    return api.request("POST", "/login", headers=sent(token), json=wanted)
