"""What a state looks like, and what the keyboard and a finger reach, in a real browser."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Open, Report

INTERVAL = 30_000
WEB = {"server_group": "web", "host": "web-01"}


def greens(page: Page) -> list[str]:
    """The texts of what is painted in the colour of what is well."""
    found: list[str] = page.evaluate(
        """() => { const probe = document.body.appendChild(document.createElement("i"));
        probe.className = "status well";
        const green = getComputedStyle(probe).color;
        probe.remove();
        return [...document.querySelectorAll("body *")].filter(one => {
            const style = getComputedStyle(one), mark = getComputedStyle(one, "::before");
            return [style.color, style.fill, style.backgroundColor, style.borderTopColor,
                mark.backgroundColor].includes(green); }).map(one => one.textContent); }"""
    )
    return found


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_green_about_a_failed_pipeline_and_a_clean_check(
    open_page: Open, report: Report, scheme: str
) -> None:
    report("pipeline", {**WEB, "status": "failed"})
    report("cron", WEB)
    page = open_page("/servers/web/web-01", color_scheme=scheme)
    expect(page.get_by_role("heading", level=1)).to_have_text("web-01 pipeline failed")
    assert greens(page) == []
    report("pipeline", {**WEB, "status": "synced"})
    page.clock.fast_forward(INTERVAL)
    expect(page.get_by_role("heading", level=1)).to_have_text("web-01 synced")
    assert "synced" in greens(page)


def test_the_tabs_icon_changes_with_the_verdict(open_page: Open, report: Report) -> None:
    report("cron", WEB)
    page = open_page()
    icon = page.locator("link[rel=icon]")
    expect(icon).to_have_attribute("href", "/static/icon-well.svg")
    report("cron", {**WEB, "changed_files": ["/etc/a"]})
    page.clock.fast_forward(INTERVAL)
    expect(icon).to_have_attribute("href", "/static/icon-wrong.svg")


def test_a_long_message_is_scrolled_by_keyboard(open_page: Open, report: Report) -> None:
    message = "\n".join(f"line {number}" for number in range(100))
    report("pipeline", {**WEB, "status": "failed", "validation_status": "failed", "validation_message": message})
    page = open_page("/problems")
    box = page.get_by_role("group", name="What it said")
    page.get_by_role("link", name="web-01").focus()
    page.keyboard.press("Tab")
    expect(box).to_be_focused()
    page.keyboard.press("End")
    page.wait_for_function("() => document.querySelector('.message').scrollTop > 0")


def test_an_example_of_the_api_is_scrolled_by_keyboard(open_page: Open) -> None:
    page = open_page(viewport={"width": 360, "height": 640})
    page.goto(page.url + "docs")
    box = page.get_by_role("group", name="Example", exact=True).first
    box.focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function("() => document.activeElement.matches('pre') && document.activeElement.scrollLeft > 0")


def test_a_servers_page_has_each_time_exactly_and_in_words(open_page: Open, report: Report) -> None:
    report("cron", WEB)
    times = open_page("/servers/web/web-01").locator("main time")
    assert times.count() > 4
    for time in times.all():
        exact = time.inner_text()
        assert exact.endswith(" UTC")
        assert time.evaluate("time => getComputedStyle(time, '::after').content").startswith('" · ')


def test_the_whole_commit_is_copied(open_page: Open, report: Report) -> None:
    sha = "0123456789abcdef0123456789abcdef01234567"
    report("pipeline", {**WEB, "status": "synced", "commit_sha": sha})
    page = open_page("/servers/web/web-01", permissions=["clipboard-read"])
    expect(page.get_by_text(sha)).to_be_visible()
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == sha
