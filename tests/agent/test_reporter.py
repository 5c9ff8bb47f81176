"""agent/service/reporter.py and spool.py: what is tried again, waits, or is dropped, by what the other side answers."""

import json
import os
import re
import stat
import threading
from pathlib import Path
from typing import Any

import pytest

from agent.log import Log
from agent.service import spool
from agent.service.spool import Waiting
from tests.agent.agents import ask
from tests.agent.answers import RECORD, answering, error
from tests.agent.senders import Lines, Sender
from tests.process.service import Service, free_port, running, wait_until

pytestmark = pytest.mark.usefixtures("bare_environment")


@pytest.mark.parametrize("answer", [*map(error, (408, 425, 429, 500, 502, 503)), None], ids=str)
def test_what_may_pass_is_tried_again_after_longer_and_longer_pauses(tmp_path: Path, answer: Any) -> None:
    with answering(answer, answer, answer, RECORD) as server:
        sender = Sender(tmp_path, server.url)
        assert sender.send()
    assert len(server.asked) == 4
    assert all(wanted / 2 <= pause <= wanted * 1.5 for wanted, pause in zip((1, 2, 4), sender.pauses, strict=True))
    assert sender.waiting == []


def test_it_waits_after_four_tries_and_the_warning_names_the_cause(tmp_path: Path) -> None:
    with answering(error(503, "The store cannot be written: No space left on device.")) as server:
        sender = Sender(tmp_path, server.url)
        assert sender.send()
    assert len(server.asked) == 4
    assert sender.waiting == ["web-01"]
    assert "WARNING" in sender.lines.text
    assert "The pipeline report of web/web-01 waits." in sender.lines.text
    assert "The store cannot be written: No space left on device." in sender.lines.text


def test_a_pause_that_the_service_asks_for_is_made(tmp_path: Path) -> None:
    with answering(error(429, Retry_After="17"), RECORD) as server:
        sender = Sender(tmp_path, server.url)
        assert sender.send()
    assert sender.pauses == [17.0]


def test_a_pause_of_more_than_half_a_minute_is_left_to_the_next_call(tmp_path: Path) -> None:
    with answering(error(429, Retry_After="31"), RECORD) as server:
        sender = Sender(tmp_path, server.url)
        assert sender.send()
        assert (len(server.asked), sender.pauses, sender.waiting) == (1, [], ["web-01"])
        assert sender.send("cron", host="web-02")
    assert sender.waiting == []
    assert "which" not in sender.lines.text
    assert "had to wait, and is delivered." in sender.lines.text


@pytest.mark.parametrize("answer", [*map(error, (401, 404, 405, 407)), (200, {}, b"<html>"), (204, {}, b"")], ids=str)
def test_what_somebody_has_to_mend_is_asked_once_and_everything_waits(tmp_path: Path, answer: Any) -> None:
    with answering(answer) as server:
        sender = Sender(tmp_path, server.url)
        assert sender.send(host="web-01")
        assert sender.send(host="web-02")
    assert len(server.asked) == 2
    assert sender.waiting == ["web-01", "web-02"]
    assert "web/web-01" in sender.lines.text
    assert "and 1 more" in sender.lines.text


def test_a_report_that_the_token_does_not_allow_waits_and_lets_the_others_pass(tmp_path: Path) -> None:
    with answering(error(403, "The token is not for the group web."), RECORD) as server:
        sender = Sender(tmp_path, server.url)
        assert sender.send(host="web-01")
        assert sender.waiting == ["web-01"]
        assert sender.send(host="web-02")
    assert "The token is not for the group web." in sender.lines.text
    assert sender.waiting == []


def test_a_later_report_passes_one_that_is_not_allowed(tmp_path: Path) -> None:
    forbidden = error(403)
    with answering(forbidden, forbidden, RECORD) as server:
        sender = Sender(tmp_path, server.url)
        assert sender.send(host="web-01")
        assert sender.send(host="web-02")
        assert len(server.asked) == 3
    assert sender.waiting == ["web-01"]


@pytest.mark.parametrize("status", [400, 413, 415, 422])
def test_what_is_refused_for_good_is_dropped_and_told(tmp_path: Path, status: int) -> None:
    with answering(error(status, "It is not to our taste."), RECORD) as server:
        sender = Sender(tmp_path, server.url)
        assert not sender.send()
    assert sender.waiting == []
    assert "ERROR" in sender.lines.text
    assert "refused" in sender.lines.text
    assert "It is not to our taste." in sender.lines.text


def test_a_refusal_by_something_else_than_the_service_is_none(tmp_path: Path) -> None:
    with answering((413, {}, b"<html>nginx</html>")) as server:
        sender = Sender(tmp_path, server.url)
        assert sender.send()
    assert sender.waiting == ["web-01"]


def test_one_that_is_refused_among_those_that_wait_is_not_the_fault_of_the_caller(tmp_path: Path, no_url: str) -> None:
    assert Sender(tmp_path, no_url).send(status="green")
    with answering(error(400), RECORD) as server:
        assert Sender(tmp_path, server.url).send(host="web-02")


def test_the_newest_of_a_server_and_kind_takes_the_place_of_the_older_at_the_end(tmp_path: Path, no_url: str) -> None:
    sender = Sender(tmp_path, no_url)
    for host, commit in (("a", "1"), ("b", "2"), ("a", "3")):
        sender.send(host=host, commit_sha=commit)
    sender.send("cron", host="a")
    found = [sender.spool.read(name) for name in sender.spool.names()]
    assert [(one.kind, one.report["host"], one.report.get("commit_sha")) for one in found if one] == [
        ("pipeline", "b", "2"), ("pipeline", "a", "3"), ("cron", "a", None),
    ]  # fmt: skip


def test_what_waited_is_delivered_in_order_by_the_next_call_once_the_service_is_there(tmp_path: Path) -> None:
    (tmp_path / "service").mkdir()
    port = free_port()
    sender = Sender(tmp_path / "state", f"http://127.0.0.1:{port}")
    for host in ("c", "a", "b"):
        assert sender.send(host=host, commit_sha="old")
    assert sender.send(host="c", commit_sha="new")
    with running(tmp_path / "service", workers=1, port=port) as service:
        assert sender.send("cron", host="a", changed_files=["/etc/x"])
        rows = ask(f"{service.url}/history")
    assert [(row["host"], row["source"], row["commit_sha"]) for row in rows] == [
        ("a", "pipeline", "old"), ("b", "pipeline", "old"), ("c", "pipeline", "new"), ("a", "cron", "old"),
    ]  # fmt: skip
    assert sender.waiting == []


def _made(folder: Path, since: str) -> None:
    """Let what waits in a state folder have waited since then."""
    for file in (folder / "spool").glob("*.json"):
        file.write_text(json.dumps({**json.loads(file.read_text()), "since": since}))


def test_what_waited_is_delivered_as_old_as_it_is(tmp_path: Path, no_url: str, service: Service, group: str) -> None:
    away = Sender(tmp_path, no_url)
    assert away.send("cron", server_group=group, changed_files=["/etc/x"], check_interval=900)
    assert away.send("pipeline", server_group=group, host="web-02", status="failed", commit_sha="old")
    _made(tmp_path, "2026-04-26T10:15:00Z")
    for host in ("web-01", "web-02"):  # meanwhile another deploys
        assert Sender(tmp_path / "other", service.url).send(server_group=group, host=host, commit_sha="new")

    assert Sender(tmp_path, service.url).send(server_group=group, host="web-03")

    assert away.waiting == []
    checked, deployed = (ask(f"{service.url}/status/{group}/{host}") for host in ("web-01", "web-02"))
    assert (checked["status"], checked["drift_status"], checked["stale"]) == ("synced", "out_of_sync", True)
    assert checked["last_cron_check"].startswith("2026-04-26T10:15:")
    assert (deployed["status"], deployed["commit_sha"]) == ("synced", "new")


def test_a_clock_that_was_wrong_loses_no_report(tmp_path: Path, no_url: str, service: Service, group: str) -> None:
    for host, since, ago in (("a", "1970-01-01T00:00:00Z", "999999999s"), ("b", "2999-01-01T00:00:00Z", "0s")):
        assert Waiting("cron", {}, since).ago == ago
        assert Sender(tmp_path, no_url).send("cron", server_group=group, host=host)
        _made(tmp_path, since)
        assert Sender(tmp_path, service.url).send(server_group=group, host="web-02")
        assert ask(f"{service.url}/status/{group}/{host}")["drift_status"] == "synced"


def test_a_report_says_how_long_ago_it_was_made_whether_it_can_wait_or_not(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with answering(error(503), RECORD) as server:
        Sender(tmp_path / "state", server.url).send()
        Sender(tmp_path / "file", server.url).send()
    assert len(server.bodies) == 3
    for body in server.bodies:
        assert re.fullmatch("[0-9]+s", json.loads(body)["observed"])


def test_who_finds_another_run_sending_for_long_leaves_its_report_to_that(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool, "PATIENCE", 0)
    with answering(RECORD) as server:
        server.gate.clear()
        first, second = Sender(tmp_path, server.url), Sender(tmp_path, server.url)
        sending = threading.Thread(target=first.send)
        sending.start()
        wait_until(lambda: len(server.asked) == 1, "the first is being sent")
        assert second.send(host="web-02")
        assert "Another run has been sending for long" in second.lines.text
        assert (len(server.asked), second.waiting) == (1, ["web-01", "web-02"])
        server.gate.set()
        sending.join()
    assert len(server.asked) == 2
    assert second.waiting == []


def test_a_log_takes_what_is_no_character() -> None:
    lines = Lines()
    Log(out=lines).info("ü \udcff")
    assert lines.text.endswith(" INFO    ü \\udcff\n")


def test_a_file_that_holds_no_report_is_moved_aside_and_blocks_none(tmp_path: Path) -> None:
    held = [b"", b"{", b"\xff", b"[]", b'{"kind": "../x", "report": {"server_group": "a", "host": "b"}, "since": ""}',
            b'{"kind": "cron", "report": {"host": "b"}, "since": ""}',
            b'{"kind": "cron", "report": {"server_group": "a", "host": "b"}, "since": "yesterday"}', b'{"kind": "cron", "report": 5, "since": ""}',
            b"[" * 100_000]  # fmt: skip
    with answering(RECORD) as server:
        sender = Sender(tmp_path, server.url)
        folder = tmp_path / "spool"
        folder.mkdir()
        for number, content in enumerate(held):
            (folder / f"{number:012}-{number:016x}-00000000.json").write_bytes(content)
        assert sender.send()
    assert sender.waiting == []
    assert sorted(path.read_bytes() for path in folder.glob("*.damaged")) == sorted(held)
    assert sender.lines.text.count("holds no report") == len(held)
    assert len(server.asked) == 1


def test_where_nothing_can_be_written_the_report_is_sent_and_that_is_said(tmp_path: Path, no_url: str) -> None:
    (tmp_path / "spool").write_text("a file where the folder should be")
    with answering(RECORD) as server:
        sender = Sender(tmp_path, server.url)
        assert sender.send()
        assert len(server.asked) == 1
        assert "So the report is sent, and cannot wait." in sender.lines.text
    sender = Sender(tmp_path, no_url)
    assert not sender.send()
    assert "The pipeline report is lost." in sender.lines.text


def test_a_report_is_readable_by_its_owner_only(tmp_path: Path, no_url: str) -> None:
    Sender(tmp_path / "state", no_url).send()
    file = next((tmp_path / "state/spool").iterdir())
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_what_a_run_that_died_had_begun_to_write_goes_after_an_hour(tmp_path: Path) -> None:
    folder = tmp_path / "spool"
    folder.mkdir()
    for name in ("old.tmp", "new.tmp"):
        (folder / name).touch()
    os.utime(folder / "old.tmp", (1, 1))
    with answering(RECORD) as server:
        Sender(tmp_path, server.url).send()
    assert [path.name for path in folder.iterdir()] == ["new.tmp"]
