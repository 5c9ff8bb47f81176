"""docs/SECURITY.md: its table names tests that are there, and its nginx serves the service over TLS as it says."""

import os
import re
import shutil
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.process.service import ROOT, free_port, patient, running, wait_until
from web import gunicorn_worker
from web.base import headers

PAGE = (ROOT / "docs/SECURITY.md").read_text("utf-8")
NGINX = re.findall(r"```nginx\n(.*?)```", PAGE, re.DOTALL)[0]


def test_each_limit_names_the_test_that_holds_it() -> None:
    rows = re.findall(r"^\| .* \|$", PAGE[PAGE.index("## Limits") : PAGE.index("Every answer")], re.MULTILINE)[1:]
    assert len(rows) > 15
    for row in rows:
        named = re.findall(r"`([\w/]+\.py|gunicorn\.conf\.py)`", row.rsplit("|", 2)[1])
        assert named, row
        for name in named:
            assert (ROOT / name).exists() or (ROOT / "tests" / name).exists(), name


def test_the_page_says_the_numbers_of_the_code() -> None:
    assert f"| {gunicorn_worker.SECONDS_TO_COME} s; {gunicorn_worker.SECONDS_WHEN_FULL} s when" in PAGE
    assert f"send | {gunicorn_worker.SECONDS_TO_ANSWER} s |" in PAGE
    assert f"up to {gunicorn_worker.MAX_COLLECTED // 1024} KiB each" in PAGE
    assert f"have {gunicorn_worker.PATIENT_THREADS} threads of their own" in PAGE
    settings = (ROOT / "gunicorn.conf.py").read_text()
    for setting, said in (("worker_connections = min(900", "| 900;"), ("keepalive = 75", "| 75 s |")):
        assert setting in settings
        assert said in PAGE
    for name in headers.OF_EVERY_ANSWER:
        assert name in PAGE


@pytest.fixture
def proxy(tmp_path: Path) -> Iterator[str]:
    """The nginx of the page before a service, with a certificate of its own; gives the URL."""
    if not (shutil.which("nginx") and shutil.which("openssl")):
        pytest.skip("nginx or openssl is not installed: apt-get install nginx-light openssl")
    port = free_port()
    certificate, key = tmp_path / "status.pem", tmp_path / "status.key"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate],
        check=True, capture_output=True,
    )  # fmt: skip
    settings = {"STATUS_TRUSTED_PROXIES": "127.0.0.1", "STATUS_LOG_FORMAT": "json", **patient(tmp_path)}
    with running(tmp_path, environment=settings) as service:
        site = NGINX.replace("http://127.0.0.1:5000", service.url).replace("listen 443", f"listen 127.0.0.1:{port}")
        site = site.replace("/etc/ssl/status.example.com.pem", str(certificate))
        site = site.replace("/etc/ssl/status.example.com.key", str(key))
        paths = "".join(
            f"{kind}_temp_path {tmp_path}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        (tmp_path / "nginx.conf").write_text(
            f"{'user root; ' * (os.getuid() == 0)}daemon off; pid {tmp_path}/pid; error_log stderr; events {{}}\nhttp {{ access_log off; {paths}\n{site} }}"
        )
        command = ["nginx", "-e", "stderr", "-p", str(tmp_path), "-c", str(tmp_path / "nginx.conf")]
        checked = subprocess.run([*command, "-t"], capture_output=True, text=True, check=False)
        assert checked.returncode == 0, checked.stderr
        with (tmp_path / "nginx.log").open("wb") as log:
            process = subprocess.Popen(command, stderr=log)
        try:
            wait_until(lambda: _answers(port, certificate), "nginx answers")
            yield f"https://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(timeout=60)


def _answers(port: int, certificate: Path) -> bool:
    try:
        ssl.get_server_certificate(("127.0.0.1", port), ca_certs=str(certificate), timeout=5)
    except OSError:
        return False
    return True


def test_the_nginx_of_the_page_hands_on_reports_and_readings(proxy: str, tmp_path: Path) -> None:
    verify = str(tmp_path / "status.pem")
    report = {"server_group": "tls", "host": "h-01", "status": "synced"}
    with requests.Session() as session:
        assert session.post(f"{proxy}/status/pipeline", json=report, verify=verify, timeout=60).status_code == 201
        assert session.get(f"{proxy}/status/tls/h-01", verify=verify, timeout=60).json()["status"] == "synced"
        answer = session.get(f"{proxy}/nothing", verify=verify, timeout=60)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
        assert answer.headers["Strict-Transport-Security"]
        large = [{**report, "host": f"h-{number}", "commit_message": "x" * 4_000} for number in range(1_000)]
        assert session.post(f"{proxy}/status/pipeline", json=large, verify=verify, timeout=60).status_code == 201
        assert session.get(f"{proxy}/health", verify=verify, timeout=60).ok
