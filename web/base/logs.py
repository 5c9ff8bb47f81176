"""Log lines: one line each, text or JSON, with no body and no secret."""

import logging
from typing import Any
from urllib.parse import quote

from flask import Flask, Response, request
from gunicorn import glogging

from web.base.bodies import seconds_taken
from web.base.notes import notes

logger = logging.getLogger("gitops_status.access")


# What gunicorn says of an address that another program listens on.
IN_USE = "Connection in use: %s"
CHOOSE = f"{IN_USE}. Another program listens there; choose another address: BIND=127.0.0.1:5001 make run"


class ServerLogger(glogging.Logger):  # type: ignore[misc]  # gunicorn has no types
    """Gunicorn's logger without its lines a request, as we write our own: it would build each, and show none."""

    access_log_enabled = False

    def error(self, msg: str, *args: Any, **kwargs: Any) -> None:
        """Log an error, with what to do where gunicorn does not say it."""
        super().error(CHOOSE if msg == IN_USE else msg, *args, **kwargs)


def register(app: Flask) -> None:
    """Write a line for each answered request: method, path without query, status, duration, and the server's key."""
    app.after_request(_write)


def _write(response: Response) -> Response:
    arguments = request.view_args or {}
    server = notes().about or "/".join(quote(name) for name in arguments.values())
    milliseconds = round(seconds_taken() * 1000, 1)
    path = quote(request.path, safe="/:")
    logger.info(
        "%s %s %d %.1fms %s",
        request.method, path, response.status_code, milliseconds, server or "-",
        extra={
            "request": {
                "method": request.method,
                "path": path,
                "status": response.status_code,
                "duration_ms": milliseconds,
                "server": server or None,
            }
        },
    )  # fmt: skip
    return response
