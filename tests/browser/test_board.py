"""The board as a person uses it."""

import itertools
import re
import signal

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Open, Report
from tests.process.service import Service, running

INTERVAL = 30_000

pytestmark = pytest.mark.usefixtures("fleet")


def hosts(page: Page) -> list[str]:
    """What stands in the rows that are seen, in their order."""
    found: list[str] = page.evaluate(
        "[...document.querySelectorAll('[data-items] > :not([hidden])')].map(row => row.dataset.key.split('/')[1])"
    )
    return found


def test_a_count_leads_to_what_it_counts(open_page: Open) -> None:
    page = open_page()
    expect(page).to_have_title("2 problems of 43 - GitOps Status")
    page.get_by_role("link", name="2 problems").click()
    expect(page).to_have_url(re.compile(r"/\?problem=true$"))
    assert hosts(page) == ["db-01", "web-02"]
    page.get_by_role("link", name="db-01").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("db-01 pipeline failed")
    expect(page.get_by_text("The last pipeline failed")).to_be_visible()


def test_it_searches_as_one_types_and_keeps_that_in_the_address(open_page: Open) -> None:
    page = open_page()
    search = page.get_by_role("searchbox")
    expect(page.locator("#matching")).to_have_text("43 servers")
    search.fill("WEB nginx")
    assert hosts(page) == ["web-01", "web-02"]
    expect(page.locator("#matching")).to_have_text("2 of 43 servers")
    search.press("Enter")
    page.reload()
    expect(search).to_have_value("WEB nginx")
    assert hosts(page) == ["web-01", "web-02"]
    search.fill("nobody")
    expect(page.locator("#nothing")).to_be_visible()
    expect(page.locator("#matching")).to_have_text("0 of 43 servers")


@pytest.mark.parametrize("path", ["/", "/problems"])
@pytest.mark.parametrize("part", [slice(40), slice(7), slice(12, 20), slice(33, 40)])
def test_a_whole_commit_or_any_part_of_it_is_found_though_it_is_shown_cut(
    open_page: Open, report: Report, path: str, part: slice
) -> None:
    sha = "0f1e2d3c4b5a69788796a5b4c3d2e1f001234567"
    urls = ("", "https://ci.example/1")
    report(
        "pipeline",
        *({"server_group": "c", "host": f"c-{at}", "status": "failed", "commit_sha": sha, "pipeline_url": url}
          for at, url in enumerate(urls)),
    )  # fmt: skip
    page = open_page(path)
    page.get_by_role("searchbox").fill(sha[part].upper())
    assert hosts(page) == ["c-0", "c-1"]
    assert sha not in page.locator("main").inner_text()


def test_it_sorts_by_a_header_and_back(open_page: Open) -> None:
    page = open_page()
    page.get_by_role("button", name="Status").click()
    assert hosts(page)[:2] == ["db-01", "web-02"]
    expect(page.locator("th[data-name=status]")).to_have_attribute("aria-sort", "ascending")
    page.get_by_role("button", name="Host").click()
    page.get_by_role("button", name="Host").click()
    expect(page.locator("th[data-name=host]")).to_have_attribute("aria-sort", "descending")
    assert hosts(page)[0] == "web-02"
    page.reload()
    expect(page.locator("th[data-name=host]")).to_have_attribute("aria-sort", "descending")
    assert hosts(page)[0] == "web-02"


def test_the_keyboard_is_enough(open_page: Open) -> None:
    page = open_page()
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    expect(page.locator(".skip")).to_be_in_viewport()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.locator(".counts a").first).to_be_focused()
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.keyboard.press("/")
    page.keyboard.type("db-")
    assert hosts(page) == ["db-01"]
    for _ in range(4):  # three filters, then the first header
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("th[data-name=status]")).to_have_attribute("aria-sort", "ascending")
    for _ in range(11):  # nine more headers, the group, the host
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"/servers/db/db-01\?_q=db-&_sort=status$"))


def test_times_are_words_that_go_on_and_exact_on_hover(open_page: Open) -> None:
    page = open_page()
    first = page.locator("[data-items] time").first
    expect(first).to_have_text("just now")
    assert (first.get_attribute("title") or "").endswith(" UTC")
    page.clock.fast_forward("03:00")
    # The service's own clock did not move: its answer corrects ours.
    expect(first).to_have_text("just now")


def test_a_refresh_shows_what_is_new_and_moves_nothing(open_page: Open, report: Report) -> None:
    page = open_page("/?_sort=-host", viewport={"width": 1000, "height": 500})
    search = page.get_by_role("searchbox")
    search.fill("e")
    search.evaluate("box => { box.focus({ preventScroll: true }); box.setSelectionRange(0, 1); }")
    page.evaluate("scrollTo(0, 700)")
    kept = page.locator("[data-key='edge/edge-11']").element_handle()
    report("cron", {"server_group": "edge", "host": "edge-12", "changed_files": ["/etc/x"]})
    report("cron", {"server_group": "edge", "host": "edge-99"})
    page.clock.fast_forward(INTERVAL)
    expect(page).to_have_title("3 problems of 44 - GitOps Status")
    expect(page.locator("[data-key='edge/edge-12'] .status")).to_have_text("out of sync")
    expect(page.get_by_role("link", name="3 problems")).to_have_count(1)
    assert hosts(page)[:2] == ["web-02", "web-01"]
    assert hosts(page)[2] == "edge-99"
    expect(search).to_be_focused()
    assert search.evaluate("box => [box.selectionStart, box.selectionEnd]") == [0, 1]
    assert page.evaluate("scrollY") == pytest.approx(700, abs=100)  # a row above is new, and another has a new line
    assert kept.evaluate("row => row.isConnected")


def test_a_refresh_keeps_the_focus_in_a_row_that_changes_and_drops_one_that_is_gone(
    open_page: Open, report: Report, service: Service
) -> None:
    page = open_page()
    link = page.get_by_role("link", name="web-01")
    link.focus()
    report("cron", {"server_group": "web", "host": "web-01", "changed_files": ["/etc/x"]})
    page.request.delete(f"{service.url}/status/db/db-01")
    page.clock.fast_forward(INTERVAL)
    expect(page.locator("[data-key='web/web-01'] .status")).to_have_text("out of sync")
    expect(link).to_be_focused()
    assert "db-01" not in hosts(page)


def test_an_unchanged_board_is_not_sent_again(open_page: Open) -> None:
    page = open_page()
    with page.expect_response(lambda answer: answer.status == 200):
        page.clock.fast_forward(INTERVAL)
    with page.expect_response(lambda answer: answer.status == 304):
        page.clock.fast_forward(INTERVAL)


def test_a_board_without_an_answer_says_so_until_there_is_one(open_page: Open, service: Service) -> None:
    page = open_page()
    banner = page.get_by_role("alert")
    expect(banner).to_be_hidden()
    service.signal(signal.SIGKILL)
    service.process.wait()
    page.clock.fast_forward(INTERVAL)
    expect(banner).to_contain_text("The service does not answer. What you see is as of")
    port = int(service.url.rpartition(":")[2])
    with running(service.store.parent, workers=1, port=port):
        page.get_by_role("button", name="Refresh").click()
        expect(banner).to_be_hidden()


def test_a_damaged_store_is_told_in_the_services_own_words(open_page: Open, service: Service) -> None:
    page = open_page()
    service.store.write_text("{")
    page.get_by_role("button", name="Refresh").click()
    expect(page.get_by_role("alert")).to_contain_text("The store status.json is left as it is")


def test_a_narrow_window_needs_no_scrolling_sideways(open_page: Open, report: Report, service: Service) -> None:
    long = "x" * 250
    report("cron", {"server_group": long, "host": long, "environment": long, "changed_files": [long * 4]})
    page = open_page("/", viewport={"width": 360, "height": 640})
    grounds = {"light": "rgb(255, 255, 255)", "dark": "rgb(13, 17, 23)"}
    for path, scheme in itertools.product(("/", "/problems", "/servers/db/db-01", "/docs"), grounds):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]  # one of its words
        page.goto(service.url + path)
        width = page.evaluate("document.documentElement.scrollWidth")
        ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (width, ground) == (360, grounds[scheme]), f"{path}, {scheme}"


def test_it_is_whole_without_a_script(browser: Browser, service: Service) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(service.url)
    page.get_by_role("link", name="1 failed").click()
    assert page.locator("tbody tr").count() == 1
    expect(page.get_by_text("UTC").first).to_be_visible()
    expect(page.get_by_role("searchbox")).to_be_hidden()
    context.close()


def test_hostile_strings_do_nothing_on_any_page(open_page: Open, report: Report, service: Service) -> None:
    evil = "\"'></td><script>alert(1)</script><img src=x onerror=alert(2)><style>*{display:none}</style>{{7*7}}"
    texts = dict.fromkeys(
        ("project_name", "repo_name", "server_type", "environment", "validation_message", "commit_sha", "branch",
         "updated_by", "commit_message"), evil,
    )  # fmt: skip
    report(
        "pipeline",
        {"server_group": "g", "host": "h", **texts, "status": "failed", "validation_status": "failed",
         "changed_files": [evil], "pipeline_url": "https://ci/\"'><script>alert(3)</script>"},
    )  # fmt: skip
    page = open_page()
    report("pipeline", {"server_group": "g", "host": "h2", **texts, "status": "failed", "changed_files": [evil]})
    page.clock.fast_forward(INTERVAL)  # the refresh brings them in as well
    page.wait_for_selector("[data-key='g/h2']")
    page.get_by_role("searchbox").fill(evil)
    page.get_by_label("Environment", exact=True).select_option(evil)
    expect(page.locator("tbody tr")).to_have_count(2)
    for path in ("/problems", "/servers/g/h", page.url.removeprefix(service.url)):
        page.goto(service.url + path)
        assert page.locator("main img, main script, main style").count() == 0
        assert "<script>alert(1)</script>" in page.locator("main").inner_text()


def test_of_five_thousand_servers_a_part_is_shown_and_each_is_found(open_page: Open, report: Report) -> None:
    rows = [
        {"server_group": f"g-{number % 100}", "host": f"h-{number}", "status": "synced", "environment": "prod",
         "commit_sha": f"{number:040x}", "pipeline_url": f"https://ci.example/{number}"}
        for number in range(5_000)
    ]  # fmt: skip
    for first in range(0, 5_000, 1_000):
        report("pipeline", *rows[first : first + 1_000])
    page = open_page()
    assert len(hosts(page)) == 200, "no more is drawn than anybody looks at"
    page.get_by_role("searchbox").fill("h-4999")
    assert hosts(page) == ["h-4999"]
    page.get_by_role("searchbox").fill("")
    assert len(hosts(page)) == 200
    page.locator("#more").scroll_into_view_if_needed()
    page.wait_for_function("() => document.querySelectorAll('[data-items] > :not([hidden])').length >= 400")
    page.evaluate("scrollTo(0, 0)")
    page.get_by_role("searchbox").fill("h-")
    assert len(hosts(page)) == 200, "another search begins with the first part again"
