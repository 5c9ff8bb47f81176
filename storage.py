"""What every store promises, and the values that go in and out: the contract alone. Which implementation a path or URL
names, stores/ knows. `python -m storage verify|compact PATH` is for who operates one.
"""

import sys
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, MutableSequence, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from domain.kinds import Event, Kind, Ref, ref_of
from domain.tokens import Keyring, Token

R = TypeVar("R")

# By the name of their kind, then by key; None where there was, is, or shall be none.
Changes = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Decision:
    """What a change stores: records that it named, None to delete one, and the events that this leaves."""

    records: Changes
    events: Sequence[Event] = ()

    def is_within(self, before: Changes) -> bool:
        """Whether it stores no record but those that it got: whatever else it stored, nobody would have locked."""
        return all(records.keys() <= before.get(kind, {}).keys() for kind, records in self.records.items())

    def changes_nothing(self, before: Changes) -> bool:
        """Whether it gives back the very records that it got, and no event."""
        return not self.events and not self.changed(before)

    def changed(self, before: Changes) -> list[str]:
        """The kinds of which it gives back anything but the very records that it got."""
        return [
            kind
            for kind, records in self.records.items()
            if not all(before[kind].get(key) is record for key, record in records.items())
        ]


Decide = Callable[[Changes, int], Decision]


class Part(dict[str, R]):
    """Records that are handed out, and what was made of them, by whoever made it: it holds as long as they do, and goes
    with them."""

    __slots__ = ("made",)

    def __init__(self, records: Mapping[str, R] | Iterable[tuple[str, R]] = ()) -> None:
        super().__init__(records)
        self.made = dict[object, Any]()


@dataclass(frozen=True)
class Table(Generic[R]):
    """Every record of one kind, sorted by part, then by key. Shared: nobody changes it.

    It is the same object until a record of its kind changes, whatever else does, so what was made of it stays good.
    """

    parts: Mapping[str, Part[R]]  # of each part that has a record, its records by key; the same until one changes

    @cached_property
    def records(self) -> Part[R]:
        """All records by key. Made for the first who wants all, as that costs what they are."""
        return self.of(self.parts)

    def of(self, parts: Iterable[str]) -> Part[R]:
        """The records of these parts by key, as far as there are such parts."""
        records = Part[R]()
        for name in sorted(parts):
            records.update(self.parts.get(name, {}))
        return records


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Every record at one revision."""

    revision: int
    tables: Mapping[str, Table[Any]]  # of each kind that the store keeps, by its name

    def table(self, kind: Kind[R]) -> Table[R]:
        """The records of one kind."""
        return self.tables[kind.name]


@dataclass(frozen=True, slots=True)
class Span:
    """A part of the history: from one time to another, bounds included, after a revision, of one kind or of all, and
    about the records whose keys are wanted."""

    since: str = ""
    until: str = "~"  # sorts after every time
    about: Callable[[str], bool] | None = None  # None for all
    kind: str = ""  # its name; empty for all
    after: int = 0

    def holds(self, event: Event) -> bool:
        """Whether the event is in it."""
        kind, key = ref_of(event)
        return (
            event["revision"] > self.after
            and self.since <= event["time"] <= self.until
            and self.kind in ("", kind)
            and (self.about is None or self.about(key))
        )


EVERYTHING: Span = Span()


@dataclass(frozen=True, slots=True)
class Commit:
    """What one change did: the records that it named, before and after."""

    before: Changes
    after: Changes


class Store(Protocol):
    """Keeps the records of every kind by key, changes them one commit after the other, and remembers what happened.

    Order: commits follow each other in one order, the same for every thread, process and reader. Each takes as many
    revisions as it names records, and a revision is never given twice. A change that changes nothing is no commit: it
    takes none and writes nothing.
    Whole: a change may name records of several kinds, and is one commit. All that a decision looks at is named; a query
    ("the oldest job that waits") is a snapshot, then a change that refuses if another was faster.
    Durable: `change` returns only when its commit, records and events together, survives a power cut. An error means
    that nothing was acknowledged; the caller may send it again.
    Fresh: a reading shows every commit that was acknowledged, by whichever process, before it began; unless what it
    comes from stands still, and `age` says since when.
    Patient: whoever calls waits a few seconds and no more, however long a disk or a lock keeps others.
    Honest: no time that was (`Kind.times`) and that it hands out lies more than a minute ahead of the clock: whoever
    finds one, a reading or a commit, has it brought back to now for all, records and history alike, as far as the store
    can be written. The times of the events about one record never run backwards, also where it was deleted between. By
    a clock that cannot be right it hands out and stores nothing.
    Owned: what is handed out is shared and never changed, neither by the store nor by the caller.
    Cost: a commit costs what it changes, not what there is, and changes that wait together share one. A kind that
    churns costs the others nothing: their tables stay, and no file is written for it alone.
    Known: it keeps the kinds that it was opened with. Of a kind that only a later version knows nothing is lost: what
    stands still is kept as it is, and where it would go on without something, the store is refused in a sentence.
    Whatever keeps the store from being read or written is raised as Unavailable with the cause, and passes with it.
    """

    def get(self, kind: Kind[R], key: str) -> R | None:
        """One record, None where there is none."""

    def snapshot(self) -> Snapshot:
        """All records at one moment."""

    def change(self, refs: Sequence[Ref], decide: Decide) -> Commit:
        """Commit what `decide` gives, all or nothing: one or many records, one of them once for each report about it.

        `decide` gets the present records that are named and the first of the commit's revisions, which its events
        carry. It is pure and may be called again. What it raises is raised here, with nothing stored; so is KeyError
        for a record that it stores and did not name.
        """

    def restore(self, records: Changes, events: Sequence[Event], revision: int) -> None:
        """Commit records and events of another store as they are, all or nothing.

        The events follow those that are there, in the order of revisions. `revision` is the other store's, which none
        of theirs exceeds; those that are given from then on are greater.
        """

    def events(self, span: Span = EVERYTHING, *, newest_first: bool = False) -> Iterator[Any]:
        """The history of a span, the oldest event first unless asked otherwise, each once.

        It costs what is taken from it, not what is kept. Old events may go by themselves; of a record that exists, its
        last one stays.
        """

    def in_force(self, kind: Kind[Any], time: str, about: Callable[[str], bool] | None = None) -> Iterator[Any]:
        """For each record of a kind that existed just before a time, or each wanted one, the event of its state then,
        in the order of revisions. It relies on the events about one record being in the order of their times."""

    def check(self, *, writes: bool = True) -> None:
        """Try to read and to write. Raises Unavailable.

        Without `writes` it writes nothing and waits for no lock, as long as nothing says that a write would fail: it
        looks instead. After a write that failed it tries all the same, as only that tells whether it is over.
        """

    def journal_size(self) -> int:
        """Bytes in the journal: what a start would read beside the file. 0 for a store that keeps none, or where it
        cannot be seen."""

    def age(self) -> float:
        """For how many seconds readings have been answered from memory alone, as what they come from stands still; 0
        where the last one was of that moment."""

    def behind_seconds(self) -> float:
        """For how long what the operator reads, the file, has not shown all that was acknowledged, but for what churns;
        0 where it does."""

    def notice(self) -> str:
        """What the operator should see to, though readings and reports go on: a sentence or two, else empty."""

    def share(self, known: MutableSequence[int]) -> None:
        """Share a byte with all processes of a service, also those to come: it is 1 once any of them knew a store. To
        a process that starts after the store has gone, whatever went with it, it has gone too, and is no new one."""

    def begin(self) -> None:
        """What a service does when it starts: read everything once, put in order what an earlier one left, and make
        the empty store where there is nothing at all. Raises Unavailable."""

    def sweep(self) -> None:
        """What time alone asks for: take out the events that are old by now, and bring back the times that lie ahead.
        One process of the installation does it, now and then. Raises Unavailable."""

    def close(self) -> None:
        """Let go of what the store holds. Nothing acknowledged depends on it."""


DecideTokens = Callable[[Mapping[str, Token]], Mapping[str, Token]]


class TokenStore(Protocol):
    """Keeps the tokens by id, and one key to sign with, made with the first change.

    Fresh: a reading shows every change that returned a second before it began, in whichever process.
    Durable: a change that returned survives a power cut. Changes follow each other, over all processes.
    Whatever keeps it from being read or written is raised as Unavailable with the cause, and passes with it.
    """

    def keyring(self) -> Keyring:
        """All that is kept. It is cheap enough to be asked for each request. Shared: nobody changes it."""

    def change(self, decide: DecideTokens) -> None:
        """Keep what `decide` makes of the present tokens. What it raises is raised here, with nothing changed."""

    def restore(self, keyring: Keyring) -> None:
        """Keep the tokens and the key of another store instead."""

    def close(self) -> None:
        """Let go of connections. A later call makes new ones."""


@dataclass(frozen=True, slots=True)
class Site:
    """A place for a store, however its path or URL was spelled."""

    name: str  # for people, without what is secret in a URL
    id: Hashable
    own: frozenset[Hashable]  # the id, and those of the files beside that belong to the store
    is_made: bool  # whether a service has made a store there
    owns: Callable[[Path], bool]  # whether a file is one of the store's
    begin_anew: Callable[[], None]  # put an empty store where one was and is gone; raises Invalid where it is there


if __name__ == "__main__":
    from stores.json_file.command import main

    sys.exit(main())
