"""Arrays of reports: one request, one commit."""

from typing import Any

import pytest

from tests.web.api import Api


def report(host: str, **fields: Any) -> dict[str, Any]:
    return {"server_group": "web", "host": host, "status": "synced", **fields}


def test_an_array_answers_with_the_records_in_its_order(api: Api) -> None:
    answer = api.pipeline([report("b"), report("a", status="failed")])
    assert answer.status == 201
    assert [(record["host"], record["status"]) for record in answer.json] == [("b", "synced"), ("a", "failed")]
    assert [row["host"] for row in api.get("/status").json] == ["a", "b"]


def test_an_array_of_known_servers_answers_200_and_one_new_makes_it_201(api: Api) -> None:
    api.pipeline([report("a")])
    assert api.pipeline([report("a")]).status == 200
    assert api.pipeline([report("a"), report("b")]).status == 201


def test_elements_about_one_server_are_applied_in_order_and_answer_alike(api: Api) -> None:
    answer = api.pipeline([report("a", status="failed", branch="x"), report("b"), report("a", commit_sha="2")])
    first, _, last = answer.json
    assert first == last
    assert (first["status"], first["branch"], first["commit_sha"]) == ("synced", "", "2")


def test_a_new_server_named_twice_by_cron_is_created_once(api: Api) -> None:
    first = {"server_group": "web", "host": "a", "server_type": "nginx", "changed_files": ["/x"]}
    answer = api.cron([first, {**first, "server_type": "apache", "changed_files": []}])
    assert answer.status == 201
    assert answer.json[0]["server_type"] == "nginx"
    assert answer.json[0]["status"] == "synced"


def test_one_bad_element_refuses_the_whole_array_and_every_bad_field_is_named(api: Api) -> None:
    answer = api.pipeline([report("a"), report("b", status="x"), 7, {"host": "../c", "status": "synced"}])
    assert answer.status == 400
    assert answer.json["fields"].keys() == {"1.status", "2", "3.server_group", "3.host"}
    assert api.get("/status").json == []


def test_an_array_holds_one_to_a_thousand(api: Api) -> None:
    assert api.pipeline([]).status == 400
    assert api.pipeline([report(f"h{n}") for n in range(1_001)]).status == 400
    assert len(api.pipeline([report(f"h{n}") for n in range(1_000)]).json) == 1_000
    assert api.get("/summary").json["total"] == 1_000


def test_the_ignored_names_of_an_array_are_named_once(api: Api) -> None:
    answer = api.pipeline([report("a", x=1), report("b", x=2, y=3)])
    assert answer.headers["X-Ignored-Fields"] == "x, y"


@pytest.mark.parametrize("body", [[[]], [None], ["a"]])
def test_an_element_that_is_no_object_is_named_by_its_index(api: Api, body: Any) -> None:
    assert api.cron(body).json["fields"] == {"0": "must be an object"}
