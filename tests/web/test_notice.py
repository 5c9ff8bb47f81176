"""Two machines that share a name: each report names the installation that made it, and the record says so."""

import pytest

from tests.web.api import Api
from tests.web.looks import show

SENTENCE = (
    "Several installations of the agent take turns in reporting about this server (a-1, b-2): machines that share its "
    "name. Give each a host of its own in its config; gitops-agent doctor says which of them it is."
)


def take_turns(api: Api) -> None:
    for agent in ("a-1", "b-2", "a-1"):
        assert "X-Ignored-Fields" not in api.cron(agent=agent).headers
        api.clock.advance(60)


def test_the_record_and_the_page_say_that_two_agents_take_turns_and_no_row_does(api: Api) -> None:
    api.cron(agent="a-1")
    api.clock.advance(60)
    record = api.cron(agent="b-2").json
    assert (list(record)[-1], record["notice"]) == ("notice", "")
    assert SENTENCE not in show(api, "/servers/web/web-01").words
    take_turns(api)
    assert api.record()["notice"] == SENTENCE
    assert SENTENCE in show(api, "/servers/web/web-01").words
    row = api.get("/status").json[0]
    assert {"agent", "agents", "take_turns", "notice"}.isdisjoint(row)
    assert {"agent", "agents", "take_turns"}.isdisjoint(api.record())
    assert row["problem"] == 0
    assert len(api.get("/history").json) == 1


def test_it_is_kept_over_a_restart(api: Api) -> None:
    take_turns(api)
    again = Api(api.store.parent)
    again.clock.now = api.clock.now
    assert again.record()["notice"] == SENTENCE
    again.clock.advance(7_300)
    assert again.cron(agent="b-2").json["notice"] == ""


@pytest.mark.parametrize("agent", ["", "a b", "ü", "a" * 65, 5, [], "a\n"])
def test_a_name_that_is_none_is_refused(api: Api, agent: object) -> None:
    for send in (api.cron, api.pipeline):
        answer = send(agent=agent, status="synced")
        assert (answer.status, list(answer.json["fields"])) == (400, ["agent"])


def test_null_counts_as_left_out(api: Api) -> None:
    assert api.pipeline(agent=None).status == 201
    assert api.cron(agent="A-Z.a_z:" + "0" * 56).status == 200
