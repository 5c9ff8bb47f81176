"""What a caller may ask about the past."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain, islice

from domain.filters import MAX_LIMIT
from domain.freshness import Moment
from domain.history import Entry, attributed
from domain.kinds import SERVER
from domain.server import Server, server_key
from domain.story import Run, Step, runs, steps
from domain.timeline import DAY, FOREVER, HOUR, StatusCounts, Steps, Window, is_annotation, status_counts
from domain.times import time_text
from domain.verdict import lasting
from operations.servers import unknown
from storage import Span, Store

STORY_DAYS = 7
MAX_STEPS = 100


@dataclass(frozen=True, slots=True)
class HistoryReading:
    """What a reading of the history found: the states in force where it begins, if asked, and what came then, of which
    older entries may be left out."""

    in_force: list[Entry]
    entries: list[Entry]
    has_more: bool


@dataclass(frozen=True, slots=True)
class ServerStory:
    """One server as a person reads it: its record, None where it was deleted; how it looked in the hours of its last
    days; and its newest changes, all that are kept or not."""

    server: Server | None
    runs: list[Run]
    steps: list[Step]
    is_whole: bool


def history(store: Store, window: Window) -> HistoryReading:
    """What changed in a window; if it has a start, also the states in force then."""
    return _read(store, window, window.is_about if window.is_about_some else None)


def server_history(store: Store, window: Window, server_group: str, host: str) -> HistoryReading:
    """The same for one server. Raises NotFound where there never was such a server."""
    key = server_key(server_group, host)
    if store.get(SERVER, key) is None and next(store.events(Span(about=key.__eq__, kind=SERVER.name)), None) is None:
        raise unknown(server_group, host)
    return _read(store, window, key.__eq__)


def history_summary(store: Store, steps: Steps) -> list[StatusCounts]:
    """The counts at each step."""
    window = steps.window
    if not steps.times:
        return []
    about = window.is_about if window.is_about_some else None
    span = Span(window.since, window.until, about, SERVER.name)
    return status_counts(chain(store.in_force(SERVER, window.since, about), store.events(span)), steps)


def events(store: Store, window: Window) -> HistoryReading:
    """The entries of a window that are worth a mark on a graph."""
    return HistoryReading([], *_newest(store, window, window.is_about if window.is_about_some else None, is_annotation))


def server_story(store: Store, moment: Moment, server_group: str, host: str) -> ServerStory:
    """The story of one server. Raises NotFound where there never was such a server."""
    start = max((moment.now // HOUR + 1) * HOUR - STORY_DAYS * DAY, 0)
    strip = Window({}, max(time_text(start), moment.oldest), FOREVER, MAX_LIMIT, has_start=True)
    told = server_history(store, strip, server_group, host)
    entries = server_history(store, Window({}, moment.oldest, FOREVER, MAX_STEPS + 1), server_group, host).entries
    server = store.get(SERVER, server_key(server_group, host))
    held = lasting(server, moment) if server else ()
    is_whole = len(entries) <= MAX_STEPS
    return ServerStory(
        server, runs([*told.in_force, *told.entries], start, STORY_DAYS * 24, held), steps(entries, is_whole), is_whole
    )


def _read(store: Store, window: Window, about: Callable[[str], bool] | None) -> HistoryReading:
    in_force = store.in_force(SERVER, window.since, about) if window.has_start and window.since <= window.until else ()
    return HistoryReading(list(filter(window.matches, map(attributed, in_force))), *_newest(store, window, about))


def _newest(
    store: Store,
    window: Window,
    about: Callable[[str], bool] | None,
    is_wanted: Callable[[Entry], bool] = lambda _entry: True,
) -> tuple[list[Entry], bool]:
    """As many as the window wants, the oldest first, and whether there are more."""
    span = Span(window.since, window.until, about, SERVER.name)
    told = map(attributed, store.events(span, newest_first=True))
    found = list(islice((entry for entry in told if window.matches(entry) and is_wanted(entry)), window.limit + 1))
    return found[: window.limit][::-1], len(found) > window.limit
