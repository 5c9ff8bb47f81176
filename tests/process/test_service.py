"""Several workers are one service: each shows what another stored, and many writers at once lose nothing."""

import itertools
import json
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.process.fleet import Fleet, OutsideReader, board, lost, stored, trouble_in_history, wait_until_stored
from tests.process.service import NOTES, Service, running, wait_until

WORKERS = 3
WRITERS = 24
REPORTS = 16  # by each writer
SHARED = 4  # servers that all writers report about


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running(tmp_path_factory.mktemp("service"), workers=WORKERS) as service:
        yield service


def report(service: Service, host: str, **fields: Any) -> requests.Response:
    """Report on a connection of its own."""
    body = {"server_group": "one", "host": host, "status": "synced", **fields}
    answer = requests.post(service.url + "/status/pipeline", json=body, timeout=60)
    answer.raise_for_status()
    return answer


def read(service: Service, path: str) -> Any:
    """Read on a connection of its own."""
    answer = requests.get(service.url + path, timeout=60)
    answer.raise_for_status()
    return answer.json()


def test_what_one_worker_stored_each_other_shows_at_once(service: Service) -> None:
    pairs = itertools.product(service.workers(), repeat=2)
    for number, (writer, reader) in enumerate(pairs):
        with service.only(writer):
            report(service, "pair", commit_sha=f"pair-{number}")
        with service.only(reader):
            assert read(service, "/status/one/pair")["commit_sha"] == f"pair-{number}"
            (row,) = read(service, "/status?host=pair")
            assert row["commit_sha"] == f"pair-{number}"
            assert f"pair-{number}" in {row["commit_sha"] for row in read(service, "/status")}
            assert read(service, "/api/status?server=pair")["sync_status"] == "SYNCED"


def test_what_one_worker_deleted_no_other_shows(service: Service) -> None:
    for deleter, reader in itertools.permutations(service.workers(), 2):
        report(service, "gone")
        with service.only(deleter):
            requests.delete(service.url + "/status/one/gone", timeout=60).raise_for_status()
        with service.only(reader):
            assert requests.get(service.url + "/status/one/gone", timeout=60).status_code == 404
            assert read(service, "/status?host=gone") == []


def test_every_writer_reads_what_it_wrote_while_others_write(service: Service) -> None:
    def write_and_read(writer: int) -> None:
        for number in range(10):
            report(service, f"own-{writer}", commit_sha=f"{writer}-{number}")
            for _ in range(3):
                assert read(service, f"/status/one/own-{writer}")["commit_sha"] == f"{writer}-{number}"

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write_and_read, range(8)))


def test_many_writers_at_once_lose_nothing_and_the_file_is_whole_at_every_moment(service: Service) -> None:
    report(service, "first")
    wait_until_stored(service.store, "one/first")
    before = json.loads(service.store.read_bytes())["revision"]

    def write(writer: int) -> list[str]:
        keys = []
        with requests.Session() as session:
            for number in range(REPORTS):
                host = f"new-{writer}-{number}" if number % 2 else f"shared-{writer % SHARED}"
                body = {"server_group": "many", "host": host, "status": "synced", "commit_sha": f"{writer}-{number}"}
                answer = session.post(service.url + "/status/pipeline", json=body, timeout=60)
                assert answer.ok, answer.text
                assert answer.json()["commit_sha"] == f"{writer}-{number}"
                keys.append(f"many/{host}")
        return keys

    with OutsideReader(service.store).reading() as reader, ThreadPoolExecutor(WRITERS) as pool:
        written = Counter(key for keys in pool.map(write, range(WRITERS)) for key in keys)
        wait_until(lambda: reader.readings > 1 or reader.trouble != [], "the reader has seen the file change")
    assert reader.trouble == []
    report(service, "last")
    wait_until_stored(service.store, "one/last")
    content = json.loads(service.store.read_bytes())
    assert 0 <= content["revision"] - (before + WRITERS * REPORTS + 1) < NOTES
    assert written.total() == WRITERS * REPORTS
    assert written.keys() <= content["servers"].keys()
    assert len(written) == WRITERS * REPORTS // 2 + SHARED
    for shared in range(SHARED):  # the last report about it is one of the last of some writer
        commit = content["servers"][f"many/shared-{shared}"]["commit_sha"]
        assert commit in {f"{writer}-{REPORTS - 2}" for writer in range(WRITERS)}
    revisions = [server["revision"] for server in content["servers"].values()]
    assert len(set(revisions)) == len(revisions), "a revision was given twice"


def test_two_services_on_one_file_are_one(service: Service, tmp_path: Path) -> None:
    with running(tmp_path, workers=1, environment={"STATUS_STORE": str(service.store)}) as other:
        for number in range(5):
            for writer, reader in ((service, other), (other, service)):
                report(writer, "both", commit_sha=f"{writer.url}-{number}")
                assert read(reader, "/status/one/both")["commit_sha"] == f"{writer.url}-{number}"
        assert read(service, "/status") == read(other, "/status")
    wait_until_stored(service.store, "one/both")


def test_two_services_under_load_on_one_file_show_all_and_lose_nothing(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    store = tmp_path / "status.json"
    with (
        running(tmp_path) as service,
        running(tmp_path / "other", environment={"STATUS_STORE": str(store)}) as other,
        Fleet(service.url, "one", 4).reporting() as one,
        Fleet(other.url, "two", 4).reporting() as two,
    ):
        wait_until(lambda: one.has(200)() and two.has(200)(), "each has acknowledged 200")
        one.stop()
        two.stop()
        acknowledged = one.acknowledged + two.acknowledged
        assert len(acknowledged) == len(one.sent + two.sent), one.refused + two.refused
        assert board(service) == board(other)
        assert lost(acknowledged, board(service)) == []
        wait_until(lambda: not lost(acknowledged, stored(store)), "the file shows all")
        assert 0 <= json.loads(store.read_bytes())["revision"] - len(acknowledged) < NOTES
        assert (service.stop(), other.stop()) == (0, 0)
    assert trouble_in_history(store, acknowledged, acknowledged) == []
    assert 0 <= json.loads(store.read_bytes())["revision"] - len(acknowledged) < NOTES


def test_web_concurrency_is_the_number_of_workers(service: Service, tmp_path: Path) -> None:
    assert len(service.workers()) == WORKERS
    with running(tmp_path, workers=1) as other:
        assert len(other.workers()) == 1


def test_it_refuses_to_start_on_settings_that_are_nonsense_and_lists_them_all(tmp_path: Path) -> None:
    nonsense = {"STATUS_MAX_BODY": "banana", "STATUS_LOG_FORMAT": "xml"}
    with pytest.raises(RuntimeError, match="did not start") as refused, running(tmp_path, environment=nonsense):
        pass
    said = str(refused.value)
    assert "STATUS_MAX_BODY='banana'" in said
    assert "STATUS_LOG_FORMAT='xml'" in said
    assert "Traceback" not in said
    assert not (tmp_path / "status.json").exists()


def test_a_service_without_workers_is_refused(tmp_path: Path) -> None:
    refused = pytest.raises(RuntimeError, match=r"WEB_CONCURRENCY=0: the service needs at least one worker\.")
    with refused, running(tmp_path, environment={"WEB_CONCURRENCY": "0"}):
        pass
