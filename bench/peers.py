"""What the service is measured against, each under the same gunicorn settings.

`bare`: parses the same body and answers JSON; GET answers ready bytes of the same length. Nothing is kept.
`obvious`: the program that everybody writes first: lock, load, dump, rename. It syncs nothing to disk.
"""

import fcntl
import json
import os
from pathlib import Path

from flask import Flask, Response, jsonify, request

STORE = Path(os.environ["STATUS_STORE"])


def bare() -> Flask:
    """Flask and nothing else."""
    app = Flask("bare")
    ready = STORE.read_bytes() if STORE.exists() else b"[]"

    @app.post("/status/cron")
    def report() -> Response:
        return jsonify(request.get_json())

    @app.get("/status")
    def read() -> Response:
        return Response(ready, mimetype="application/json")

    @app.get("/health")
    def health() -> Response:
        return Response("ok")

    return app


def obvious() -> Flask:
    """One file, read and written whole for each report, under a lock."""
    app = Flask("obvious")

    @app.post("/status/cron")
    def report() -> Response:
        posted = request.get_json()
        with STORE.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            servers = json.loads(STORE.read_text()) if STORE.exists() else {}
            servers[f"{posted['server_group']}/{posted['host']}"] = posted
            STORE.with_suffix(".tmp").write_text(json.dumps(servers))
            STORE.with_suffix(".tmp").replace(STORE)
        return jsonify(posted)

    @app.get("/health")
    def health() -> Response:
        return Response("ok")

    return app
