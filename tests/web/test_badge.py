"""GET /badge: pictures for a README, and what shields.io reads."""

from xml.etree import ElementTree

import pytest

from tests.web.api import Api

SVG = "{http://www.w3.org/2000/svg}"


def texts(api: Api, path: str) -> list[str | None]:
    """What a picture says, parsed as a browser would."""
    answer = api.get(path)
    assert (answer.status, answer.headers["Content-Type"]) == (200, "image/svg+xml; charset=utf-8")
    return [text.text for text in ElementTree.fromstring(answer.response.data).iter(f"{SVG}text")]


def test_a_group_shows_its_worst_status_and_a_server_its_own(api: Api) -> None:
    api.pipeline([
        {"server_group": "web", "host": "n1", "status": "synced"},
        {"server_group": "web", "host": "n2", "status": "failed"},
    ])  # fmt: skip
    assert texts(api, "/badge/web.svg") == ["web", "failed"]
    assert texts(api, "/badge/web/n1.svg") == ["n1", "synced"]
    assert api.get("/badge/web.json").json == {
        "schemaVersion": 1, "label": "web", "message": "failed", "color": "red", "isError": True,
    }  # fmt: skip
    assert api.get("/badge/web/n1.json").json["color"] == "brightgreen"


def test_a_silent_server_is_no_longer_green(api: Api) -> None:
    api.cron(server_group="web", host="n1", check_interval=300)
    assert api.get("/badge/web.json").json["message"] == "synced"
    api.clock.advance(601)
    assert api.get("/badge/web.json").json | {"label": ""} == {
        "schemaVersion": 1, "label": "", "message": "synced, stale", "color": "orange", "isError": False,
    }  # fmt: skip
    assert texts(api, "/badge/web/n1.svg") == ["n1", "synced, stale"]


def test_a_failed_validation_is_not_green_either(api: Api) -> None:
    api.pipeline(server_group="web", host="n1", validation_status="failed")
    shown = api.get("/badge/web.json").json
    assert (shown["message"], shown["color"]) == ("synced, with a problem", "orange")


@pytest.mark.parametrize("form", ["svg", "json"])
def test_a_badge_is_asked_for_again_each_time_and_costs_nothing_unchanged(api: Api, form: str) -> None:
    api.pipeline(server_group="web", host="n1")
    answer = api.get(f"/badge/web.{form}")
    assert answer.headers["Cache-Control"] == "no-cache"
    tag = answer.headers["ETag"]
    assert api.get(f"/badge/web.{form}", if_none_match=tag).status == 304
    api.pipeline(server_group="web", host="n1", status="failed")
    assert api.get(f"/badge/web.{form}", if_none_match=tag).status == 200


@pytest.mark.parametrize("path", ["nobody.svg", "nobody.json", "web/nobody.svg", "web/nobody.json"])
def test_what_is_not_known_is_404(api: Api, path: str) -> None:
    api.pipeline(server_group="web", host="n1")
    assert api.get(f"/badge/{path}").json["code"] == "not_found"


def test_a_name_with_dots_is_the_name(api: Api) -> None:
    api.pipeline(server_group="web.example.com", host="n1.svg")
    assert texts(api, "/badge/web.example.com.svg") == ["web.example.com", "synced"]
    assert texts(api, "/badge/web.example.com/n1.svg.svg") == ["n1.svg", "synced"]


def test_a_picture_that_is_opened_by_itself_may_load_and_run_nothing(api: Api) -> None:
    api.pipeline(server_group="web", host="n1")
    assert api.get("/badge/web.svg").headers["Content-Security-Policy"] == "default-src 'none'"
