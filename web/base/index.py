"""What `GET /` says to programs: what there is."""

from typing_extensions import TypedDict

from config import VERSION

API_VERSION = "2.0"


class About(TypedDict):
    """The service and where to go on."""

    name: str
    version: str
    api_version: str
    auth: str
    status: str
    summary: str
    groups: str
    values: str
    history: str
    events: str
    pipeline: str
    cron: str
    legacy: str
    tokens: str
    workers: str
    login: str
    health: str
    ready: str
    metrics: str
    openapi: str
    docs: str
    agent: str
    problems: str


ABOUT: About = {
    "name": "gitops-status",
    "version": VERSION,
    "api_version": API_VERSION,
    "auth": "open",
    "status": "/status",
    "summary": "/summary",
    "groups": "/groups",
    "values": "/values",
    "history": "/history",
    "events": "/events",
    "pipeline": "/status/pipeline",
    "cron": "/status/cron",
    "legacy": "/api/status",
    "tokens": "/tokens",
    "workers": "/workers",
    "login": "/login",
    "health": "/health",
    "ready": "/ready",
    "metrics": "/metrics",
    "openapi": "/openapi.json",
    "docs": "/docs",
    "agent": "/agent",
    "problems": "/problems",
}
