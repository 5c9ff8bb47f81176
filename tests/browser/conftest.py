"""A real browser over a real service. Debian's Chromium, driven by Playwright; nothing is downloaded."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import requests
from playwright.sync_api import Browser, ConsoleMessage, Dialog, Error, Page, Playwright, sync_playwright

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
        browser = started(playwright)
        yield browser
        browser.close()


def started(playwright: Playwright) -> Browser:
    """Chromium. A container's root has no user namespaces to make a sandbox of; what is opened is our own page."""
    return playwright.chromium.launch(
        executable_path=CHROMIUM, args=["--no-sandbox", f"--host-resolver-rules=MAP {PLAIN} 127.0.0.1"]
    )


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    with running(tmp_path, workers=1) as service:
        yield service


@pytest.fixture
def report(service: Service) -> Report:
    """Send reports: `report("cron", {…}, {…})`."""

    def send(source: str, *reports: dict[str, Any]) -> None:
        answer = requests.post(f"{service.url}/status/{source}", json=reports, timeout=60)
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


@pytest.fixture(scope="session")
def tab(browser: Browser) -> Page:
    """A window that is used again and again, as people do: to open one costs more than what a test does in it."""
    return browser.new_page()


def leave(tab: Page) -> None:
    """Leave it to the next as nobody's, at the present time."""
    tab.evaluate("[localStorage, sessionStorage].forEach(each => each.clear())")
    tab.goto("about:blank")
    tab.context.clear_cookies()
    tab.emulate_media(media="null")
    tab.clock.install()


@pytest.fixture
def open_page(browser: Browser, tab: Page, service: Service) -> Iterator[Open]:
    """Open a path with a clock that the test moves: first in the old window, as it was left by nobody, then, or where
    it has to be of another kind, in a new one. No page may raise, warn, or ask.
    """
    said: list[str] = []
    free = [tab]

    def dismiss(dialog: Dialog) -> None:
        said.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def listen(message: ConsoleMessage) -> None:
        # Of an answer that does not come the browser itself says so, and the page tells it.
        if "Failed to load resource" not in message.text:
            said.append(f"console: {message.text}")

    def fail(error: Error) -> None:
        said.append(f"error: {error}")

    with ExitStack() as stack:

        def open_path(path: str = "/", **options: Any) -> Page:
            if free and not options:
                page = free.pop()
                stack.callback(leave, tab)
            else:
                page = stack.enter_context(browser.new_context(**options)).new_page()
            page.set_default_timeout(60_000)
            page.clock.install()
            for event, hear in (("pageerror", fail), ("dialog", dismiss), ("console", listen)):
                page.on(event, hear)  # type: ignore[call-overload]  # it knows each event by its own type
                stack.callback(page.remove_listener, event, hear)
            page.goto(service.url + path)
            page.wait_for_selector("#as-of:not([hidden])")
            return page

        yield open_path
    assert said == []
