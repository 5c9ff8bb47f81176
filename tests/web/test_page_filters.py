"""The filters of the pages: what they select, the links and the form that keep them, and a word that no server has."""

import re
from urllib.parse import quote

import pytest

from tests.web.api import Api
from tests.web.looks import Page, ask, four_servers, show


@pytest.fixture
def fleet(api: Api) -> Api:
    return four_servers(api)


@pytest.mark.parametrize(
    ("query", "keys"),
    [
        ("status=failed", ["db/db-01"]),
        ("problem=true", ["db/db-01", "web/web-02", "web/web-04"]),
        ("stale=true", ["web/web-04"]),
        ("server_group=web&problem=false", ["web/web-01"]),
        ("environment=prod", ["web/web-01"]),
        ("status=unknown", []),
        ("_q=nothing&_sort=host", ["db/db-01", "web/web-01", "web/web-02", "web/web-04"]),
    ],
)
def test_filters_work_without_a_script(fleet: Api, query: str, keys: list[str]) -> None:
    assert show(fleet, f"/?{query}").keys("tr") == keys


def test_every_count_and_group_is_a_link_that_shows_as_many(fleet: Api) -> None:
    text = ask(fleet, "/").response.text
    links = re.findall(r'data-key="count-[^",]+" href="([^"]+)"[^>]*><strong>(\d+)', text)
    links += re.findall(r'data-key="group-[^"]+" href="([^"]+)".*?(\d+) servers?\b', text)
    assert len(links) == 9
    for path, number in links:
        assert len(show(fleet, path.replace("&amp;", "&")).keys("tr")) == int(number), path


def test_a_filtered_board_leads_from_state_to_state_within_its_group(fleet: Api) -> None:
    page = show(fleet, "/?server_group=web&status=synced")
    assert "/?server_group=web&status=out_of_sync" in page.links()
    assert "Shown: 2 servers of 3, where server_group = web, status = synced" in page.words
    assert page.title == "2 problems of 3 - GitOps Status"


# What was set is kept

PAGES = ["/", "/problems", "/servers/web/web-02", "/servers/db/db-01"]


def page_links(page: Page) -> list[str]:
    """The links to pages that have filters."""
    return [link for link in page.links() if re.match(r"/(problems|servers/.*)?(\?|$)", link)]


@pytest.mark.parametrize("path", PAGES)
def test_every_link_to_a_page_keeps_what_was_set_but_show_all(fleet: Api, path: str) -> None:
    page = show(fleet, f"{path}?server_type=unknown&created_after=7d")
    plain = [attributes["href"] for tag, attributes in page.tags if tag == "a" and "data-plain" in attributes]
    assert set(plain) <= {path}
    kept = [link for link in page_links(page) if link not in plain]
    assert len(kept) >= 4
    for link in kept:
        assert re.search(r"\?server_type=unknown&created_after=7d(&|$)", link), link
        show(fleet, link)


@pytest.mark.parametrize("path", PAGES)
def test_without_filters_the_links_are_bare(fleet: Api, path: str) -> None:
    for link in page_links(show(fleet, f"{path}?_q=x&_sort=-host")):
        assert re.fullmatch(r"/(problems|servers/\w+/[\w-]+)?(\?\w+=\w+(&problem=false)?)?", link)


def test_a_servers_page_leads_back_to_its_group_within_what_was_set(fleet: Api) -> None:
    links = show(fleet, "/servers/web/web-02?status=out_of_sync&server_group=db,web").links()
    assert "/?status=out_of_sync&server_group=db,web" in links
    assert "/?status=out_of_sync&server_group=web" in links
    assert "/problems?status=out_of_sync&server_group=db,web" in links


def test_the_filters_of_a_servers_page_filter_nothing_there(fleet: Api) -> None:
    plain, filtered = (
        show(fleet, f"/servers/web/web-02{query}") for query in ("", "?environment=nowhere&problem=false")
    )
    assert plain.words == filtered.words


# The form


def form(page: Page) -> tuple[dict[str, list[str | None]], dict[str, str | None]]:
    """What each choice of the form offers, the chosen value first, and what it sends besides."""
    offered: dict[str, list[str | None]] = {}
    hidden: dict[str, str | None] = {}
    options: list[str | None] = []
    for tag, attributes in page.tags:
        if tag == "select" and attributes.get("name"):
            offered[attributes["name"] or ""] = options = []
        elif tag == "option":
            options.insert(0 if "selected" in attributes else len(options), attributes["value"])
        elif tag == "input" and attributes.get("type") == "hidden":
            hidden[attributes["name"] or ""] = attributes["value"]
    return offered, hidden


def test_the_form_offers_what_there_is(fleet: Api) -> None:
    offered, hidden = form(show(fleet))
    assert offered == {
        "status": ["", "failed", "out_of_sync", "synced"], "environment": ["", "prod", "unknown"], "server_type": ["", "unknown"],
    }  # fmt: skip
    assert hidden == {}


def test_each_choice_is_offered_under_the_other_filters_which_the_form_keeps(fleet: Api) -> None:
    offered, hidden = form(show(fleet, "/?environment=prod&server_group=web&created_after=7d"))
    assert offered["status"] == ["", "synced"]
    assert offered["environment"] == ["prod", "", "unknown"]
    assert hidden == {"server_group": "web", "created_after": "7d"}


@pytest.mark.parametrize(
    ("query", "name", "chosen"),
    [
        ("status=failed", "status", "failed"),  # as the tile has it
        ("status=unknown", "status", "unknown"),  # there is none
        ("environment=prodd", "environment", "prodd"),
        ("environment=prod,unknown", "environment", "prod,unknown"),
        ("status=failed&status=synced", "status", "failed,synced"),
        ("server_type=%7Ba,unknown%7D", "server_type", "{a,unknown}"),
        ("environment=%22%3E%3Cscript%3E", "environment", '"><script>'),
    ],
)
def test_the_form_shows_what_is_chosen_whatever_it_is(fleet: Api, query: str, name: str, chosen: str) -> None:
    assert form(show(fleet, f"/?{query}"))[0][name][0] == chosen


def test_a_form_that_is_sent_without_a_script_asks_for_what_it_names_only(fleet: Api) -> None:
    page = show(fleet, "/?status=&environment=prod&server_type=&server_group=web")
    assert page.keys("tr") == ["web/web-01"]
    assert "where environment = prod, server_group = web." in page.words
    assert "/problems?environment=prod&server_group=web" in page.links()
    assert ask(fleet, "/?status=&environment=&server_type=").response.data == ask(fleet, "/").response.data


def test_a_value_that_a_choice_offers_finds_its_servers(api: Api) -> None:
    for number, environment in enumerate(["a b", "ü&=#", '"quoted"', "%41", "+", "prod, eu", "{x}"]):
        api.pipeline(host=f"h{number}", environment=environment)
    offered = form(show(api))[0]["environment"]
    assert len(offered) == 8
    for value in offered[1:]:
        page = show(api, f"/?environment={quote(value or '')}")
        assert (len(page.keys("tr")), "No server has" in page.words) == (1, False), value


# A word that no server has


@pytest.fixture
def environments(api: Api) -> Api:
    for number, (environment, kind) in enumerate([("lab", "nginx"), ("prod", "nginx"), ("stage", "splunk")]):
        api.pipeline(host=f"web-{number}", environment=environment, server_type=kind)
    return api


@pytest.mark.parametrize("path", ["/", "/problems"])
def test_a_word_that_no_server_has_is_told_with_those_that_there_are(environments: Api, path: str) -> None:
    page = show(environments, f"{path}?environment=prodd")
    assert "No server has environment prodd; there are lab, prod, stage. Show all" in page.words
    assert {f"{path}?environment={word}" for word in ("lab", "prod", "stage")} <= set(page.links())
    assert page.title == "No server matches - GitOps Status"
    assert not [key for key in page.keys("a") if key and key.startswith("count-")], "no zeros that look healthy"
    assert "table" not in [tag for tag, _ in page.tags]
    assert "All is well" not in page.words
    assert "No server with a problem" not in page.words


def test_several_words_that_no_server_has_are_told_each_with_the_other_filters_kept(environments: Api) -> None:
    page = show(environments, "/?environment=prodd,tset&server_type=ngnix&host=web-1")
    assert "No server has server type ngnix; there are nginx, splunk." in page.words
    assert "No server has environment prodd or tset; there are lab, prod, stage." in page.words
    assert "No server has host" not in page.words
    assert "/?server_type=ngnix&host=web-1&environment=prod" in page.links()


def test_half_a_list_that_no_server_has_is_told_above_what_the_other_half_finds(environments: Api) -> None:
    page = show(environments, "/?environment=prod,tset")
    assert "No server has environment tset; there are lab, prod, stage." in page.words
    assert page.keys("tr") == ["web/web-1"]


@pytest.mark.parametrize("path", ["/", "/problems"])
def test_words_that_no_server_has_together_are_told_as_that(environments: Api, path: str) -> None:
    page = show(environments, f"{path}?environment=prod&server_type=splunk&_q=x")
    assert (
        "Each of these fits a server, but no server fits all: environment = prod, server_type = splunk. "
        "Without environment, server_type; Show all" in page.words
    )
    assert {f"{path}?environment=prod", f"{path}?server_type=splunk"} <= set(page.links())


@pytest.mark.parametrize("query", ["status=failed", "stale=true", "seen_before=7d"])
def test_a_filter_that_fits_nothing_is_told_as_that(environments: Api, query: str) -> None:
    page = show(environments, f"/?{query}&environment=prod")
    assert f"No server has {query.replace('=', ' = ')}. Show all" in page.words


def test_of_many_values_the_first_are_told_and_the_others_counted(api: Api) -> None:
    api.pipeline([{"server_group": "web", "host": f"web-{number:04}", "status": "synced"} for number in range(1_000)])
    assert "web-0028, web-0029 and 970 more." in show(api, "/?host=web-9999").words


def test_a_server_without_a_drift_check_is_no_unknown_word(environments: Api) -> None:
    page = show(environments, "/?drift_status=none&environment=lab")
    assert page.keys("tr") == ["web/web-0"]
    assert "No server has" not in page.words


def test_a_field_that_nobody_reports_is_told_as_that(environments: Api) -> None:
    assert "No server has branch main; none has any." in show(environments, "/?branch=main").words


def test_an_empty_fleet_is_no_matter_of_filters(api: Api) -> None:
    assert "No server has reported yet" in show(api, "/?environment=prodd").words
    page = show(api, "/problems?environment=prodd")
    assert page.words.count("No server has reported yet") == 1
    assert "0 servers" not in page.words
    assert "search" not in [attributes.get("id") for _, attributes in page.tags]
