"""How much is asked of the database at once, so that each answer ends within its time."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pages:
    """Rows, and the seconds until that is tried again which costs what the fleet costs."""

    loaded: int = 10_000
    most_changed: int = 100_000  # that one answer brings; who is further behind reads all, page by page
    first: int = 100  # of the history, for whoever takes a few entries
    later: int = 10_000
    pruned: int = 10_000
    brought_back: int = 10_000  # entries; of records, which are commits, a thousand
    costly: float = 10.0


AS_IT_IS = Pages()
