"""The only file that knows everyone: settings, store and clock in, a Flask app out."""

import atexit
import os
import time
from collections.abc import Callable
from typing import Any

from flask import Flask

import legacy
from config import Settings
from domain.freshness import Moment
from storage import Store, open_store
from web import about, badge, errors, health, history, logs, metrics, pages, reports, requests, status, summary


def create_app(
    settings: Settings | None = None, store: Store | None = None, clock: Callable[[], float] = time.time
) -> Flask:
    """The service. What is not given comes from the environment; `clock` gives epoch seconds.

    Raises config.ConfigError where the environment holds nonsense. A store out of order is no reason not to start:
    its routes answer 503 until it is mended.
    """
    settings = settings or Settings.from_environment(os.environ)

    def now() -> Moment:
        return Moment(int(clock()), settings.stale_after, settings.history_days)

    measured = metrics.Measured()
    if store is None:
        store = open_store(settings.store, legacy.upgrade(settings, clock), lambda: now().oldest, measured.committed)
        atexit.register(store.close)

    app = Flask(__name__, static_folder="web/static", template_folder="web/templates")
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False  # a method that no route has is a 405 in our one error shape
    app.url_map.merge_slashes = False  # a path within is what was sent: `/status//web` is a 404, not a redirect
    errors.register(app)
    requests.register(app)
    measured.register(app)
    if settings.access_log == "on":
        logs.register(app)
    for blueprint in (
        reports.routes(store, settings, now),
        status.routes(store, now),
        summary.routes(store, now),
        history.routes(store, now),
        badge.routes(store, now),
        legacy.routes(store, settings, now),
        health.routes(store),
        metrics.routes(store, now, measured),
        pages.routes(store, now),
        about.routes(),
    ):
        app.register_blueprint(blueprint)
    return app


def __getattr__(name: str) -> Any:
    """`app:app` for gunicorn, made when it is asked for: importing this file opens no store."""
    if name == "app":
        return create_app()
    raise AttributeError(name)
