"""What a reading says of itself while the store stands still, and `/ready` of a file that cannot be written."""

from pathlib import Path

import pytest

from stores.json_file.store import JsonFileStore
from tests.web.api import Api


def test_a_reading_from_memory_says_how_old_it_is_and_others_say_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "Age" not in Api(tmp_path).get("/status").headers
    monkeypatch.setattr(JsonFileStore, "age", lambda _store: 11.2)
    api = Api(tmp_path)
    for path in ("/status", "/summary", "/"):
        headers = api.get(path).headers
        assert headers["Age"] == "12"
        assert headers["Warning"].startswith('110 gitops-status "The store stands still')
    assert "Age" not in api.get("/status/nobody").headers


def test_ready_says_what_to_see_to_while_all_goes_on(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(JsonFileStore, "notice", lambda _store: "It cannot be written.")
    answer = api.get("/ready")
    assert (answer.status, answer.json) == (200, {"status": "ok", "notice": "It cannot be written."})
