"""A service as the dashboards find it."""

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from tests.process.service import Service, running


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service with two groups that have a host of the same name, one server that no pipeline knows, and one that went."""
    web = {
        "server_group": "web",
        "server_type": "nginx",
        "environment": "prod",
        "pipeline_url": "https://ci.example.com/1",
    }
    db = {"server_group": "db", "server_type": "post gres & co", "environment": "test"}
    with running(tmp_path_factory.mktemp("service")) as running_service:

        def post(source: str, *reports: dict[str, Any]) -> None:
            url = f"{running_service.url}/status/{source}"
            requests.post(url, json=list(reports), timeout=60).raise_for_status()

        post(
            "pipeline",
            {**web, "host": "srv-01", "status": "failed", "commit_sha": "abc", "validation_status": "failed"},
        )
        post("pipeline", {**db, "host": "srv-01", "status": "synced"}, {**web, "host": "gone", "status": "synced"})
        post("cron", {**db, "host": "srv-02", "changed_files": ["/etc/a"]}, {**web, "host": "srv-02"})
        post("cron", {"server_group": "web", "host": "srv-01", "status": "failed", "changed_files": ["/etc/b"]})
        requests.delete(f"{running_service.url}/status/web/gone", timeout=60).raise_for_status()
        yield running_service
