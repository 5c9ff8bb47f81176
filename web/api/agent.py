"""GET /agent: the agent as one file, for `curl`."""

from pathlib import Path

from flask import Blueprint, Response

from domain.errors import NotFound
from web.base.answers import Ready, reading
from web.base.describe import Description, describes

_FILE = {"application/zip": "#!/usr/bin/env python3 …"}


def routes(file: Path) -> Blueprint:
    """The route that servers fetch the agent from."""
    blueprint = Blueprint("agent", __name__)

    @blueprint.get("/agent")
    @describes(
        Description(
            "The agent, which deploys, looks for drift and reports, as one file for Python 3.6 or newer",
            None,
            None,
            media=_FILE,
            statuses=(200, 304, 404),
            scope=None,
            groups="none",
        )
    )
    def fetch_agent() -> Response:
        try:
            response = reading(Ready(file.read_bytes()), "application/zip")
        except OSError:
            raise NotFound("The agent was not built for this service; `make agent` does that.") from None
        response.headers["Content-Disposition"] = 'attachment; filename="gitops-agent"'
        return response

    return blueprint
