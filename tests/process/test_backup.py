"""A backup is a plain copy in any order, and is put back, as a hand edits, while reports come in."""

import itertools
import json
import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
import requests

from stores import open_store
from tests.process.fleet import Fleet, Report, board, lost, stored
from tests.process.service import Service, running, wait_until
from tests.stores.records import servers

THREADS = 6
FILES = ("status.json", "status.json.journal", "status.json.history")
ROUNDS = 4  # of copies in every order
ARRAY = 40  # servers in one request


@contextmanager
def arrays(service: Service) -> Iterator[list[Report]]:
    """One more client, which reports an array about the same servers again and again; what is acknowledged of it."""
    acknowledged, told_to_stop = list[Report](), threading.Event()

    def report() -> None:
        for number in itertools.count():
            reports = [
                {"server_group": "array", "host": f"h-{host}", "status": "synced", "commit_sha": str(number)}
                for host in range(ARRAY)
            ]
            answer = requests.post(service.url + "/status/pipeline", json=reports, timeout=60)
            if answer.ok:
                acknowledged.extend((f"array/h-{host}", number) for host in range(ARRAY))
            if told_to_stop.is_set():
                break

    thread = threading.Thread(target=report)
    thread.start()
    try:
        yield acknowledged
    finally:
        told_to_stop.set()
        thread.join()


def copy(store: Path, order: tuple[str, ...], folder: Path) -> None:
    """What `cp` does with the files, one after the other."""
    folder.mkdir()
    for name in order:
        shutil.copyfile(store.with_name(name), folder / name)


def test_a_copy_of_the_files_in_any_order_while_reports_come_in_is_a_store_that_opens(tmp_path: Path) -> None:
    orders = [*itertools.permutations(FILES)] * ROUNDS
    copies = list[tuple[Path, tuple[str, ...], list[Report]]]()
    with (
        running(tmp_path) as service,
        Fleet(service.url, "fleet", THREADS).reporting() as fleet,
        arrays(service) as of_arrays,
    ):
        wait_until(lambda: all((tmp_path / name).exists() for name in FILES), "all files are there")
        for number, order in enumerate(orders):
            wait_until(fleet.more(20), "20 more reports are acknowledged", pause=0.001)
            before = [*fleet.acknowledged, *of_arrays]
            copies.append((tmp_path / f"copy-{number}", order, before))
            copy(service.store, order, copies[-1][0])
    assert fleet.refused == []
    assert of_arrays
    for folder, order, before in copies:
        _assert_it_opens(folder, order, before)


def _assert_it_opens(folder: Path, order: tuple[str, ...], before: list[Report]) -> None:
    with closing(open_store(folder / "status.json", lambda _document: None)) as store:
        records = servers(store)
        events = list(store.events())
    file, journal, history = (order.index(name) for name in FILES)
    assert len({record["commit_sha"] for key, record in records.items() if key.startswith("array/")}) <= 1, order
    revisions = [event["revision"] for event in events]
    assert revisions == sorted(set(revisions)), order
    if journal < file:
        assert lost(before, records) == [], order
    if journal < history:
        changes = {(f"{event['server_group']}/{event['host']}", int(event["commit_sha"])) for event in events}
        assert set(before) <= changes, order


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running(tmp_path_factory.mktemp("service")) as service:
        yield service


@pytest.fixture
def service(shared: Service) -> Service:
    """A service with a server in its file that will be gone from the backup, and one that will be as it was."""
    shared.store.write_text("{}")
    report(shared, "kept", "1")
    wait_until(lambda: in_file(shared, "kept") == "1", "the file shows it")
    return shared


def report(service: Service, host: str, commit: str) -> None:
    """Report outside the fleet."""
    body = {"server_group": "hand", "host": host, "status": "synced", "commit_sha": commit}
    requests.post(service.url + "/status/pipeline", json=body, timeout=60).raise_for_status()


def in_file(service: Service, host: str) -> str | None:
    """The commit of a server that the file shows, None where it shows none."""
    server = stored(service.store).get(f"hand/{host}") if service.store.exists() else None
    return server and str(server["commit_sha"])


def through_each_worker(service: Service, host: str) -> list[str | None]:
    """The commit of a server that each worker shows."""
    shown = list[str | None]()
    for worker in service.workers():
        with service.only(worker):
            answer = requests.get(f"{service.url}/status/hand/{host}", timeout=60)
            shown.append(answer.json()["commit_sha"] if answer.ok else None)
    return shown


def test_a_backup_put_back_under_load_is_taken_over_by_every_worker_and_not_fought(service: Service) -> None:
    backup = service.store.with_name("backup.json")
    shutil.copyfile(service.store, backup)
    report(service, "kept", "2")
    report(service, "gone", "2")
    wait_until(lambda: in_file(service, "gone") == "2", "the file shows what the backup does not")
    with Fleet(service.url, "backup", THREADS).reporting() as fleet:
        wait_until(fleet.has(100), "100 reports are acknowledged")
        backup.replace(service.store)
        already_sent = len(fleet.sent)
        wait_until(fleet.more(200), "200 more are acknowledged")
    assert fleet.refused == []
    _assert_it_was_taken_over(service, "1", set(fleet.acknowledged) & set(fleet.sent[already_sent:]))


def test_a_hand_edit_under_load_is_taken_over_by_every_worker_and_not_fought(service: Service) -> None:
    """The editor writes into the file itself and is seen in the middle of it: that half is told, and left alone."""
    report(service, "gone", "2")
    with Fleet(service.url, "edit", THREADS).reporting() as fleet:
        wait_until(lambda: len(fleet.acknowledged) > 100 and in_file(service, "gone") == "2", "the file has all")
        content = json.loads(service.store.read_bytes())
        del content["servers"]["hand/gone"]
        content["servers"]["hand/kept"]["commit_sha"] = "edited"
        edited = json.dumps(content, indent=2).encode()
        half = edited[: len(edited) // 2]
        wait_until(lambda: is_written_into(service.store, half), "the half is in the file", pause=0)
        wait_until(lambda: bool(fleet.refused), "the half is noticed")
        assert service.store.read_bytes() == half
        service.store.write_bytes(edited)
        already_sent = len(fleet.sent)
        wait_until(fleet.more(200), "200 more are acknowledged")
        refused = len(fleet.refused)
        wait_until(fleet.more(50), "and 50 without a refusal")
    begin = '503 {"error":"The store status.json is '
    causes = (
        f"{begin}left as it is, because it cannot be understood: ",
        f"{begin}empty, and there was one",
    )
    assert [answer for answer in fleet.refused if not answer.startswith(causes)] == []
    assert len(fleet.refused) == refused
    _assert_it_was_taken_over(service, "edited", set(fleet.acknowledged) & set(fleet.sent[already_sent:]))


def is_written_into(store: Path, content: bytes) -> bool:
    """Write over the file as it is; not so if the service gave the name to another file before it could see that."""
    with store.open("r+b") as file:
        file.truncate(len(content))
        file.write(content)
        return os.fstat(file.fileno()).st_ino == store.stat().st_ino


def _assert_it_was_taken_over(service: Service, kept: str, later: set[Report]) -> None:
    assert len(later) > 100
    assert through_each_worker(service, "kept") == [kept] * 2
    assert through_each_worker(service, "gone") == [None] * 2
    assert lost(later, board(service)) == []
    wait_until(lambda: not lost(later, stored(service.store)), "the file shows what was reported later")
    assert (in_file(service, "kept"), in_file(service, "gone")) == (kept, None)
