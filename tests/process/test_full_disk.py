"""A disk that is full, and one that cannot be written, under a running service: told, nothing lost, over by itself."""

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.process.fleet import Fleet, board, lost, stored, trouble_in_history
from tests.process.service import Service, running, wait_until
from tests.small_disk import small_disk

THREADS = 4


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """A service with its store on a small file system of its own."""
    with (
        small_disk(tmp_path / "disk", "size=2m,mode=0700") as disk,
        running(tmp_path, environment={"STATUS_STORE": str(disk / "status.json")}) as service,
    ):
        yield service


def fill(disk: Path) -> None:
    """Take all the room that is left."""
    with (disk / "ballast").open("ab", buffering=0) as ballast, contextlib.suppress(OSError):
        while ballast.write(bytes(4_096)):
            pass


def remount(disk: Path, how: str) -> bool:
    """Make the file system read-only or writable, which has to wait for a file that is being written."""
    return (
        subprocess.run(["mount", "-o", f"remount,{how}", str(disk)], check=False, capture_output=True).returncode == 0
    )


def _assert_it_is_told_and_nothing_else_is_harmed(service: Service, fleet: Fleet, cause: str) -> None:
    """By every worker: what is there is shown as before, and whoever reports or asks for readiness is told why not."""
    report = {"server_group": "late", "host": "h-01", "status": "synced"}
    for worker in service.workers():
        with service.only(worker):
            if "space" in cause:
                fill(service.store.parent)  # what a file that was being written has left
            assert lost(fleet.acknowledged, board(service)) == []
            for answer in (
                requests.get(service.url + "/ready", timeout=60),
                requests.post(service.url + "/status/pipeline", json=report, timeout=60),
            ):
                assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
                assert answer.json()["error"].startswith("The store status.json cannot be ")
                assert answer.json()["error"].endswith(f" {cause}.")
                assert answer.reason == answer.json()["error"].rstrip(".")
            assert "\ngitops_store_ready 0\n" in requests.get(service.url + "/metrics", timeout=60).text
    assert [answer for answer in fleet.refused if not (answer.startswith("503 ") and cause in answer)] == []


def _assert_nothing_is_lost(service: Service, fleet: Fleet, later: Fleet) -> None:
    acknowledged = fleet.acknowledged + later.acknowledged
    requests.get(service.url + "/ready", timeout=60).raise_for_status()
    for worker in service.workers():
        with service.only(worker):
            assert "\ngitops_store_ready 1\n" in requests.get(service.url + "/metrics", timeout=60).text
    assert lost(acknowledged, board(service)) == []
    assert "late/h-01" not in board(service)
    assert service.stop() == 0
    assert lost(acknowledged, stored(service.store)) == []
    assert trouble_in_history(service.store, acknowledged, fleet.sent + later.sent) == []


def test_a_disk_that_fills_up_under_load_is_told_and_with_room_again_the_service_goes_on(service: Service) -> None:
    disk = service.store.parent

    def is_full() -> bool:
        fill(disk)
        return bool(fleet.refused)

    with Fleet(service.url, "disk", THREADS).reporting() as fleet:
        wait_until(fleet.has(100), "100 reports are acknowledged")
        wait_until(is_full, "the disk is full")
    _assert_it_is_told_and_nothing_else_is_harmed(service, fleet, "No space left on device")
    with Fleet(service.url, "room", THREADS).reporting() as later:
        wait_until(lambda: len(later.refused) > 20, "reports are refused")
        (disk / "ballast").unlink()
        wait_until(later.more(100), "100 more reports are acknowledged")
    _assert_nothing_is_lost(service, fleet, later)


def test_a_disk_that_becomes_read_only_is_told_and_writable_again_the_service_goes_on(service: Service) -> None:
    disk = service.store.parent
    with Fleet(service.url, "disk", THREADS).reporting() as fleet:
        wait_until(fleet.has(100), "100 reports are acknowledged")
        wait_until(lambda: remount(disk, "ro"), "the disk is read-only", pause=0.001)
        wait_until(lambda: bool(fleet.refused), "reports are refused")
    _assert_it_is_told_and_nothing_else_is_harmed(service, fleet, "Read-only file system")
    with Fleet(service.url, "writable", THREADS).reporting() as later:
        wait_until(lambda: len(later.refused) > 20, "reports are refused")
        assert remount(disk, "rw")
        wait_until(later.more(100), "100 more reports are acknowledged")
    _assert_nothing_is_lost(service, fleet, later)
