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

HEADING = "A drift check by cron"
FILES = {"files/etc/rsyslog.conf": "*.* /var/log/all\n", "README.md": "Not deployed.\n"}

# What curl learned after 7.61, the version of RHEL 8 (curl's own docs/options-in-versions).
TOO_NEW_FOR_CURL_7_61 = """
    alt-svc aws-sigv4 ca-native create-file-mode curves doh-cert-status doh-insecure doh-url dump-ca-embed ech
    etag-compare etag-save fail-with-body follow form-escape haproxy-clientip hostpubsha256 hsts http0.9 http3
    http3-only ip-tos ipfs-gateway json keepalive-cnt knownhosts mail-rcpt-allowfails mptcp no-clobber
    no-progress-meter out-null output-dir parallel parallel-immediate parallel-max parallel-max-host proxy-ca-native
    proxy-http2 proxy-ssl-auto-client-cert rate remove-on-error retry-all-errors sasl-authzid sigalgs skip-existing
    ssl-auto-client-cert ssl-revoke-best-effort ssl-sessions tls-earlydata trace-config trace-ids upload-flags
    url-query variable vlan-priority
""".split()

# All that the script may call, so that neither jq nor anything else slips in.
TOOLS = "awk cat cmp curl find git head mkdir mktemp rm sort tar timeout uname".split()

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
    return block(HEADING, "sh")


def record(service: Service, check: DriftCheck) -> dict[str, Any]:
    answer = requests.get(f"{service.url}/status/rsyslog-drift/{check.host}", timeout=10)
    answer.raise_for_status()
    found: dict[str, Any] = answer.json()
    return found


def deploy(check: DriftCheck) -> None:
    shutil.copytree(check.origin, check.target / "files", dirs_exist_ok=True)


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
