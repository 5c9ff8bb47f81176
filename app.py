"""The only file that knows everyone: settings, store and clock in, a Flask app out."""

import atexit
import logging
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, cast

from flask import Flask
from pydantic import SecretStr

import cli
import legacy
from config import ConfigError, Settings, store_location
from domain.errors import Invalid, Unavailable
from domain.freshness import Moment
from domain.times import believable
from operations.access import Access
from operations.heartbeat import Life
from operations.transfer import Place
from storage import Store
from stores import compact_store, open_store, open_tokens, site_of, verify_store, write_dump
from web.api import (
    about,
    agent,
    badge,
    health,
    history,
    login,
    metrics,
    reports,
    servers,
    summary,
    tokens,
    values,
    workers,
)
from web.base import age, bodies, errors, headers, logs, origin
from web.base.address import BehindProxies
from web.base.guard import Guard
from web.base.measured import ServiceMetrics
from web.pages import board, problems, server

AGENT = Path(__file__).with_name("dist") / "gitops-agent.pyz"  # by `make agent`


def create_app(
    settings: Settings | None = None, store: Store | None = None, clock: Callable[[], float] = time.time
) -> Flask:
    """The service. What is not given comes from the environment; `clock` gives epoch seconds.

    Raises config.ConfigError where the environment holds nonsense. A store out of order is no reason not to start:
    its routes answer 503 until it is mended.
    """
    settings = settings or Settings.from_environment(os.environ)
    clock = believable(clock)

    def get_moment() -> Moment:
        return Moment(int(clock()), settings.stale_after, settings.history_days, life.outages())

    measured = ServiceMetrics()
    if store is None:
        store = open_store(settings.store, legacy.upgrade(settings, clock), committed=measured.committed, clock=clock)
        atexit.register(store.close)
    life = Life(store, clock)
    kept_tokens = open_tokens(settings.store)
    atexit.register(kept_tokens.close)
    access = Access(kept_tokens, settings.admin_secret)
    guard = Guard(access, settings, get_moment)

    app = Flask(__name__, static_folder="web/pages/static", template_folder="web/pages/templates")
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False  # a method that no route has is a 405 in our one error shape
    app.url_map.merge_slashes = False  # a path within is what was sent: `/status//web` is a 404, not a redirect
    if settings.trusted_proxies:
        app.wsgi_app = BehindProxies(app.wsgi_app, settings.trusted_proxies)  # type: ignore[method-assign]  # Flask has no other way
    errors.register(app)
    headers.register(app)
    age.register(app, store.age)
    bodies.register(app)
    origin.register(app, settings)
    guard.register(app)
    measured.register(app)
    if settings.access_log == "on":
        logs.register(app)
    for blueprint in (
        reports.routes(store, guard, settings, get_moment),
        servers.routes(store, get_moment),
        summary.routes(store, get_moment),
        values.routes(store, get_moment),
        history.routes(store, get_moment),
        badge.routes(store, get_moment),
        health.routes(store),
        metrics.routes(store, get_moment, measured),
        board.routes(store, settings, get_moment),
        problems.routes(store, get_moment),
        server.routes(store, get_moment),
        about.routes(guard),
        agent.routes(AGENT),
        tokens.routes(access, settings, get_moment),
        workers.routes(store, get_moment),
        login.routes(access, guard, settings, get_moment),
    ):
        app.register_blueprint(blueprint)
    if settings.legacy_auth != "off":
        app.register_blueprint(legacy.routes(store, guard, settings, get_moment))
    app.extensions["measured"] = measured  # for gunicorn.conf.py, as is what follows, and for no command
    app.extensions["share"] = store.share
    app.extensions["begin"] = partial(_begin, store)
    app.extensions["life"] = life
    _add_commands(app, settings, access, clock)
    return app


def _add_commands(app: Flask, settings: Settings, access: Access, clock: Callable[[], float]) -> None:
    """What an operator types: `flask token` and `flask store`."""

    def located(text: str) -> Path | SecretStr:
        """Where an operator says that a store is, or where that of the settings is."""
        try:
            return cast(Path | SecretStr, store_location(text)) if text else settings.store
        except ValueError as error:
            raise Invalid(str(error)) from None

    def file_of(text: str) -> Path:
        """The same, where it is a file."""
        if isinstance(location := located(text), Path):
            return location
        raise Invalid("The store is a database, which checks itself; this command is for a file.")

    @contextmanager
    def opened(text: str = "") -> Iterator[Place]:
        """The store at a place that an operator names, or that of the settings; nothing goes from it by itself."""
        location = located(text)
        try:
            place = Place(
                open_store(location, legacy.upgrade(settings, clock), clock=clock),
                open_tokens(location),
                site_of(location),
            )
        except RuntimeError as error:
            raise Invalid(str(error)) from None
        with closing(place.store), closing(place.tokens):
            yield place

    app.cli.add_command(cli.token_commands(access, opened, clock))
    app.cli.add_command(cli.store_commands(opened, write_dump, file_of, verify_store, compact_store))


def _begin(store: Store) -> None:
    """What a process that serves does first; a store that is out of order says so to whoever asks."""
    try:
        store.begin()
    except Unavailable as error:
        logging.getLogger("gitops_status").warning("%s", error)


def __getattr__(name: str) -> Any:
    """`app:app` for gunicorn and the command `flask`, made when it is asked for: importing this file opens no store."""
    if name == "app":
        try:
            return create_app()
        except ConfigError as error:
            sys.exit(str(error))
    raise AttributeError(name)
