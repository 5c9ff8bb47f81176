"""How a token is sent, what is no valid one, and how many tries and reports a minute allows (API.md, section 10)."""

import json
import sys
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from domain.errors import Unauthorized
from operations.access import Access
from stores import open_tokens
from tests.web.api import ADMIN_TOKEN, Answer, Api
from tests.web.tokens import NOT_VALID, REPORT, as_admin, login, make, sent, service


def test_no_token_is_told_how_to_send_one(tmp_path: Path) -> None:
    answer = service(tmp_path, auth="writes").pipeline()
    assert answer.status == 401
    assert "Authorization: Bearer" in answer.json["error"]
    assert "X-API-Key" in answer.json["error"]


def test_unknown_wrong_expired_and_revoked_get_one_answer(tmp_path: Path) -> None:
    api = service(tmp_path, auth="writes")
    expired = make(api, scopes=["admin"], expires_in="1h")["token"]
    revoked = make(api, scopes=["admin"])
    kept = make(api, scopes=["admin"])["token"]
    as_admin(api, "DELETE", f"/tokens/{revoked['id']}")
    api.clock.advance(3_600)
    wrong = kept[:-1] + ("0" if kept[-1] != "0" else "1")
    bodies = {
        api.request("POST", "/status/pipeline", headers=sent(token), json=REPORT).response.data
        for token in (expired, revoked["token"], wrong, "gst_000000000000_" + "0" * 64, "gst_admin_x", "x")
    }
    assert [json.loads(body) for body in bodies] == [NOT_VALID]


def test_forged_and_odd_tokens_are_refused(tmp_path: Path) -> None:
    """Those of ten megabytes too: a step that takes the square of a length would not end."""
    api = service(tmp_path, auth="writes")
    token = make(api, scopes=["admin"])["token"]
    child = login(api, token).json["access_token"]
    _, token_id, secret = token.split("_")
    kept = json.loads(api.store.with_name("status.json.tokens").read_text())["tokens"][token_id]
    odd = [
        token[:-1], token + "0", token.upper(), f"gst__{secret}", f"gst_{token_id}_", f"gst_{token_id}", secret,
        f"ghp_{token_id}_{secret}", f"gst_{token_id}_{kept['hash']}", f"gst_admin_{ADMIN_TOKEN}", ADMIN_TOKEN[:-1],
        "gst_" + "x" * 10_000_000, "," * 10_000_000, "gst_\xe4_\xff", f"{token}\xa0", f"{token}\x85", "\xef\xbd\x87st",
        f"gsl_{token_id}_", f"gsl_admin_{child.split('_', 2)[2]}", child[:-1], child + "A", f"gsl__{child}", "gsl_admin_.", "null",
    ]  # fmt: skip
    for text in odd:
        api.clock.advance(60)
        answer = api.request("POST", "/status/pipeline", headers=sent(text), json=REPORT)
        assert (answer.status, answer.json) == (401, NOT_VALID), text[:100]
    assert api.request("POST", "/status/pipeline", headers=sent(token), json=REPORT).status == 200


@pytest.mark.parametrize(
    ("headers", "is_fine"),
    [
        ([("Authorization", "Bearer {t}")], True), ([("X-API-Key", "{t}")], True),
        ([("Authorization", "bearer   {t} ")], True), ([("Authorization", "BEARER {t}"), ("X-API-Key", "{t}")], True),
        ([("X-API-Key", "{t}"), ("X-API-Key", "{t}")], True),
        ([("Authorization", "Bearer {t}"), ("Authorization", "Bearer {t}")], True),
        ([("Authorization", "Basic dTpw"), ("X-API-Key", "{t}")], True),
        ([("Authorization", "Bearer {t}"), ("X-API-Key", "")], True),
        ([("Authorization", "Bearer {t}"), ("X-API-Key", "{t}0")], False),
        ([("X-API-Key", "{t}"), ("X-API-Key", "other")], False),
        ([("Authorization", "Bearer {t}"), ("Authorization", "Bearer other")], False),
        ([("Authorization", "Bearer {t} {t}")], False), ([("Authorization", "{t}")], False),
        ([("Authorization", "Bearer")], False), ([("Authorization", "Basic {t}")], False), ([("X-API-Key", "Bearer {t}")], False),
    ],
)  # fmt: skip
def test_one_token_is_sent_in_either_header_and_never_two(tmp_path: Path, headers: Any, is_fine: bool) -> None:
    api = service(tmp_path, auth="writes")
    token = make(api, scopes=["pipeline"])["token"]
    given = [(name, value.format(t=token)) for name, value in headers]
    assert api.request("POST", "/status/pipeline", headers=given, json=REPORT).status == (200 if is_fine else 401)


def test_where_none_is_needed_one_that_is_not_valid_is_ignored(tmp_path: Path) -> None:
    api = service(tmp_path)
    api.store.with_name("status.json.tokens").write_text("damaged")
    for token in ("nonsense", "gst_000000000000_00", ""):
        assert api.request("POST", "/status/pipeline", headers=sent(token), json=REPORT).status == 200


def test_an_unknown_token_is_refused_by_the_same_steps_as_a_wrong_one(tmp_path: Path) -> None:
    api = service(tmp_path, auth="writes")
    token = make(api, scopes=["pipeline"])["token"]
    wrong = token[:-1] + ("0" if token[-1] != "0" else "1")
    unknown = "gst_ffffffffffff_" + token.rsplit("_", 1)[1]
    access, now = Access(open_tokens(api.store), ADMIN_TOKEN), int(api.clock())

    def calls(text: str) -> list[str]:
        """Every call, of ours and of the libraries', until the token is refused."""
        made = list[str]()

        def note(frame: FrameType, event: str, called: Any) -> None:
            made.append(called.__name__ if event.startswith("c_") else frame.f_code.co_qualname)

        before = sys.getprofile()
        sys.setprofile(note)
        try:
            access.authenticate(text, now)
        except Unauthorized:
            return made
        finally:
            sys.setprofile(before)
        raise AssertionError("it was let in")

    assert "compare_digest" in calls(wrong)
    assert calls(unknown) == calls(wrong)


def test_many_wrong_tokens_from_an_address_wait_and_a_valid_one_always_passes(tmp_path: Path) -> None:
    api = service(tmp_path, auth="writes")
    token = make(api, scopes=["pipeline"])["token"]
    api.clock.now = api.clock.now // 60 * 60 + 15

    def report(text: str, address: str = "10.0.0.1") -> Answer:
        return api.request(
            "POST", "/status/pipeline", headers=sent(text), json=REPORT, environ_base={"REMOTE_ADDR": address}
        )

    assert {report(f"wrong-{number}").status for number in range(20)} == {401}
    assert {api.pipeline().status for _ in range(30)} == {401}, "a token that is missing is no attempt"
    refused = report("wrong")
    assert (refused.status, refused.json["code"]) == (429, "too_many_requests")
    assert refused.headers["Retry-After"] == "45"
    assert report("wrong", "10.0.0.2").status == 401
    assert report(token).status == 200
    assert login(api, "wrong").status == 401  # from 127.0.0.1
    api.clock.advance(45)
    assert report("wrong").status == 401


def test_reports_by_a_token_are_limited_each_of_an_array_and_what_its_logins_report(tmp_path: Path) -> None:
    api = service(tmp_path, auth="writes", reports_per_minute=5)
    token, other = (make(api, scopes=["pipeline", "cron"])["token"] for _ in range(2))
    child = login(api, token).json["access_token"]
    api.clock.now = api.clock.now // 60 * 60 + 50

    def status(text: str, body: Any) -> int:
        return api.request("POST", "/status/pipeline", headers=sent(text), json=body).status

    assert status(token, [REPORT] * 3) == 200
    assert status(child, [REPORT] * 3) == 429
    assert [status(child, REPORT) for _ in range(3)] == [200, 200, 429]
    refused = api.request("POST", "/api/status", headers=sent(token), json={})
    assert (refused.status, refused.headers["Retry-After"]) == (429, "10")
    assert status(other, REPORT) == 200
    assert api.request("GET", "/status", headers=sent(token)).status == 200
    api.clock.advance(10)
    assert status(token, [REPORT] * 5) == 200


def test_a_report_that_lacks_a_token_counts_as_refused(tmp_path: Path) -> None:
    api = Api(tmp_path, auth="writes")
    api.pipeline()
    assert 'gitops_reports_total{result="refused",source="pipeline"} 1.0' in api.get("/metrics").response.text
