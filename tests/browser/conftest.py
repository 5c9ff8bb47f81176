"""A real browser over a real service. Debian's Chromium, driven by Playwright; nothing is downloaded."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import requests
from playwright.sync_api import Browser, ConsoleMessage, Dialog, Page, sync_playwright

from tests.process.service import Service, running

CHROMIUM = Path("/usr/bin/chromium")
PLAIN = "status.test"  # a name of this machine that the browser does not trust as it does 127.0.0.1

Report = Callable[..., None]
Open = Callable[..., Page]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if not CHROMIUM.exists():
        pytest.skip(f"{CHROMIUM} is not installed: apt-get install chromium")
    with sync_playwright() as playwright:
        # A container's root has no user namespaces to make a sandbox of; what is opened is our own page.
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", f"--host-resolver-rules=MAP {PLAIN} 127.0.0.1"]
        )
        yield browser
        browser.close()


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    with running(tmp_path, workers=1) as service:
        yield service


@pytest.fixture
def report(service: Service) -> Report:
    """Send reports: `report("cron", {…}, {…})`."""

    def send(source: str, *reports: dict[str, Any]) -> None:
        answer = requests.post(f"{service.url}/status/{source}", json=reports, timeout=30)
        assert answer.ok, answer.text

    return send


@pytest.fixture
def fleet(report: Report) -> None:
    """One good server, one that drifts, one that failed, and forty more."""
    many = [{"server_group": "edge", "host": f"edge-{number:02}", "status": "synced"} for number in range(40)]
    report(
        "pipeline",
        {"server_group": "web", "host": "web-01", "status": "synced", "environment": "prod", "server_type": "nginx"},
        {"server_group": "db", "host": "db-01", "status": "failed", "environment": "test", "commit_sha": "abc1234"},
        *many,
    )
    report("cron", {"server_group": "web", "host": "web-02", "changed_files": ["/etc/a"], "server_type": "nginx"})


@pytest.fixture
def open_page(browser: Browser, service: Service) -> Iterator[Open]:
    """Open a path in a window of its own, with a clock that the test moves. No page may raise, warn, or ask."""
    said: list[str] = []

    def dismiss(dialog: Dialog) -> None:
        said.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def listen(message: ConsoleMessage) -> None:
        # Of an answer that does not come the browser itself says so, and the page tells it.
        if "Failed to load resource" not in message.text:
            said.append(f"console: {message.text}")

    with ExitStack() as stack:

        def open_path(path: str = "/", **options: Any) -> Page:
            context = stack.enter_context(browser.new_context(**options))
            page = context.new_page()
            page.set_default_timeout(10_000)
            page.clock.install()
            page.on("pageerror", lambda error: said.append(f"error: {error}"))
            page.on("dialog", dismiss)
            page.on("console", listen)
            page.goto(service.url + path)
            page.wait_for_selector("#as-of:not([hidden])")
            return page

        yield open_path
    assert said == []
