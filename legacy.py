"""The v1 dialect, `/api/status`: its two routes, and the v1 file (API.md, sections 5 and 6).

A v1 client knows one server with a list of deployed and one of drifted files, and must not notice v2.
"""

import re
from collections.abc import Callable, Collection, Mapping
from typing import Annotated, Any, cast

from flask import Blueprint, Response, request
from pydantic import Field
from typing_extensions import TypedDict

from config import Settings
from domain import rules
from domain.document import Upgrade
from domain.errors import Invalid, NotFound
from domain.freshness import Moment
from domain.query import EVERY_SERVER
from domain.report import Report, without_doubles
from domain.server import (
    MAX_FILE_NAME,
    MAX_FILES,
    STATUSES,
    LegacyPost,
    Server,
    Status,
)
from domain.strict_json import parse_json
from domain.texts import MAX_TEXT, NAME_PATTERN, Name, Text, Time, printable
from domain.times import read_time, time_text
from operations.servers import find, take_reports
from storage import Store
from web.base.answers import json_response
from web.base.bodies import read_body, turn
from web.base.describe import Description, describes
from web.base.guard import Guard
from web.base.notes import notes

Clock = Callable[[], float]

ENVIRONMENTS = {"prod", "production", "stage", "staging", "test", "qa", "qas", "uat", "dev", "lab"}
_KEYS = {"repo", "server", "sync_status", "drift_count", "deployed_files", "drifted_files", "last_check"}


class LegacyStatus(TypedDict):
    """What a v1 client reads."""

    repo: str
    server: str
    sync_status: Annotated[str, Field(description="SYNCED, OUT_OF_SYNC, FAILED or UNKNOWN")]
    drift_count: int
    deployed_files: list[str]
    drifted_files: list[str]
    last_check: Time | None


class LegacyBody(TypedDict, total=False):
    """What a v1 client posts; what is left out takes its default, and an unknown status word counts as unknown."""

    repo: Text | None
    server: Name | None
    sync_status: str | None
    drift_count: int | None
    deployed_files: list[str] | None
    drifted_files: list[str] | None
    last_check: str | None


_EXAMPLE: LegacyStatus = {
    "repo": "rsyslog",
    "server": "rsyslog-lab",
    "sync_status": "OUT_OF_SYNC",
    "drift_count": 1,
    "deployed_files": [],
    "drifted_files": ["/etc/rsyslog.conf"],
    "last_check": "2026-04-26T00:00:00Z",
}

# What a v1 client reads where nothing is known yet.
NOTHING: LegacyStatus = {
    "repo": "",
    "server": "",
    "sync_status": "UNKNOWN",
    "drift_count": 0,
    "deployed_files": [],
    "drifted_files": [],
    "last_check": None,
}


def routes(store: Store, guard: Guard, settings: Settings, get_moment: Callable[[], Moment]) -> Blueprint:
    """The two routes of v1."""
    blueprint = Blueprint("legacy", __name__)

    @blueprint.post("/api/status")
    @describes(
        Description(
            "Report as a v1 client",
            LegacyStatus,
            _EXAMPLE,
            LegacyBody,
            _EXAMPLE,
            statuses=(200, 400, 413, 503),
            scope="pipeline",
            groups="body",
            door="legacy",
            counter="legacy",
        )
    )
    def post_legacy_status() -> Response:
        body = read_body(settings.max_body)
        with turn(body):
            report = read_report(_object(parse_json(body)), settings)
        notes().about, notes().reports = report.key, 1
        actor = guard.check_groups([report])
        return json_response(v1_shape(take_reports(store, get_moment(), [report], actor).servers[0]))

    @blueprint.get("/api/status")
    @describes(
        Description(
            "Read as a v1 client",
            LegacyStatus,
            _EXAMPLE,
            parameters=("server", "repo"),
            statuses=(200, 404, 503),
            scope="read",
            groups="none",
            door="legacy",
        )
    )
    def get_legacy_status() -> Response:
        servers = find(store, get_moment(), EVERY_SERVER).servers.values()
        server = choose(servers, request.args.get("server"), request.args.get("repo"))
        return json_response(v1_shape(server) if server else NOTHING)

    return blueprint


def read_report(members: Mapping[str, Any], settings: Settings) -> Report:
    """A v1 object as a Report. Only a name that no record can hold is refused: then raises Invalid."""
    repo, server = _names(members, settings)
    status = _status(members.get("sync_status"))
    post = _legacy_post(members)
    drifted, deployed = post.get("drifted_files", []), post.get("deployed_files", [])
    fields: dict[str, Any] = {
        "status": status,
        "changed_files": _fit(drifted if status == "out_of_sync" or drifted else deployed),
        "updated_by": "legacy",
        "legacy": post,
    }
    environment = server.rsplit("-", 1)[-1]
    on_creation = {
        "project_name": "gitops-for-servers",
        "repo_name": repo,
        "server_type": repo,
        "environment": environment if environment in ENVIRONMENTS else "unknown",
    }
    return Report("legacy", server, server, fields, on_creation, read_time(members.get("last_check")))


def v1_shape(server: Server) -> LegacyStatus:
    """A server as a v1 client knows it; what it posted itself, it gets back."""
    is_drifted = server["status"] == "out_of_sync"
    runs = [run for run in (server["last_pipeline_run"], server["last_cron_check"]) if run]
    post = server.get("legacy")
    shape = {
        "repo": server["repo_name"],
        "server": server["host"],
        "sync_status": server["status"].upper(),
        "drift_count": len(server["changed_files"]) if is_drifted else 0,
        "deployed_files": [] if is_drifted else server["changed_files"],
        "drifted_files": server["changed_files"] if is_drifted else [],
        "last_check": server["last_pipeline_run"] if post is not None else max(runs, default=None),
        **(post or {}),
    }
    return cast(LegacyStatus, shape)


def choose(servers: Collection[Server], name: str | None, repo: str | None) -> Server | None:
    """The one server that a v1 client means; None where there is none at all. Raises NotFound if none fits."""
    if name or repo:
        fitting = [
            server
            for server in servers
            if (not name or name in (server["host"], server["server_group"]))
            and (not repo or repo == server["repo_name"])
        ]
        if not fitting:
            raise NotFound("No server fits the server and repo that were asked for.")
        return max(fitting, key=_order)
    if written := [server for server in servers if server["legacy_revision"]]:
        return max(written, key=lambda server: server["legacy_revision"])
    of_old_type = [server for server in servers if server["server_type"] == "rsyslog"]
    return max(of_old_type or servers, key=_order, default=None)


def upgrade(settings: Settings, clock: Clock) -> Upgrade:
    """What makes the one server of a version 1 file, for the store."""

    def upgraded(document: dict[str, Any]) -> Server | None:
        if not document.keys() & _KEYS:
            return None
        try:
            report = read_report(document, settings)
        except Invalid as error:
            raise ValueError(str(error)) from None
        now = time_text(int(clock()))
        server = rules.apply(None, report, min(report.observed or now, now), revision=1)
        return server if report.observed else {**server, "last_pipeline_run": None}

    return upgraded


def _order(server: Server) -> tuple[str, int]:
    return server["timestamp"], server["revision"]


def _object(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise Invalid("A v1 report is one JSON object.")
    return value


def _names(members: Mapping[str, Any], settings: Settings) -> tuple[str, str]:
    repo, server = members.get("repo"), members.get("server")
    repo = settings.legacy_repo if repo is None else repo
    server = settings.legacy_server if server is None else server
    problems = {}
    if not isinstance(repo, str) or len(repo) > MAX_TEXT or printable(repo) != repo:
        problems["repo"] = "must be a string of at most 1,024 characters without control characters"
    if not isinstance(server, str) or not re.fullmatch(NAME_PATTERN, server):
        problems["server"] = "must be 1 to 253 of A-Z a-z 0-9 . _ : -, the first a letter or digit"
    if problems:
        raise Invalid(" and ".join(f"{field} {sentence}" for field, sentence in problems.items()) + ".", problems)
    return repo, server


def _status(word: Any) -> Status:
    if isinstance(word, str):
        plain = word.strip().lower().replace("-", "_").replace(" ", "_")
        for status in STATUSES:
            if plain == status:
                return status
    return "unknown"


def _legacy_post(members: Mapping[str, Any]) -> LegacyPost:
    """The count and the lists that were posted, to be given back as they came; of another type they are missing."""
    post: LegacyPost = {}
    if type(members.get("drift_count")) is int:
        post["drift_count"] = members["drift_count"]
    if _is_list_of_names(members.get("deployed_files")):
        post["deployed_files"] = members["deployed_files"]
    if _is_list_of_names(members.get("drifted_files")):
        post["drifted_files"] = members["drifted_files"]
    return post


def _is_list_of_names(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(name, str) for name in value)


def _fit(files: list[str]) -> list[str]:
    """The names as a record can hold them. v1 knew no limits, so its clients are not refused for them."""
    fit = (printable(name[:MAX_FILE_NAME]) for name in files)
    return without_doubles(fit)[:MAX_FILES]
