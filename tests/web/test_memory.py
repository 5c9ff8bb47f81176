"""What is kept of the fleet: one, whatever is asked in whatever order, and whatever changes."""

import gc

from tests.process.service import wait_until
from tests.web.api import Api

SERVERS = 70
READINGS = ("/status", "/summary", "/groups", "/", "/problems")


def load(api: Api, commit: str) -> None:
    fleet = [
        {"server_group": f"g-{n % 7}", "host": f"h-{n}", "status": "failed", "commit_sha": commit}
        for n in range(SERVERS)
    ]
    assert api.pipeline(fleet).status < 300


def read(api: Api, path: str) -> None:
    assert api.get(path, accept="text/html" if path in ("/", "/problems") else "*/*").status == 200


def living(commit: str) -> int:
    """How many records with this commit there are in memory."""
    gc.collect()
    return sum(
        type(one) is dict and one.get("commit_sha") == commit and "last_cron_check" in one for one in gc.get_objects()
    )


def test_of_a_fleet_that_has_changed_nothing_is_kept_whichever_reading_is_asked_for_again(api: Api) -> None:
    for again in READINGS:
        load(api, f"before {again}")
        for path in READINGS:
            read(api, path)
        load(api, "after")
        wait_until(lambda again=again: living(f"before {again}") == 0, "the file is written, and all is gone")  # type: ignore[misc]  # a default in a lambda
        read(api, again)
    assert living("after") == SERVERS
