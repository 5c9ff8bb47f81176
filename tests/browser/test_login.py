"""A person logs in, looks, and logs out, in a real browser over a service that asks everybody for a token."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import PLAIN, leave
from tests.process.service import Service, running

ADMIN_TOKEN = "an-admin-token-of-the-tests"
INTERVAL = 30_000
SESSION = "gitops_status_session"

NewPage = Callable[..., Page]


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    settings = {"STATUS_AUTH": "all", "STATUS_LEGACY_AUTH": "token", "STATUS_ADMIN_TOKEN": ADMIN_TOKEN}
    with running(tmp_path, environment=settings) as service:
        ask(service, "POST", "/status/pipeline", json=[server("web"), server("db")])
        yield service


@pytest.fixture
def new_page(browser: Browser, tab: Page) -> Iterator[NewPage]:
    """A page of nobody: the old window, or a new one where it has to be of another kind."""
    with ExitStack() as stack:

        def make(**options: Any) -> Page:
            if options:
                page = stack.enter_context(browser.new_context(**options)).new_page()
            else:
                page = tab
                stack.callback(leave, tab)
            page.set_default_timeout(60_000)
            return page

        yield make


def server(group: str, **fields: Any) -> dict[str, Any]:
    return {"server_group": group, "host": f"{group}-01", "status": "synced", **fields}


def ask(service: Service, method: str, path: str, **options: Any) -> Any:
    answer = requests.request(method, service.url + path, headers={"X-API-Key": ADMIN_TOKEN}, timeout=30, **options)
    assert answer.ok, answer.text
    return answer


def make(service: Service, **wanted: Any) -> Any:
    return ask(service, "POST", "/tokens", json={"label": "Zoë Müller; x=%", "scopes": ["read"], **wanted}).json()


def log_in(page: Page, token: str) -> None:
    page.get_by_label("Token").fill(token)
    page.get_by_role("button", name="Log in").click()


@contextmanager
def site(page: str) -> Iterator[int]:
    """Another web server with one page; its port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            """Send the page."""
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(page.encode())

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
            """Print nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as web:
        thread = threading.Thread(target=web.serve_forever, args=(0.02,))
        thread.start()
        yield web.server_port
        web.shutdown()
        thread.join()


def test_a_person_logs_in_looks_and_logs_out(new_page: NewPage, service: Service) -> None:
    page = new_page()
    page.clock.install()
    page.goto(f"{service.url}/?status=synced&_q=web")
    expect(page.get_by_label("Token")).to_be_focused()
    log_in(page, "wrong")
    expect(page.get_by_role("alert").first).to_contain_text("The token is not valid")
    log_in(page, make(service)["token"])
    expect(page).to_have_url(f"{service.url}/?status=synced&_q=web")
    expect(page.get_by_text("Zoë Müller; x=%")).to_be_visible()
    assert SESSION in {cookie.get("name") for cookie in page.context.cookies()}
    assert SESSION not in page.evaluate("document.cookie")
    assert "gsl_" not in page.content() + page.evaluate("document.cookie")

    ask(service, "POST", "/status/pipeline", json=server("web", environment="prod"))
    page.clock.fast_forward(INTERVAL)
    expect(page.locator("[data-key='web/web-01']")).to_contain_text("prod")
    expect(page.get_by_role("alert")).to_be_hidden()

    page.get_by_role("button", name="Log out").click()
    expect(page).to_have_url(f"{service.url}/login")
    assert page.context.cookies() == []
    page.go_back()
    expect(page.get_by_label("Token")).to_be_visible()  # what was seen is not kept for who sits there next


def test_a_board_whose_token_was_revoked_says_so_and_stays_old_until_one_logs_in_again(
    new_page: NewPage, service: Service
) -> None:
    made = make(service)
    page = new_page()
    page.clock.install()
    page.goto(f"{service.url}/?server_group=web")
    log_in(page, made["token"])
    expect(page.locator("[data-key='web/web-01']")).to_be_visible()
    ask(service, "DELETE", f"/tokens/{made['id']}")
    ask(service, "POST", "/status/pipeline", json=server("web", environment="prod"))
    banner = page.get_by_role("alert")
    for number in (1, 2):
        page.clock.fast_forward(INTERVAL * 2)
        expect(banner).to_contain_text("You are no longer logged in. What you see is as of")
        expect(page.locator("#as-of")).to_contain_text(f"As of {number} min ago")
        expect(page.locator("[data-key='web/web-01']")).not_to_contain_text("prod")
    banner.get_by_role("link", name="Log in").click()
    log_in(page, make(service)["token"])
    expect(page).to_have_url(f"{service.url}/?server_group=web")
    expect(page.locator("[data-key='web/web-01']")).to_contain_text("prod")
    expect(banner).to_be_hidden()


def test_it_is_whole_without_a_script(new_page: NewPage, service: Service) -> None:
    page = new_page(java_script_enabled=False)
    page.goto(f"{service.url}/problems")
    log_in(page, make(service)["token"])
    expect(page).to_have_url(f"{service.url}/problems")
    page.goto(f"{service.url}/login")
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_label("Token")).to_be_visible()
    assert page.context.cookies() == []


def test_who_is_limited_to_groups_gets_these(new_page: NewPage, service: Service) -> None:
    page = new_page()
    page.goto(service.url)
    log_in(page, make(service, groups=["w*"])["token"])
    expect(page).to_have_url(f"{service.url}/?server_group=web")
    page.get_by_role("link", name="Problems", exact=True).click()
    expect(page).to_have_url(f"{service.url}/problems?server_group=web")
    expect(page.get_by_text("No problem is known of 1 server")).to_be_visible()


def test_over_plain_http_one_can_log_in_and_out_too(new_page: NewPage, service: Service) -> None:
    """There the browser sends no Sec-Fetch-Site."""
    page = new_page()
    page.goto(service.url.replace("127.0.0.1", PLAIN))
    with page.expect_request(lambda request: request.method == "POST") as sent:
        log_in(page, make(service)["token"])
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_label("Token")).to_be_visible()
    assert "sec-fetch-site" not in sent.value.all_headers()
    assert page.context.cookies() == []


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_a_form_of_another_site_or_port_changes_nothing(new_page: NewPage, service: Service, host: str) -> None:
    """localhost is another site than 127.0.0.1; another port is another origin of the same, which sends the cookie."""
    page = new_page()
    page.goto(service.url)
    log_in(page, ADMIN_TOKEN)
    expect(page.get_by_role("button", name="Log out")).to_be_visible()
    before = ask(service, "GET", "/status").content
    victim = page.context.cookies()
    forms = [
        ("/api/status", "text/plain", '<input name=\'{"server":"evil","x":"\' value=\'"}\'>'),
        ("/login", "application/x-www-form-urlencoded", f'<input name="token" value="{make(service)["token"]}">'),
        ("/logout", "application/x-www-form-urlencoded", ""),
    ]
    for path, kind, fields in forms:
        form = f'<form method="post" action="{service.url}{path}" enctype="{kind}">{fields}<button>Go</button></form>'
        with site(form) as port:
            page.goto(f"http://{host}:{port}")
            with page.expect_response(service.url + path) as answer:
                page.get_by_role("button").click()
            assert answer.value.status == 403
    assert ask(service, "GET", "/status").content == before
    assert page.context.cookies() == victim
    page.goto(service.url)
    expect(page.get_by_role("button", name="Log out")).to_be_visible()


def test_a_link_on_another_site_leads_whoever_is_logged_in_to_the_page(new_page: NewPage, service: Service) -> None:
    page = new_page()
    page.goto(service.url)
    log_in(page, ADMIN_TOKEN)
    expect(page.get_by_role("button", name="Log out")).to_be_visible()
    with site(f'<a href="{service.url}/servers/web/web-01">web-01 failed</a>') as port:
        page.goto(f"http://localhost:{port}")
        page.get_by_role("link").click()
        expect(page).to_have_url(f"{service.url}/servers/web/web-01")
        expect(page.get_by_role("heading", level=1)).to_contain_text("web-01")
