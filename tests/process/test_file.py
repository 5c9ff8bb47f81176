"""What a person does with the file of a running service: put a backup back, break it, mend it, bring one of v1."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.process.fleet import stored, wait_until_stored
from tests.process.service import Service, running, wait_until

WORKERS = 3
V1 = b"""{
  "repo": "rsyslog",  "server": "rsyslog-lab",
  "sync_status": "OUT_OF_SYNC", "drift_count": 1,
  "deployed_files": [], "drifted_files": ["/etc/rsyslog.conf"],
  "last_check": "2025-04-26T00:00:00Z"
}"""


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running(tmp_path_factory.mktemp("service"), workers=WORKERS) as service:
        yield service


@pytest.fixture
def service(shared: Service) -> Service:
    """A service with three workers that has nothing in its file but one server."""
    shared.store.write_text("{}")
    report(shared, "h-01", "before")
    wait_until_stored(shared.store, "file/h-01")
    return shared


def report(service: Service, host: str, commit: str) -> None:
    body = {"server_group": "file", "host": host, "status": "synced", "commit_sha": commit}
    requests.post(service.url + "/status/pipeline", json=body, timeout=60).raise_for_status()


def through_each_worker(service: Service, path: str) -> list[requests.Response]:
    answers = []
    for worker in service.workers():
        with service.only(worker):
            answers.append(requests.get(service.url + path, timeout=60))
    assert len(answers) == WORKERS
    return answers


def test_a_backup_that_is_put_back_is_taken_over_by_every_worker(service: Service) -> None:
    backup = service.store.with_name("backup.json")
    backup.write_bytes(service.store.read_bytes())
    report(service, "h-01", "after")
    report(service, "h-02", "after")
    wait_until_stored(service.store, "file/h-02")  # else it still stands behind the backup, in the journal
    assert [len(answer.json()) for answer in through_each_worker(service, "/status")] == [2] * WORKERS
    backup.replace(service.store)
    for answer in through_each_worker(service, "/status"):
        assert [(row["host"], row["commit_sha"]) for row in answer.json()] == [("h-01", "before")]
    report(service, "h-03", "later")
    wait_until_stored(service.store, "file/h-03")
    assert stored(service.store).keys() == {"file/h-01", "file/h-03"}


def test_a_backup_that_one_worker_took_over_and_wrote_on_is_taken_over_by_the_others_too(service: Service) -> None:
    backup = service.store.with_name("backup.json")
    backup.write_bytes(service.store.read_bytes())
    report(service, "h-01", "after")
    wait_until(lambda: stored(service.store)["file/h-01"]["commit_sha"] == "after", "the file shows it")
    for answer in through_each_worker(service, "/status/file/h-01"):
        assert answer.json()["commit_sha"] == "after"
    backup.replace(service.store)
    with service.only(service.workers()[0]):
        report(service, "h-02", "later")
        wait_until_stored(service.store, "file/h-02")
    for answer in through_each_worker(service, "/status"):
        assert [(row["host"], row["commit_sha"]) for row in answer.json()] == [("h-01", "before"), ("h-02", "later")]


def test_a_file_changed_by_hand_is_read_anew_by_every_worker(service: Service) -> None:
    through_each_worker(service, "/status")
    service.store.write_bytes(service.store.read_bytes().replace(b'"before"', b'"edited"'))
    for answer in through_each_worker(service, "/status/file/h-01"):
        assert answer.json()["commit_sha"] == "edited"


@pytest.mark.parametrize(
    ("damage", "cause"),
    [
        (lambda content: content[: len(content) // 2], "cannot be understood"),
        (lambda content: content.replace(b'"2.0"', b'"9.9"'), "cannot be understood: its version is '9.9'"),
        (lambda _content: b'{"name": "not ours"}\n', "neither of version 2.0 nor of version 1"),
    ],
    ids=["cut", "of a later version", "of another program"],
)
def test_a_damaged_file_is_left_as_it_is_and_mending_it_is_enough(service: Service, damage: Any, cause: str) -> None:
    content = service.store.read_bytes()
    damaged = damage(content)
    assert damaged != content
    service.store.write_bytes(damaged)
    body = {"server_group": "file", "host": "h-02", "status": "synced"}
    for path in ("/status", "/status/file/h-01", "/summary", "/api/status", "/ready"):
        for answer in through_each_worker(service, path):
            assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
            assert answer.reason.startswith("The store status.json is left as it is")
            assert cause in answer.json()["error"]
    for path in ("/status/pipeline", "/status/cron", "/api/status"):
        assert requests.post(service.url + path, json=body, timeout=60).status_code == 503
    assert requests.get(service.url + "/health", timeout=60).status_code == 200
    assert service.store.read_bytes() == damaged

    service.store.write_bytes(content)
    for answer in through_each_worker(service, "/ready"):
        assert answer.status_code == 200
    report(service, "h-02", "mended")
    wait_until_stored(service.store, "file/h-02")
    assert stored(service.store).keys() == {"file/h-01", "file/h-02"}


def test_a_file_of_version_1_is_migrated_once_and_kept_byte_for_byte(tmp_path: Path) -> None:
    store, kept = tmp_path / "status.json", tmp_path / "status.v1.json"
    store.write_bytes(V1)
    with running(tmp_path, workers=WORKERS) as service:

        def read(_number: int) -> Any:
            return requests.get(service.url + "/status", timeout=60).json()

        with ThreadPoolExecutor(12) as pool:
            ((row,), *others) = list(pool.map(read, range(24)))
        assert all(rows == [row] for rows in others)
        assert (row["status"], row["updated_by"]) == ("out_of_sync", "legacy")
        assert (row["timestamp"], row["first_seen"]) == ("2025-04-26T00:00:00Z", "2025-04-26T00:00:00Z")
        assert requests.get(service.url + "/api/status", timeout=60).json() == json.loads(V1)
        assert service.stop() == 0
    assert kept.read_bytes() == V1
    migrated = store.read_bytes()
    assert json.loads(migrated)["version"] == "2.0"
    history = store.with_name("status.json.history").read_bytes()
    assert history.count(b"\n") == 1, "it was migrated more than once"

    with running(tmp_path, workers=WORKERS) as service:
        for path in ("/status", "/ready", "/api/status"):
            requests.get(service.url + path, timeout=60).raise_for_status()
        assert service.stop() == 0
    assert store.read_bytes() == migrated
    assert kept.read_bytes() == V1


def test_an_older_copy_of_the_v1_file_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "status.json").write_bytes(V1)
    (tmp_path / "status.v1.json").write_text("older")
    with running(tmp_path) as service:
        requests.get(service.url + "/ready", timeout=60).raise_for_status()
    assert (tmp_path / "status.v1.json").read_text() == "older"
    assert stored(tmp_path / "status.json").keys() == {"rsyslog-lab/rsyslog-lab"}
