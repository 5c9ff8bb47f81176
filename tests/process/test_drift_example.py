"""The drift script of INTEGRATION_EXAMPLES.md, with real repositories and real files, against a real service."""

import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.process.examples import DriftCheck, block
from tests.process.service import Service, free_port, running

FILES = {"etc/rsyslog.conf": "*.* /var/log/all\n", "etc/rsyslog.d/10-tls.conf": "# tls\n"}

# What curl learned after 7.61, the version of RHEL 8 (curl's own docs/options-in-versions).
# fmt: off
TOO_NEW_FOR_CURL_7_61 = [
    "alt-svc", "aws-sigv4", "ca-native", "create-file-mode", "curves", "doh-cert-status",
    "doh-insecure", "doh-url", "dump-ca-embed", "ech", "etag-compare", "etag-save",
    "fail-with-body", "follow", "form-escape", "haproxy-clientip", "hostpubsha256", "hsts",
    "http0.9", "http3", "http3-only", "ip-tos", "ipfs-gateway", "json",
    "keepalive-cnt", "knownhosts", "mail-rcpt-allowfails", "mptcp", "no-clobber", "no-progress-meter",
    "out-null", "output-dir", "parallel", "parallel-immediate", "parallel-max", "parallel-max-host",
    "proxy-ca-native", "proxy-http2", "proxy-ssl-auto-client-cert", "rate", "remove-on-error", "retry-all-errors",
    "sasl-authzid", "sigalgs", "skip-existing", "ssl-auto-client-cert", "ssl-revoke-best-effort", "ssl-sessions",
    "tls-earlydata", "trace-config", "trace-ids", "upload-flags", "url-query", "variable",
    "vlan-priority",
]
# fmt: on

# All that the script may call, so that neither jq nor anything else slips in.
TOOLS = ["awk", "cat", "cmp", "curl", "find", "git", "head", "mkdir", "mktemp", "rm", "sort", "timeout", "uname"]

SetUp = Callable[..., DriftCheck]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running(tmp_path_factory.mktemp("service")) as service:
        yield service


@pytest.fixture
def set_up(tmp_path: Path, service: Service, request: pytest.FixtureRequest) -> SetUp:
    """Makes a server whose files are all as git says; its name is one of this test's."""
    host = re.sub(r"[^a-z0-9]+", "-", request.node.name.lower()).strip("-")

    def make(files: Mapping[str, str] = FILES) -> DriftCheck:
        return DriftCheck.set_up(tmp_path, service.url, host, script(), files)

    return make


def script() -> str:
    return block("A drift check by cron", "sh")


def record(service: Service, check: DriftCheck) -> dict[str, Any]:
    answer = requests.get(f"{service.url}/status/rsyslog-drift/{check.host}", timeout=60)
    answer.raise_for_status()
    found: dict[str, Any] = answer.json()
    return found


def verdict(service: Service, check: DriftCheck) -> tuple[str, list[str]]:
    stored = record(service, check)
    root = str(check.target)
    return stored["drift_status"], [name.removeprefix(root) for name in stored["changed_files"]]


def test_a_server_that_runs_what_git_says_is_synced(service: Service, set_up: SetUp) -> None:
    check = set_up()
    done = check.run()
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert verdict(service, check) == ("synced", [])
    assert record(service, check)["check_interval"] == 900


def test_the_report_carries_the_token(tmp_path: Path) -> None:
    token = "an-admin-token-of-the-tests"
    (tmp_path / "service").mkdir()
    settings = {"STATUS_AUTH": "writes", "STATUS_ADMIN_TOKEN": token}
    with running(tmp_path / "service", workers=1, environment=settings) as closed:
        check = DriftCheck.set_up(tmp_path, closed.url, "token-01", script(), FILES)
        refused = check.run()
        assert refused.returncode == 1
        assert "This needs a token" in refused.stderr
        assert check.run(STATUS_TOKEN=token).returncode == 0
        assert verdict(closed, check) == ("synced", [])


def test_the_branch_is_what_counts_and_not_what_lies_in_the_clone(service: Service, set_up: SetUp) -> None:
    check = set_up()
    (check.folder / "checkout/files/etc/rsyslog.conf").write_text("edited in the clone\n")
    check.run()
    assert verdict(service, check) == ("synced", [])
    (check.origin / "etc/rsyslog.conf").write_text("a newer commit\n")
    check.commit()
    check.run()
    assert verdict(service, check) == ("out_of_sync", ["/etc/rsyslog.conf"])


@pytest.mark.parametrize("shell", ["sh", "dash", "bash"])
def test_every_name_of_a_file_arrives_whole(service: Service, set_up: SetUp, shell: str) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    names = [
        "etc/plain.conf",
        "etc/with  two spaces .conf",
        "etc/a \"quote\" and 'another'.conf",
        "etc/back\\slash\\n.conf",
        "etc/tab\there.conf",
        "etc/umläut/日本/😀.conf",
        "etc/$(touch pwned) `touch pwned`.conf",
        "etc/%s *.conf",
        "-n",
    ]
    check = set_up(dict.fromkeys([*names, "etc/as-in-git.conf"], "git\n"))
    for name in names:
        (check.target / name).write_text("drifted\n")
    done = check.run(shell)
    assert done.returncode == 0, done.stderr
    status, changed = verdict(service, check)
    assert (status, set(changed)) == ("out_of_sync", {"/" + name for name in names})
    assert not (check.folder / "pwned").exists()


def test_what_no_report_may_hold_becomes_readable(service: Service, set_up: SetUp) -> None:
    names = {
        "etc/latin-\udce4.conf": "/etc/latin-\\xe4.conf",  # a byte that is not UTF-8
        "etc/red-\x1b[31m.conf": "/etc/red-\\x1b[31m.conf",
        "etc/next-line-\x85.conf": "/etc/next-line-\\xc2\\x85.conf",
        "etc/delete-\x7f.conf": "/etc/delete-\\x7f.conf",
    }
    check = set_up(dict.fromkeys(names, "git\n"))
    for name in names:
        (check.target / name).write_text("drifted\n")
    done = check.run()
    assert done.returncode == 0, done.stderr
    assert set(verdict(service, check)[1]) == set(names.values())


def test_a_missing_file_is_drift_and_so_is_a_folder_in_its_place(service: Service, set_up: SetUp) -> None:
    check = set_up()
    (check.target / "etc/rsyslog.conf").unlink()
    shutil.rmtree(check.target / "etc/rsyslog.d")
    check.run()
    assert verdict(service, check) == ("out_of_sync", ["/etc/rsyslog.conf", "/etc/rsyslog.d/10-tls.conf"])
    (check.target / "etc/rsyslog.conf").mkdir()
    check.run()
    assert verdict(service, check) == ("out_of_sync", ["/etc/rsyslog.conf", "/etc/rsyslog.d/10-tls.conf"])


def test_more_files_than_a_report_holds_are_cut_and_not_refused(service: Service, set_up: SetUp) -> None:
    check = set_up({f"etc/{number:04}.conf": "git\n" for number in range(1_001)})
    shutil.rmtree(check.target / "etc")
    done = check.run()
    assert done.returncode == 0, done.stderr
    status, changed = verdict(service, check)
    assert (status, len(changed), changed[-1]) == ("out_of_sync", 1_000, "/etc/0999.conf")


def without_the_origin(check: DriftCheck) -> dict[str, str]:
    shutil.rmtree(check.folder / "origin")
    return {}


def without_a_clone(check: DriftCheck) -> dict[str, str]:
    return {"CHECKOUT": str(check.folder / "none")}


def without_the_folder(_: DriftCheck) -> dict[str, str]:
    return {"FOLDER": "none"}


def without_a_file_in_git(check: DriftCheck) -> dict[str, str]:
    shutil.rmtree(check.origin)
    check.origin.mkdir()
    (check.origin / "only-a-link").symlink_to("/etc/rsyslog.conf")
    check.commit()
    return {}


def without_the_server(check: DriftCheck) -> dict[str, str]:
    shutil.rmtree(check.target)
    return {}


def with_a_file_that_cannot_be_read(check: DriftCheck) -> dict[str, str]:
    (check.origin / "mem").touch()  # where even root gets an error when it reads /proc/self/mem
    check.commit()
    return {"TARGET": "/proc/self"}


def with_a_line_end_in_a_name(check: DriftCheck) -> dict[str, str]:
    (check.origin / "etc/a\nb.conf").write_text("git\n")
    check.commit()
    return {}


@pytest.mark.parametrize(
    "trouble",
    [
        without_the_origin,
        without_a_clone,
        without_the_folder,
        without_a_file_in_git,
        without_the_server,
        with_a_file_that_cannot_be_read,
        with_a_line_end_in_a_name,
    ],
)
def test_what_cannot_be_compared_is_unknown_and_neither_drift_nor_synced(
    service: Service, set_up: SetUp, trouble: Callable[[DriftCheck], dict[str, str]]
) -> None:
    check = set_up()
    (check.target / "etc/rsyslog.conf").write_text("drifted\n")
    check.run()
    done = check.run(**trouble(check))
    assert done.returncode == 0
    assert "cannot compare, so the status is unknown" in done.stderr
    assert verdict(service, check) == ("unknown", ["/etc/rsyslog.conf"])
    assert record(service, check)["problem"] == 1


def test_a_folder_that_one_may_not_look_into_is_unknown(service: Service, set_up: SetUp) -> None:
    check = set_up()
    (check.target / "etc").chmod(0)
    # Root would see into it all the same, unless it lays that power down first.
    without_powers = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
    done = check.run(*without_powers, "sh")
    (check.target / "etc").chmod(0o755)
    assert "cannot look into" in done.stderr
    assert verdict(service, check)[0] == "unknown"


def test_a_report_that_is_refused_is_an_error_that_says_why(set_up: SetUp) -> None:
    done = set_up().run(SERVER_HOST='no "host"')
    assert done.returncode != 0
    assert "the report was not accepted (HTTP 400)" in done.stderr
    assert '"host":"must be ' in done.stderr


def test_a_service_that_does_not_answer_is_an_error(set_up: SetUp) -> None:
    done = set_up().run(STATUS_URL=f"http://127.0.0.1:{free_port()}")
    assert done.returncode != 0
    assert "the report was not accepted (HTTP 000)" in done.stderr


def test_it_needs_nothing_but_git_curl_and_the_tools_of_every_server(service: Service, set_up: SetUp) -> None:
    check = set_up()
    (check.folder / "bin").mkdir()
    for tool in TOOLS:
        found = shutil.which(tool)
        assert found, tool
        (check.folder / "bin" / tool).symlink_to(found)
    done = check.run("/bin/sh", PATH=str(check.folder / "bin"))
    assert (done.returncode, done.stderr) == (0, "")
    assert verdict(service, check) == ("synced", [])


def test_it_cleans_up_behind_itself(set_up: SetUp) -> None:
    check = set_up()
    (check.folder / "tmp").mkdir()
    check.run(TMPDIR=str(check.folder / "tmp"))
    check.run(TMPDIR=str(check.folder / "tmp"), CHECKOUT="/none")
    assert list((check.folder / "tmp").iterdir()) == []


def test_it_asks_nothing_of_curl_that_version_7_61_does_not_know() -> None:
    (command,) = re.findall(r"\$\(curl (.*?)\)\n", script(), re.DOTALL)
    options = re.findall(r"(?<!\S)--([a-z0-9.-]+)", command)
    assert {"data-binary", "write-out", "max-time"} <= set(options)
    assert not set(options) & set(TOO_NEW_FOR_CURL_7_61)
    assert not re.search(r"(?<!\S)-[^-]", command), "write long options, so that they can be checked"
    assert re.findall(r"%\{\w+\}", command) == ["%{http_code}"]


def test_cron_runs_it_as_often_as_it_tells_the_service() -> None:
    *settings, line = block("A drift check by cron", "cron").splitlines()
    minute, hour, day, month, weekday, user, program = line.split()
    assert (hour, day, month, weekday, user) == ("*", "*", "*", "*", "root")
    default = re.search(r"CHECK_INTERVAL:-(\d+)", script())
    assert default
    assert int(minute.removeprefix("*/")) * 60 == int(default[1])
    assert program == "/usr/local/bin/gitops-drift"
    required = re.findall(r"\$\{(\w+):\?", script())
    assert [setting.partition("=")[0] for setting in settings] == [*required, "STATUS_TOKEN"]
