"""A board that nobody has reported to."""

from playwright.sync_api import expect

from tests.browser.conftest import Open, Report


def test_the_first_server_takes_the_place_of_the_empty_board(open_page: Open, report: Report) -> None:
    page = open_page()
    expect(page.get_by_role("heading", name="No server has reported yet")).to_be_visible()
    report("cron", {"server_group": "web", "host": "web-01"})
    page.get_by_role("button", name="Refresh").click()
    expect(page.locator("[data-key='web/web-01'] .status")).to_have_text("synced")
    expect(page).to_have_title("0 problems of 1 - GitOps Status")


def test_the_last_problem_gives_way_to_a_good_word(open_page: Open, report: Report) -> None:
    report("cron", {"server_group": "web", "host": "web-01", "changed_files": ["/etc/a"]})
    page = open_page("/problems")
    expect(page.get_by_text("Out of sync: 1 file not as in git")).to_be_visible()
    report("cron", {"server_group": "web", "host": "web-01"})
    page.get_by_role("button", name="Refresh").click()
    expect(page.get_by_text("All is well")).to_be_visible()
    assert page.locator("article").count() == 0
