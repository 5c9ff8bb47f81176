"""The pages as bytes: what they say, escape and allow. How they behave is tested in tests/browser."""

import re
from collections.abc import Iterator

import pytest

from tests.process.service import ROOT
from tests.web.api import Api
from tests.web.looks import Page, ask, four_servers, show

EVIL = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>"


@pytest.fixture
def fleet(api: Api) -> Api:
    return four_servers(api)


def test_an_empty_board_shows_the_first_report_to_send(api: Api) -> None:
    page = show(api)
    assert "No server has reported yet" in page.words
    assert "curl -H 'Content-Type: application/json' http://localhost/status/cron" in page.words
    assert "None" not in page.words
    assert "No server has reported yet" in show(api, "/problems").words


def test_the_board_shows_every_server_and_counts_in_its_title(fleet: Api) -> None:
    page = show(fleet)
    assert page.keys("tr") == ["db/db-01", "web/web-01", "web/web-02", "web/web-04"]
    assert page.title == "3 problems of 4 - GitOps Status"
    assert ("a", {"href": "https://ci.example/1", "rel": "noopener noreferrer"}) in page.tags
    assert "0123456789ab" in page.words
    assert ("code", {"title": "0123456789abcdef"}) in page.tags, "a link that cannot be marked has the whole commit too"
    assert "2026-04-26 10:33:20 UTC" in page.words


def test_the_worst_group_stands_first(fleet: Api) -> None:
    fleet.pipeline(server_group="aaa", host="good")
    assert [key for key in show(fleet).keys("a") if key and key.startswith("group-")] == [
        "group-db",
        "group-web",
        "group-aaa",
    ]


def test_each_problem_says_why_the_worst_first(fleet: Api) -> None:
    page = show(fleet, "/problems")
    assert page.keys("article") == ["db/db-01", "web/web-02", "web/web-04"]
    assert page.title == "3 problems of 4 - GitOps Status"
    for piece in (
        "Validation failed", "line 3", "The last pipeline failed", "Out of sync: 2 files", "/etc/a", "/etc/b",
        "Silent: the last drift check came 2026-04-26 10:30:00 UTC", "One every 1 minute",
    ):  # fmt: skip
        assert piece in page.words, piece
    assert "/servers/web/web-02" in page.links()


def test_without_a_problem_the_page_says_of_how_many(api: Api) -> None:
    api.cron()
    assert "All is well with 1 server:" in show(api, "/problems").words
    api.pipeline(host="web-02", status="failed")
    assert "All is well with 1 server that this looks at" in show(api, "/problems?host=web-01").words


def test_a_servers_page_tells_its_history(fleet: Api) -> None:
    fleet.clock.advance(7_200)
    fleet.cron(host="web-02", status="synced")
    page = show(fleet, "/servers/web/web-02")
    assert page.title == "web-02: synced - GitOps Status"
    assert "First report: out of sync" in page.words
    assert "out of sync → synced, 2 files gone" in page.words
    assert "Why it is a problem" not in page.words
    kinds = [attributes["class"] for tag, attributes in page.tags if tag == "rect"]
    assert kinds == ["out_of_sync"]  # within the hour that goes on it was so, too
    fleet.clock.advance(3_600)
    assert [attributes["class"] for tag, attributes in show(fleet, "/servers/web/web-02").tags if tag == "rect"] == [
        "out_of_sync",
        "well",
    ]


def test_a_deleted_server_keeps_its_page_and_one_that_never_was_has_none(fleet: Api) -> None:
    fleet.delete("/status/db/db-01")
    page = show(fleet, "/servers/db/db-01")
    assert "This server was deleted" in page.words
    assert "Deleted, was failed" in page.words
    assert "db/db-01" not in show(fleet).keys("tr")
    assert ask(fleet, "/servers/db/db-99").status == 404


def test_a_long_history_says_that_it_is_cut(api: Api) -> None:
    for number in range(103):
        api.pipeline(commit_sha=f"{number}")
    page = show(api, "/servers/web/web-01")
    assert len(page.keys("li")) == 100
    assert "The newest 100 changes" in page.words
    assert "/status/web/web-01/history?limit=10000" in page.links()


def test_many_files_are_cut_where_many_servers_are_shown_and_not_on_the_servers_page(api: Api) -> None:
    api.cron(changed_files=[f"/etc/{number}" for number in range(50)])
    assert show(api, "/problems").words.count("/etc/") == 20
    assert "30 more" in show(api, "/problems").words
    assert "/etc/49" in show(api, "/servers/web/web-01").words


def hostile(api: Api) -> Iterator[str]:
    """Every page about a server whose every text is hostile."""
    texts = dict.fromkeys(
        ("project_name", "repo_name", "server_type", "environment", "validation_message", "commit_sha", "branch",
         "updated_by", "commit_message"), EVIL,
    )  # fmt: skip
    assert api.pipeline(
        **texts, status="failed", validation_status="failed", changed_files=[EVIL], pipeline_url='https://ci/"><script>'
    ).status == 201  # fmt: skip
    api.cron(changed_files=[EVIL, "/b"])
    pages = ("/", "/problems", "/servers/web/web-01", '/?branch="><script>', '/servers/web/web-01?branch="><script>')
    errors = ('/"><script>', '/?"><script>=1', '/servers/"><script>/x?branch="><script>')
    for path in pages + errors:
        yield ask(api, path).response.text


def test_everything_is_escaped(api: Api) -> None:
    for text in hostile(api):
        page = Page(text)
        scripts = [attributes for tag, attributes in page.tags if tag == "script"]
        is_error = 'id="error"' in text
        assert scripts == ([] if is_error else [{"type": "module", "src": "/static/board.js"}])
        assert not [tag for tag, attributes in page.tags if tag == "img" or "onerror" in attributes]


@pytest.mark.parametrize("path", ["/", "/problems", "/servers/web/web-01", "/docs"])
def test_a_page_runs_and_loads_nothing_but_our_own_files(fleet: Api, path: str) -> None:
    answer = ask(fleet, path)
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
    assert "unsafe" not in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    for tag, attributes in Page(answer.response.text).tags:
        assert "style" not in attributes
        assert not [name for name in attributes if name.startswith("on")]
        if tag in ("script", "link", "img"):
            loaded = attributes.get("src") or attributes.get("href") or ""
            assert loaded.startswith("/static/")
            with fleet.app.test_client().get(loaded) as file:  # Flask keeps it open until then
                assert file.status_code == 200


@pytest.mark.parametrize("path", ["/", "/problems", "/servers/web/web-01"])
def test_a_refresh_costs_nothing_until_something_changes(fleet: Api, path: str) -> None:
    tag = ask(fleet, path).headers["ETag"]
    fleet.clock.advance(30)
    assert ask(fleet, path, if_none_match=tag).status == 304
    fleet.pipeline(commit_sha="another")
    answer = ask(fleet, path, if_none_match=tag)
    assert answer.status == (200 if path != "/problems" else 304)  # the good server is none of its concern


def test_a_server_that_turns_stale_by_time_alone_shows_on_a_kept_board(fleet: Api) -> None:
    fleet.cron(host="web-04", check_interval=60)
    assert show(fleet).title == "2 problems of 4 - GitOps Status"
    fleet.clock.advance(121)
    assert show(fleet).title == "3 problems of 4 - GitOps Status"


def test_programs_still_get_json_and_caches_know_the_difference(fleet: Api) -> None:
    assert fleet.get("/").json["name"] == "gitops-status"
    assert fleet.get("/").headers["Vary"] == "Accept"
    assert {word.strip() for word in ask(fleet, "/").headers["Vary"].split(",")} == {"Accept", "Accept-Encoding"}


def test_every_colour_can_be_read_on_its_ground() -> None:
    """WCAG 2.2, level AA: 4.5 to 1."""
    css = (ROOT / "web/pages/static/style.css").read_text("utf-8")
    colours = {
        name: pair for name, *pair in re.findall(r"--(\w+): light-dark\((#\w{6}), (#\w{6})\);", css)
    }  # fmt: skip
    assert len(colours) == 10

    def luminance(colour: str) -> float:
        channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        red, green, blue = (
            one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in channels
        )  # fmt: skip
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    for name in colours.keys() - {"ground", "surface", "line"}:
        for ground in ("ground", "surface"):
            for text, behind in zip(colours[name], colours[ground], strict=True):
                darker, lighter = sorted((luminance(text), luminance(behind)))
                assert (lighter + 0.05) / (darker + 0.05) >= 4.5, (name, ground, text)
