"""agent/reporter.py: what is tried again, what waits and what is dropped, by what the other side answers."""

import io
import json
import os
import shutil
import stat
import subprocess
import threading
from pathlib import Path
from typing import Any

import pytest

from agent import spool
from agent.log import Log
from agent.reporter import Reporter
from agent.spool import Spool
from tests.agent.agents import ask
from tests.agent.answers import RECORD, Answers, answering, error
from tests.process.service import Service, free_port, running, wait_until


class Lines:
    """Takes the lines of a log."""

    def __init__(self) -> None:
        self.buffer = io.BytesIO()

    @property
    def text(self) -> str:
        """All of them."""
        return self.buffer.getvalue().decode()


class Sender:
    """A reporter over a folder. The pauses that it makes are noted, and take no time."""

    def __init__(self, folder: Path, url: str, token_file: str = "") -> None:
        self.lines = Lines()
        self.pauses: list[float] = []
        self.spool = Spool(str(folder))
        self._reporter = Reporter(url, token_file, str(folder), Log(out=self.lines), self.pauses.append)

    def send(self, kind: str = "pipeline", **fields: Any) -> bool:
        """Send a report about web/web-01, unless the fields say otherwise."""
        status = {"status": "synced"} if kind == "pipeline" else {}
        return self._reporter.send(kind, {"server_group": "web", "host": "web-01", **status, **fields})

    @property
    def waiting(self) -> list[str]:
        """The hosts of the reports that wait, in order."""
        found = [self.spool.read(name) for name in self.spool.names()]
        return [one.report["host"] for one in found if one]


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("STATUS_TOKEN", "http_proxy", "HTTP_PROXY", "https_proxy", "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def no_url() -> str:
    return f"http://127.0.0.1:{free_port()}"


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


def test_a_redirect_is_not_followed_and_named(tmp_path: Path) -> None:
    with answering(RECORD) as target, answering((302, {"Location": target.url}, b"")) as server:
        sender = Sender(tmp_path, server.url)
        assert sender.send()
        assert f"sends on to {target.url}: write the new address into statusUrl." in sender.lines.text
    assert target.asked == []
    assert sender.waiting == ["web-01"]


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


def test_the_service_says_which_field_it_refuses(tmp_path: Path, service: Service) -> None:
    sender = Sender(tmp_path, service.url)
    assert not sender.send(status="green")
    assert "status must be one of 'synced'" in sender.lines.text
    assert sender.waiting == []


def test_one_that_is_refused_among_those_that_wait_is_not_the_fault_of_the_caller(tmp_path: Path, no_url: str) -> None:
    assert Sender(tmp_path, no_url).send(status="green")
    with answering(error(400), RECORD) as server:
        assert Sender(tmp_path, server.url).send(host="web-02")


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("{}", "nobody listens there"),
        ("http://no-such-host.invalid", "its name is not known here"),
    ],
)
def test_what_cannot_be_reached_is_named_in_words(tmp_path: Path, no_url: str, url: str, words: str) -> None:
    sender = Sender(tmp_path, url.format(no_url))
    assert sender.send()
    assert f"cannot be reached: {words}" in sender.lines.text
    assert sender.waiting == ["web-01"]
    assert len(sender.pauses) == 3


def test_https_to_what_speaks_http_is_named(tmp_path: Path, service: Service) -> None:
    sender = Sender(tmp_path, service.url.replace("http:", "https:"))
    assert sender.send()
    assert "it does not speak TLS; is http:// meant?" in sender.lines.text


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate of 127.0.0.1 that nobody knows, with its key."""
    if not shutil.which("openssl"):
        pytest.skip("openssl is not installed: apt-get install openssl")
    path = tmp_path / "status.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", path, "-out", tmp_path / "own.pem"],
        check=True, capture_output=True,
    )  # fmt: skip
    path.write_text(path.read_text() + (tmp_path / "own.pem").read_text())
    return path


def test_a_certificate_is_looked_at_and_ssl_cert_file_names_a_ca(
    tmp_path: Path, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with answering(RECORD, certificate=certificate) as server:
        stranger = Sender(tmp_path, server.url)
        assert stranger.send()
        assert "its certificate is not trusted; SSL_CERT_FILE names that of your own CA" in stranger.lines.text
        assert server.asked == []
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "own.pem"))
        assert Sender(tmp_path, server.url).send("cron")
        assert [path for _, path, _ in server.asked] == ["/status/pipeline", "/status/cron"]


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
            b'{"kind": "cron", "report": {"host": "b"}, "since": ""}', b'{"kind": "cron", "report": 5, "since": ""}',
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


def _authorization(server: Answers) -> str:
    headers = server.asked[-1][2]
    assert headers["User-Agent"].startswith("gitops-agent/")
    return headers.get("Authorization", "")


def test_the_token_of_the_environment_goes_before_that_of_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "token"
    file.write_text("of-the-file\n")
    file.chmod(0o600)
    with answering(RECORD) as server:
        sender = Sender(tmp_path, server.url, str(file))
        sender.send()
        assert _authorization(server) == "Bearer of-the-file"
        monkeypatch.setenv("STATUS_TOKEN", "of-the-environment\n")
        sender.send()
        assert _authorization(server) == "Bearer of-the-environment"
    assert sender.lines.text == ""


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "cannot be read: No such file"),
        ("", "is empty"),
        ("gst_one\ngst_two", "holds more than a token"),
        ("gst_ä", "holds more than a token"),
    ],
)
def test_a_token_file_out_of_order_is_named_and_no_secret_of_it(
    tmp_path: Path, content: str | None, words: str
) -> None:
    file = tmp_path / "token"
    if content is not None:
        file.write_text(content)
        file.chmod(0o600)
    with answering(RECORD) as server:
        sender = Sender(tmp_path, server.url, str(file))
        assert sender.send()
    assert server.asked == []
    assert sender.waiting == ["web-01"]
    assert words in sender.lines.text
    assert "gst_" not in sender.lines.text


def test_a_token_file_that_others_can_read_is_warned_of(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("gst_one")
    file.chmod(0o644)
    with answering(RECORD) as server:
        sender = Sender(tmp_path, server.url, str(file))
        assert sender.send()
    assert "chmod 600" in sender.lines.text


def test_it_goes_by_the_proxy_of_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with answering(RECORD) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        assert Sender(tmp_path, "http://status.example.com").send()
    assert proxy.asked[0][:2] == ("POST", "http://status.example.com/status/pipeline")


def test_without_an_address_reporting_is_off_and_said(tmp_path: Path) -> None:
    sender = Sender(tmp_path / "state", "")
    assert sender.send()
    assert "INFO" in sender.lines.text
    assert "nothing is reported" in sender.lines.text
    assert not (tmp_path / "state").exists()


def test_whatever_a_file_is_called_and_a_program_printed_the_service_takes(
    tmp_path: Path, service: Service, group: str
) -> None:
    names = ["/etc/\udcff.conf", "a\x1b[31mb", "\ud800", "x" * 5000, "ü" * 4096] + [
        "€" * 4000 + str(number) for number in range(2000)
    ]
    sender = Sender(tmp_path, service.url)
    assert sender.send(
        server_group=group, changed_files=names, validation_message="\x1b[1mred\x00" * 10_000, commit_message="\udce4",
        branch="b\x07" * 2000, commit_sha="c" * 2000, pipeline_url="http://ci.example.com/" + "x" * 2000,
    ), sender.lines.text  # fmt: skip
    record = ask(f"{service.url}/status/{group}/web-01")
    assert record["changed_files"][:2] == ["/etc/\\xff.conf", "a\ufffd[31mb"]
    assert record["changed_files"][2] == "\\ud800"
    assert record["changed_files"][3] == "x" * 4095 + "…"
    assert record["changed_files"][-1] == f"… and {2005 - len(record['changed_files']) + 1:,} more"
    assert record["commit_message"] == "\\xe4"
    assert (len(record["branch"]), len(record["commit_sha"]), record["pipeline_url"]) == (1024, 1024, "")
    assert json.dumps(record)


def test_a_thousand_files_are_named_and_more_are_counted(tmp_path: Path, service: Service, group: str) -> None:
    sender = Sender(tmp_path, service.url)
    for count, last in ((1000, "999"), (1001, "… and 2 more")):
        assert sender.send("cron", server_group=group, changed_files=[str(number) for number in range(count)])
        record = ask(f"{service.url}/status/{group}/web-01")
        assert (record["changed_files_count"], record["changed_files"][-1]) == (1000, last)
