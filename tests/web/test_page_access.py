"""A person whose token is limited to groups sees these, and nothing of the others: each answer is, byte for byte, that
of a service which knows these groups only (API.md, section 10)."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.web.api import ADMIN_TOKEN, Api
from tests.web.browsers import BROWSER, log_in, make
from tests.web.looks import Page
from tests.web.tokens import as_admin, sent

OWN = ("nginx-lab", "nginx-prod")
FOREIGN = ("nginy", "rsyslog-prod", "a-first", "z-last")


def report(api: Api, source: str, group: str, number: int, **fields: Any) -> None:
    report = {"server_group": group, "host": f"{group}-{number}", **fields}
    assert as_admin(api, "POST", f"/status/{source}", json=report).status == 201


def service(folder: Path, *, has_foreign: bool) -> Api:
    """A service whose readers need a token. Its own groups have the same reports, with foreign ones between or not."""
    folder.mkdir()
    api = Api(folder, auth="all", admin_token=ADMIN_TOKEN)
    for number, group in enumerate(("a-first", *OWN, "nginy", "rsyslog-prod", "z-last")):
        for host in (1, 2):
            api.clock.advance(7)
            if group in OWN:
                report(api, "pipeline", group, host, status="synced", environment="prod", server_type="nginx")
            elif has_foreign:
                # Worse, newer and more than what is our own, so that each count and each worst state would tell.
                report(api, "pipeline", group, host, status="failed", environment=f"env-{number}", branch="foreign")
                report(api, "cron", f"{group}-x", host, changed_files=["/etc/foreign"], check_interval=30)
    report(api, "cron", "nginx-lab", 3, changed_files=["/etc/nginx.conf"], check_interval=60)
    api.clock.advance(600)
    return api


@pytest.fixture
def both(tmp_path: Path) -> tuple[Api, Api]:
    """The whole fleet, and the own groups alone."""
    return service(tmp_path / "whole", has_foreign=True), service(tmp_path / "own", has_foreign=False)


PAGES = [
    "/", "/problems", "/?_q=rsyslog", "/problems?environment=prod",  # led to the own groups
    "/?server_group=nginx-prod", "/?server_group=nginx-lab,nginx-prod", "/problems?server_group=nginx-lab",
    "/?server_group=nginx-lab&problem=true", "/?server_group=nginx-lab&stale=true", "/?server_group=nginx-new",
    "/problems?server_group=nginx-lab&environment=env-4", "/?server_group=nginx-lab&environment=env-4",
    "/?server_group=nginx-prod&host=rsyslog-prod-1", "/?server_group=nginx-prod&branch=foreign",
    "/?server_group=nginx-prod&server_type=nginx&status=failed", "/?server_group=nginx-lab&seen_after=1m",
    "/?server_group=nginx-*", "/?server_group=nginx-????", "/?server_group=%7Bnginx-lab,nginx-prod%7D",  # no globs here
    "/servers/nginx-prod/nginx-prod-1", "/servers/nginx-lab/nginx-lab-3?server_group=nginx-lab&environment=prod",
    "/servers/nginx-prod/none", "/servers/nginx-new/none", "/servers/nginx-prod/rsyslog-prod-1",
    "/badge/nginx-lab.svg", "/badge/nginx-lab.json", "/badge/nginx-lab/nginx-lab-3.svg", "/badge/nginx-new.svg",
    "/docs", "/nonsense", "/nonsense?server_group=nginx-prod", "/?sttus=x", "/?server_group=nginx-prod&sttus=x",
]  # fmt: skip
REFUSED = [
    "/?server_group={}", "/problems?server_group={}", "/?server_group=nginx-prod,{}", "/?server_group=nginx-prod&server_group={}",
    "/?server_group=%7Bnginx-prod,{}%7D", "/servers/{0}/{0}-1", "/servers/{}/none", "/badge/{}.svg", "/badge/{}.json",
    "/badge/{0}/{0}-1.svg", "/?server_group={}&environment=prod&status=failed",
]  # fmt: skip
ALL = [
    "/?server_group=*",
    "/?server_group=All",
    "/problems?server_group=nginx-prod,*",
    "/?server_group=$__all",
    "/?server_group=,",
]


def answers(api: Api, token: str, path: str) -> tuple[int, bytes, dict[str, str]]:
    """What a browser gets: status, body and headers."""
    answer = api.request("GET", path, headers={**BROWSER, **sent(token)})
    return answer.status, answer.response.data, dict(answer.headers)


def tokens(both: tuple[Api, Api], *groups: str) -> Iterator[tuple[Api, str]]:
    for api in both:
        yield api, make(api, groups=list(groups))["token"]


@pytest.mark.parametrize("groups", [["nginx-*"], ["nginx-lab", "nginx-prod"], ["nginx-????", "nginx-lab"]], ids=str)
def test_what_a_limited_token_gets_is_what_a_service_of_its_groups_gives(
    both: tuple[Api, Api], groups: list[str]
) -> None:
    (whole, limited), (own, same) = tokens(both, *groups)
    for path in ("/", "/problems"):
        answers(whole, ADMIN_TOKEN, path)  # a page that is kept for all, and asked for first by who may see all
    for path in [*PAGES, *ALL, *(path.format(*["z-last"] * 2) for path in REFUSED)]:
        given = answers(whole, limited, path)
        assert given == answers(own, same, path), path
        assert not [
            word for word in (b"a-first", b"foreign", b"env-4") if word in given[1] and word.decode() not in path
        ]


def test_a_tile_leads_to_each_own_group_whichever_the_filter_names(both: tuple[Api, Api]) -> None:
    (whole, limited), _ = tokens(both, "nginx-*")
    page = Page(answers(whole, limited, "/?server_group=nginx-prod")[1].decode())
    tiles = [key for key in page.keys("a") if key and key.startswith("group-")]
    assert tiles == ["group-nginx-lab", "group-nginx-prod"]


@pytest.mark.parametrize("path", REFUSED)
def test_a_refusal_does_not_tell_whether_there_is_such_a_group(both: tuple[Api, Api], path: str) -> None:
    (whole, limited), _ = tokens(both, "nginx-*")
    there, nowhere = (answers(whole, limited, path.format(group, group)) for group in ("rsyslog-prod", "rsyslog-none"))
    assert there[0] == nowhere[0] == 403
    assert there[1].replace(b"rsyslog-prod", b"rsyslog-none") == nowhere[1]


def test_a_refused_person_is_told_what_can_be_read_and_led_there(both: tuple[Api, Api]) -> None:
    (whole, limited), _ = tokens(both, "nginx-*")
    for path in (
        "/?server_group=rsyslog-prod&environment=prod",
        "/servers/rsyslog-prod/rsyslog-prod-1?environment=prod",
    ):
        page = Page(answers(whole, limited, path)[1].decode())
        assert "may not use the group 'rsyslog-prod', only nginx-*. Your token may read:" in page.words
        assert {"/?environment=prod&server_group=nginx-lab", "/?environment=prod&server_group=nginx-prod"} <= set(
            page.links()
        )
        assert "/login" in page.links()
        for link in page.links():
            if "server_group=nginx" in link:
                assert answers(whole, limited, link)[0] == 200


def test_whoever_may_not_read_is_told_no_groups(both: tuple[Api, Api]) -> None:
    (whole, limited), _ = ((api, make(api, groups=["nginx-*"], scopes=["cron"])["token"]) for api in both)
    for path in ("/", "/?server_group=nginx-prod", "/servers/nginx-prod/nginx-prod-1"):
        status, body, _ = answers(whole, limited, path)
        assert (status, b"nginx-lab" in body, b"Your token may read" in body) == (403, False, False)


def test_a_session_of_a_person_sees_as_much_as_its_token(both: tuple[Api, Api]) -> None:
    found = []
    for api, token in tokens(both, "nginx-*"):
        client = api.app.test_client()
        log_in(client, token)
        answer = client.get("/", headers=BROWSER, follow_redirects=True)
        found.append((answer.request.full_path, answer.data))
    assert found[0] == found[1]
    assert found[0][0] == "/?server_group=nginx-lab,nginx-prod"


def test_where_no_token_is_needed_a_limited_one_hides_nothing(tmp_path: Path) -> None:
    api = Api(tmp_path, auth="writes", admin_token=ADMIN_TOKEN)
    for group in ("web", "db"):
        report(api, "cron", group, 1)
    token = make(api, groups=["web"])["token"]
    assert Page(answers(api, token, "/")[1].decode()).keys("tr") == ["db/db-1", "web/web-1"]
