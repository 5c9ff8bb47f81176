"""Green means: no problem, and somebody checked. Board, tiles, page, title, icon and timeline say so of the same servers."""

import itertools
import re
from html.parser import HTMLParser
from operator import itemgetter
from typing import Any

import pytest

from tests.process.service import ROOT
from tests.web.api import Api

SAID = (None, "synced", "out_of_sync", "failed", "unknown")


class Greens(HTMLParser):
    """What a page shows as well, by the nearest key, title or heading around it; its title, icon, and last hour."""

    def __init__(self, content: str) -> None:
        super().__init__()
        self.around = ""
        self.well: list[str] = []
        self.icon = self.last_hour = ""
        self.feed(content)
        self.title = re.findall("<title>(.*?) - GitOps Status</title>", content)[0]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note where something is well."""
        attributes = {name: value or "" for name, value in attrs}
        self.around = attributes.get("data-key") or (tag if tag in ("h1", "section", "svg") else self.around)
        classes = attributes.get("class", "").split()
        if "well" in classes:
            self.well.append(self.around)
        if tag == "rect":
            self.last_hour = attributes["class"]
        if attributes.get("rel") == "icon":
            self.icon = attributes["href"].rpartition("/")[2]


def show(api: Api, path: str = "/") -> Greens:
    answer = api.get(path, accept="text/html")
    assert answer.status == 200, answer.response.text
    return Greens(answer.response.text)


def report_every_mixture(api: Api) -> None:
    """A server, in a group of its own, for each mixture of what reports can say, in either order, stale and fresh."""
    mixtures = list(itertools.product(SAID, SAID, ("passed", "failed", "skipped"), (True, False)))
    for age, hours in (("stale", 3), ("fresh", 1)):  # so that no report came within the last hour
        reports: list[tuple[Any, dict[str, Any]]] = []
        for number, (pipeline, drift, validation, is_check_last) in enumerate(mixtures):
            names = {"server_group": f"{age}-{number}", "host": f"h{number}"}
            sent = [(api.pipeline, {**names, "status": pipeline, "validation_status": validation})] if pipeline else []
            sent += [(api.cron, {**names, "status": drift})] if drift else []
            reports += sent if is_check_last else sent[::-1]
        for send, run in itertools.groupby(reports, key=itemgetter(0)):
            assert send([body for _, body in run]).status < 300
        api.clock.advance(hours * 3_600)


def is_well(row: Any) -> bool:
    return row["problem"] == 0 and row["last_cron_check"] is not None


def test_all_that_shows_a_state_agrees_on_what_is_green(api: Api) -> None:
    report_every_mixture(api)
    servers = api.get("/status").json
    assert len(servers) > 250
    board = show(api)
    rows_and_tiles = {(f"{row['server_group']}/{row['host']}", f"group-{row['server_group']}"): row for row in servers}
    seen = {(row["problem"], row["stale"], row["last_cron_check"] is None, is_well(row)) for row in servers}
    assert len(seen) == 5, "with a problem and without, checked, stale, and never checked"
    for (key, tile), row in rows_and_tiles.items():
        text = api.get(f"/servers/{key}", accept="text/html").response.text
        page = Greens(text)
        badge = api.get(f"/badge/{key}.json").json
        shown = {
            "row": key in board.well,
            "tile": tile in board.well,
            "heading": "h1" in page.well,
            "title": page.title == f"{row['host']}: synced",
            "icon": page.icon == "icon-well.svg",
            "last hour": page.last_hour == "well",
        }
        assert set(shown.values()) == {is_well(row)}, (row, shown)
        axes = text[text.index('<div class="axes">') : text.index("<dl>")]
        assert re.findall(r"<h2 id=.*?>(\w+)</h2>", axes) == ["Drift", "Pipeline", "Validation"]
        assert not re.search(r'class="[^"]*\bwell\b', axes), "the three things are never green"
        steps = [key for key in page.well if key.startswith("entry-")]
        assert not steps, "a step of the timeline is what a report said, and no verdict"
        assert (page.icon == "icon-wrong.svg") == (row["problem"] == 1)
        assert (badge["color"] == "brightgreen") == (row["problem"] == 0), "the contract of the badge"


def test_a_failed_pipeline_and_a_clean_check_are_no_large_green_word(api: Api) -> None:
    api.pipeline(status="failed")
    api.cron()
    page = show(api, "/servers/web/web-01")
    assert (page.title, page.icon, page.well) == ("web-01: pipeline failed", "icon-wrong.svg", [])


def test_a_server_that_turns_stale_says_so_in_title_heading_and_hours(api: Api) -> None:
    api.cron(check_interval=60)
    assert show(api, "/servers/web/web-01").title == "web-01: synced"
    api.clock.advance(5 * 3_600)
    page = show(api, "/servers/web/web-01")
    assert (page.title, page.icon, page.last_hour) == ("web-01: stale", "icon-wrong.svg", "stale")
    assert "h1" not in page.well
    hours = re.findall(
        r'<rect class="(\w+)" x="\d+" y="\d+" width="(\d+)"',
        api.get("/servers/web/web-01", accept="text/html").response.text,
    )
    assert hours == [("stale", "6")], "from the third minute on, in the hour of the last check"


def test_a_tile_of_a_group_tells_the_worst_and_how_many_were_never_checked(api: Api) -> None:
    api.cron([{"server_group": group, "host": "n1"} for group in ("all", "some")])
    api.pipeline([{"server_group": "some", "host": f"n{number}", "status": "synced"} for number in (2, 3)])
    text = api.get("/", accept="text/html").response.text
    tiles = {
        name: " ".join(re.sub("<.*?>", " ", tile).split())
        for name, tile in re.findall(r'data-key="group-(\w+)"[^>]*>(.*?)</a>', text)
    }
    assert tiles == {
        "some": "some deployed, never checked 3 servers, 2 never checked",
        "all": "all synced 1 server",
    }


def test_never_checked_is_counted_and_can_be_found(api: Api) -> None:
    api.cron(host="web-02")
    text = api.get("/", accept="text/html").response.text
    assert "deployed, never checked" not in text
    api.pipeline()
    text = api.get("/", accept="text/html").response.text
    found = re.search(r'data-key="count-deployed, never checked" href="([^"]+)"[^>]*><strong>(\d+)', text)
    assert found
    assert found.groups() == ("/?drift_status=none&amp;problem=false", "1")
    assert 'never_checked">deployed, never checked</span>' in text
    page = api.get("/servers/web/web-01", accept="text/html").response.text
    assert "Have it send drift checks" in page
    assert 'href="/docs#post-status-cron"' in page


def test_without_a_problem_and_without_a_check_all_is_not_well(api: Api) -> None:
    api.cron(host="web-02")
    assert show(api, "/problems").well
    api.pipeline()
    page = show(api, "/problems")
    assert (page.well, page.icon) == ([], "icon.svg")
    assert "1 server is deployed, never checked" in api.get("/problems", accept="text/html").response.text


@pytest.mark.parametrize(
    ("reports", "icon"),
    [([], "icon.svg"), ([{}], "icon-well.svg"), ([{}, {"host": "web-02", "changed_files": ["/a"]}], "icon-wrong.svg")],
)
def test_the_icon_of_a_list_is_the_verdict_on_what_it_shows(api: Api, reports: list[dict[str, Any]], icon: str) -> None:
    for report in reports:
        api.cron(**report)
    assert show(api).icon == show(api, "/problems").icon == icon
    if len(reports) == 2:
        assert show(api, "/?host=web-01").icon == "icon-well.svg"


def test_a_count_of_zero_is_quiet_and_synced_is_green_only_where_all_of_them_are_well(api: Api) -> None:
    api.cron()
    counts = re.findall(r'<a( class="zero")? data-key="count-([^"]+)"', api.get("/", accept="text/html").response.text)
    assert {word for zero, word in counts if zero} == {"problems", "out of sync", "failed", "unknown", "stale"}
    assert show(api).well.count("count-synced") == 1
    api.pipeline(host="web-02", validation_status="failed")
    assert "count-synced" not in show(api).well


def test_only_what_is_well_is_painted_green() -> None:
    css = (ROOT / "web/pages/static/style.css").read_text("utf-8")
    users = re.findall(r"([^{}]+)\{[^{}]*var\(--well\)[^{}]*\}", css)
    assert [re.sub(r"/\*.*?\*/", "", user, flags=re.DOTALL).strip() for user in users] == [".well"]
