"""The filters of the board as a person sets them, keeps them, and takes them away."""

from urllib.parse import parse_qsl, urlsplit

import pytest
from playwright.sync_api import Browser, Locator, Page, Route, expect

from tests.browser.conftest import Open, Report
from tests.process.service import Service

INTERVAL = 30_000

pytestmark = pytest.mark.usefixtures("fleet")


def expect_hosts(page: Page, *hosts: str) -> None:
    """The hosts in the rows that are seen."""
    expect(page.locator("tbody tr:not([hidden]) th")).to_have_text(list(hosts))


def expect_filters(page: Page, **wanted: str) -> None:
    """The parameters of the address, once it is there."""
    page.wait_for_url(lambda url: dict(parse_qsl(urlsplit(url).query)) == wanted)


def choice(page: Page, name: str) -> Locator:
    return page.get_by_label(name, exact=True)


def test_a_choice_is_a_filter_of_the_service_beside_what_was_set(open_page: Open) -> None:
    page = open_page("/?server_group=web,db&_sort=-host")
    page.get_by_role("searchbox").fill("w")
    choice(page, "Type").select_option("nginx")
    expect_filters(page, server_group="web,db", server_type="nginx", _q="w", _sort="-host")
    expect_hosts(page, "web-02", "web-01")
    expect(choice(page, "Type")).to_have_value("nginx")
    choice(page, "Status").select_option("out of sync")
    expect_hosts(page, "web-02")
    choice(page, "Type").select_option("all")
    expect_filters(page, server_group="web,db", status="out_of_sync", _q="w", _sort="-host")
    page.go_back()
    expect(choice(page, "Type")).to_have_value("nginx")
    page.go_back()
    expect(choice(page, "Status")).to_have_value("")
    expect_hosts(page, "web-02", "web-01")


def test_a_tile_shows_in_the_choice_and_keeps_search_and_order(open_page: Open) -> None:
    page = open_page("/?environment=test&_q=db&_sort=-status")
    page.get_by_role("link", name="1 failed").click()
    expect(choice(page, "Status")).to_have_value("failed")
    expect_filters(page, environment="test", status="failed", _q="db", _sort="-status")
    expect_hosts(page, "db-01")


def test_everything_is_kept_all_the_way_round_until_show_all(open_page: Open) -> None:
    page = open_page("/?server_type=nginx")
    page.get_by_role("searchbox").fill("web")
    page.get_by_role("button", name="Host").click()
    kept = {"server_type": "nginx", "_q": "web", "_sort": "host"}
    page.locator("tbody").get_by_role("link", name="web-02").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("web-02")
    expect_filters(page, **kept)
    page.get_by_role("link", name="Problems", exact=True).press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("1 server with a problem")
    expect(page.get_by_role("searchbox")).to_have_value("web")
    expect_filters(page, **kept)
    page.get_by_role("link", name="web-02").click()
    page.locator("main").get_by_role("link", name="Board").click()
    expect(page.locator("th[data-name=host]")).to_have_attribute("aria-sort", "ascending")
    expect_filters(page, **kept)
    page.locator("tbody").get_by_role("link", name="web", exact=True).first.click()
    expect(page.get_by_text("server_group = web")).to_be_visible()
    expect_filters(page, **kept, server_group="web")
    page.get_by_role("link", name="Show all").first.click()
    expect(page.locator("#matching")).to_have_text("43 servers")
    expect_filters(page)


def test_a_link_takes_along_what_is_searched_now_however_it_is_used(open_page: Open) -> None:
    page = open_page("/?_q=old")
    search = page.get_by_role("searchbox")
    problems = page.get_by_role("link", name="Problems", exact=True)
    problems.hover()
    search.fill("new")
    with page.context.expect_page() as opened:
        problems.click(modifiers=["ControlOrMeta"])
    expect_filters(opened.value, _q="new")
    search.fill("")
    problems.focus()
    assert problems.evaluate("link => link.pathname + link.search") == "/problems"
    search.fill("x")
    for name, href in (("Problems", "/problems?_q=x"), ("API", "/docs")):
        link = page.get_by_role("link", name=name, exact=True)
        link.focus()
        assert link.evaluate("link => link.pathname + link.search") == href


def test_a_choice_that_comes_with_a_report_is_offered_at_the_next_refresh(open_page: Open, report: Report) -> None:
    page = open_page()
    environment = choice(page, "Environment")
    environment.focus()
    report("pipeline", {"server_group": "web", "host": "web-09", "status": "synced", "environment": "stage"})
    page.clock.fast_forward(INTERVAL)
    expect(environment.locator("option")).to_have_text(["all", "prod", "stage", "test", "unknown"])
    expect(environment).to_be_focused()
    environment.select_option("stage")
    expect_hosts(page, "web-09")


def test_a_choice_that_is_made_before_the_script_is_there_is_sent_too(browser: Browser, service: Service) -> None:
    context = browser.new_context()
    page, held = context.new_page(), list[Route]()

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/filters.js", hold, times=1)
    with page.expect_request("**/filters.js"):
        page.goto(service.url, wait_until="commit")
    choice(page, "Type").select_option("nginx")
    held[0].continue_()
    expect_filters(page, server_type="nginx")
    context.close()


def test_without_a_script_the_form_is_sent_by_its_button(browser: Browser, service: Service) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{service.url}/?server_group=web")
    choice(page, "Environment").select_option("prod")
    page.get_by_role("button", name="Show").click()
    expect_hosts(page, "web-01")
    page.get_by_role("link", name="web-01").click()
    page.locator("main").get_by_role("link", name="Board").click()
    expect_hosts(page, "web-01")
    context.close()


def test_with_a_script_there_is_no_button(open_page: Open) -> None:
    expect(open_page().get_by_role("button", name="Show")).to_be_hidden()


@pytest.mark.parametrize("width", [360, 1280])
def test_a_mistyped_word_is_told_and_mended_by_a_click_and_by_time(open_page: Open, report: Report, width: int) -> None:
    page = open_page("/?environment=prodd&_q=web", viewport={"width": width, "height": 640})
    expect(page.locator("main")).to_contain_text("No server has environment prodd; there are prod, test, unknown.")
    assert page.evaluate("document.documentElement.scrollWidth") == width
    report("pipeline", {"server_group": "web", "host": "web-09", "status": "synced", "environment": "prodd"})
    page.clock.fast_forward(INTERVAL)
    expect(page.locator("tbody tr")).to_have_count(1)
    page.goto(page.url.replace("prodd", "prodx"))
    page.locator("main").get_by_role("link", name="prod", exact=True).click()
    expect(page.locator("tbody tr")).to_have_count(1)
    expect_filters(page, environment="prod", _q="web")


@pytest.mark.parametrize(
    "query", ["?status=synced", "?status=synced&environment=prodd", "?sttus=x", "?environment=prod"]
)
def test_the_page_of_problems_fits_a_narrow_window_whatever_it_says(
    open_page: Open, service: Service, query: str
) -> None:
    page = open_page("/", viewport={"width": 360, "height": 640})
    page.goto(f"{service.url}/problems{query}")
    assert page.evaluate("document.documentElement.scrollWidth") == 360


def test_an_error_is_a_page_and_its_link_mends_it(open_page: Open, service: Service) -> None:
    page = open_page()
    page.goto(f"{service.url}/?sttus=failed&server_type=nginx")
    expect(page.locator("#error")).to_contain_text("'sttus' is no parameter here.")
    page.get_by_role("link", name="The same without").click()
    expect(page.locator("#matching")).to_have_text("2 servers")
    whole = service.store.read_bytes()
    service.store.write_text("{")
    page.reload()
    expect(page.locator("#error")).to_contain_text("The store status.json is left as it is")
    service.store.write_bytes(whole)
    page.get_by_role("link", name="ask again").click()
    expect(page.locator("#matching")).to_have_text("2 servers")
