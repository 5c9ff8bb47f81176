"""agent/service/client.py and form.py: the way to the service, by address, certificate, proxy and token, and what it takes."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.agent.agents import ask
from tests.agent.answers import RECORD, Answers, answering
from tests.agent.senders import Sender
from tests.process.service import Service

pytestmark = pytest.mark.usefixtures("bare_environment")


def test_a_redirect_is_not_followed_and_named(tmp_path: Path) -> None:
    with answering(RECORD) as target, answering((302, {"Location": target.url}, b"")) as server:
        sender = Sender(tmp_path, server.url)
        assert sender.send()
        assert f"sends on to {target.url}: write the new address into statusUrl." in sender.lines.text
    assert target.asked == []
    assert sender.waiting == ["web-01"]


def test_the_service_says_which_field_it_refuses(tmp_path: Path, service: Service) -> None:
    sender = Sender(tmp_path, service.url)
    assert not sender.send(status="green")
    assert "status must be one of 'synced'" in sender.lines.text
    assert sender.waiting == []


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
        server_group=group, changed_files=names, validation_message="\x1b[1mred\x00" * 10_000 + "FATAL: the end", commit_message="\udce4",
        branch="b\x07" * 2000, commit_sha="c" * 2000, pipeline_url="http://ci.example.com/" + "x" * 2000,
    ), sender.lines.text  # fmt: skip
    record = ask(f"{service.url}/status/{group}/web-01")
    assert record["changed_files"][:2] == ["/etc/\\xff.conf", "a\ufffd[31mb"]
    assert record["changed_files"][2] == "\\ud800"
    assert record["changed_files"][3] == "x" * 4095 + "…"
    assert record["changed_files"][-1] == f"… and {2005 - len(record['changed_files']) + 1:,} more"
    assert record["validation_message"].startswith("\ufffd[1mred")
    assert record["validation_message"].endswith("FATAL: the end")
    assert len(record["validation_message"]) == 4_096
    assert record["commit_message"] == "\\xe4"
    assert (len(record["branch"]), len(record["commit_sha"]), record["pipeline_url"]) == (1024, 1024, "")
    assert json.dumps(record)


def test_a_thousand_files_are_named_and_more_are_counted(tmp_path: Path, service: Service, group: str) -> None:
    sender = Sender(tmp_path, service.url)
    for count, last in ((1000, "999"), (1001, "… and 2 more")):
        assert sender.send("cron", server_group=group, changed_files=[str(number) for number in range(count)])
        record = ask(f"{service.url}/status/{group}/web-01")
        assert (record["changed_files_count"], record["changed_files"][-1]) == (1000, last)
