"""How a log line looks: one line, as text or as JSON, on standard error. Each process of the service logs so."""

import json
import logging
from typing import Any, Literal

from domain.times import time_text


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
