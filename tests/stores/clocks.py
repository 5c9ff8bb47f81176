"""A clock that tests move, and reports by it."""

from collections.abc import Callable

from domain.history import change_entry
from domain.kinds import SERVER
from domain.server import Server
from domain.times import epoch, time_text
from storage import Changes, Decision, Store
from tests.stores.kinds import NOW
from tests.stores.records import of_servers, server

TIMES = ("last_pipeline_run", "last_cron_check", "timestamp", "first_seen", "status_since")
LATE = "9999-12-31T23:59:59Z"
DAY, MONTH = 86_400, 30 * 86_400

Open = Callable[[], Store]


class Clock:
    """Epoch seconds, moved by hand."""

    def __init__(self) -> None:
        self.now = epoch(NOW)

    def __call__(self) -> float:
        return self.now

    def text(self, seconds: int = 0) -> str:
        """The time so many seconds from now."""
        return time_text(self.now + seconds)


def report(store: Store, clock: Clock, key: str, status: str = "synced") -> Server:
    """A report as the service stores it; gives the record that it found."""
    found = list[Server | None]()

    def decide(before: Changes, revision: int) -> Decision:
        known = before[SERVER.name][key]
        found[:] = [known]
        now = max(clock.text(), known["timestamp"]) if known else clock.text()
        times = {**dict.fromkeys(TIMES, now), "first_seen": known["first_seen"] if known else now}
        after = server(key, status=status, revision=revision, **times)
        entry = change_entry(known, after, "cron")
        return of_servers({key: after}, [entry] if entry else [])

    store.change([SERVER.ref(key)], decide)
    return found[0] or server(key)
