"""The pages on paper: nothing to press, exact times, and the moment that all is as of."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Open, Report

EXACT = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC")


def print_times(page: Page) -> list[str]:
    """What stands for each time that is seen: its text, unless that has no size, and what the style adds."""
    found: list[str] = page.evaluate(
        """() => [...document.querySelectorAll("time")].filter(time => time.checkVisibility()).map(time => {
        const text = getComputedStyle(time).fontSize === "0px" ? "" : time.textContent;
        const added = getComputedStyle(time, "::after").content;
        return text + (added === "none" ? "" : JSON.parse(added)); })"""
    )
    return found


@pytest.mark.usefixtures("fleet")
@pytest.mark.parametrize("path", ["/", "/problems", "/servers/db/db-01"])
def test_paper_has_exact_times_and_nothing_to_press(open_page: Open, path: str) -> None:
    page = open_page(path, color_scheme="dark")
    on_screen = print_times(page)
    assert all(text.endswith("just now") or "days ago" in text for text in on_screen), on_screen
    page.emulate_media(media="print", color_scheme="dark")
    times = print_times(page)
    assert len(times) == len(on_screen)
    assert all(EXACT.fullmatch(text) for text in times), times
    expect(page.locator("#as-of")).to_be_visible()
    for what in ("button:not(thead button)", "input", "select", "nav", ".skip"):
        for one in page.locator(what).all():
            expect(one).to_be_hidden()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"


@pytest.mark.usefixtures("fleet")
def test_a_printed_board_keeps_its_columns_and_their_names(open_page: Open) -> None:
    page = open_page(viewport={"width": 718, "height": 1000})
    page.emulate_media(media="print")
    expect(page.locator("thead th").first).to_contain_text("Status")
    expect(page.locator("thead th").first).to_be_visible()
    assert page.locator("tbody tr").first.evaluate("row => getComputedStyle(row).display") == "table-row"


def test_paper_has_every_row_that_the_search_finds_and_the_screen_a_part_again(open_page: Open, report: Report) -> None:
    report("cron", *({"server_group": f"g-{number % 2}", "host": f"h-{number}"} for number in range(450)))
    page = open_page("/?_q=g-1")

    def rows() -> int:
        return page.locator("tbody tr:not([hidden])").count()

    assert rows() == 200
    assert page.pdf().startswith(b"%PDF")  # to print is an event before and one after
    assert rows() == 200
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert rows() == 225
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert rows() == 200


def test_folded_files_are_unfolded_on_paper(open_page: Open, report: Report) -> None:
    report(
        "cron", {"server_group": "web", "host": "web-01", "changed_files": [f"/etc/{number}" for number in range(9)]}
    )
    page = open_page("/problems")
    visible = "() => document.querySelector('.files li').checkVisibility({ contentVisibilityAuto: true })"
    assert not page.evaluate(visible)
    page.emulate_media(media="print")
    page.wait_for_function(visible)
