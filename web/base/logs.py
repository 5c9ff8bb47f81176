"""Log lines: one line each, text or JSON, with no body and no secret."""

import json
import logging
from typing import Any, Literal
from urllib.parse import quote

from flask import Flask, Response, request
from gunicorn import glogging

from domain.times import time_text
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


class TextFormatter(logging.Formatter):
    """`2026-04-26T10:30:00Z INFO message`; the lines of a traceback are joined into the one."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(message)s")

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: ARG002, N802 - logging's
        return time_text(int(record.created))

    def format(self, record: logging.LogRecord) -> str:
        return super().format(record).replace("\r", "\\r").replace("\n", "\\n")


class JsonFormatter(TextFormatter):
    """One JSON object a line; a request's parts are members of their own."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": self.formatTime(record),
            "level": record.levelname,
            "message": record.getMessage(),
            **getattr(record, "request", {}),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def configuration(form: Literal["text", "json"], access_log: Literal["on", "off"]) -> dict[str, Any]:
    """What logging.config.dictConfig needs: everything to standard error in the one form."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"()": JsonFormatter if form == "json" else TextFormatter}},
        "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"level": "INFO", "handlers": ["console"]},
        "loggers": {
            "gunicorn.error": {"level": "INFO", "handlers": [], "propagate": True},
            "gunicorn.access": {"level": "CRITICAL", "handlers": [], "propagate": False},
            "gitops_status.access": {"level": "INFO" if access_log == "on" else "CRITICAL"},
        },
    }
