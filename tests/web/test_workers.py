"""GET /workers."""

from pathlib import Path

from domain.workers import Run
from operations.workers import note_run
from stores import open_store
from tests.web.api import START, Api
from tests.web.tokens import as_admin, service


def test_it_shows_what_was_noted_by_whichever_process(tmp_path: Path) -> None:
    api = service(tmp_path)
    (row,) = as_admin(api, "GET", "/workers").json
    assert (row["worker"], row["running"], row["last_run"], row["runs"]) == ("sweeper", False, None, 0)
    store = open_store(api.store, lambda _stored: None, clock=api.clock)
    note_run(store, Run("sweeper", "status-1 17", START, 0.25))
    note_run(store, Run("sweeper", "status-1 17", START, 0.1234, "The disk is full."))
    store.close()
    assert as_admin(api, "GET", "/workers").json == [
        {
            "worker": "sweeper", "running": True, "leader": "status-1 17", "interval": 60,
            "last_run": "2026-04-26T10:30:00Z", "last_seconds": 0.123, "runs": 2, "failures": 1, "backlog": 0,
            "message": "The disk is full.",
        }
    ]  # fmt: skip
    api.clock.advance(76)
    assert as_admin(api, "GET", "/workers").json[0]["running"] is False


def test_it_needs_the_scope_admin_in_the_mode_open_too(api: Api) -> None:
    assert api.get("/workers").status == 401
