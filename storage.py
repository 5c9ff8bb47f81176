"""What every store promises, and the values that go in and out: the contract alone. Which implementation a path or URL
names, stores/ knows. `python -m storage verify|compact PATH` is for who operates one.
"""

import sys
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

from domain.history import Entry, entry_key
from domain.server import Server
from domain.tokens import Keyring, Token

Records = Mapping[str, Server]
Changes = Mapping[str, Server | None]  # None where there was, is, or shall be none


@dataclass(frozen=True, slots=True)
class Decision:
    """What a change stores: the records of its keys, None to delete, and the history entries that this leaves."""

    records: Changes
    history: Sequence[Entry] = ()

    def changes_nothing(self, before: Changes) -> bool:
        """Whether it gives back the very records that it got, and no entry."""
        return not self.history and all(before.get(key) is record for key, record in self.records.items())


Decide = Callable[[Changes, int], Decision]


class Part(dict[str, Server]):
    """Records that are handed out, and what was made of them, by whoever made it: it holds as long as they do, and goes
    with them."""

    __slots__ = ("made",)

    def __init__(self, records: Mapping[str, Server] | Iterable[tuple[str, Server]] = ()) -> None:
        super().__init__(records)
        self.made = dict[object, Any]()


@dataclass(frozen=True)
class Snapshot:
    """Every record at one revision, sorted by group then host. Shared: nobody changes it."""

    revision: int
    groups: Mapping[str, Part]  # of each group that has a server, its records by key; the same until one changes

    @cached_property
    def records(self) -> Part:
        """All records by key. Made for the first who wants all, as that costs what the fleet costs."""
        return self.of(self.groups)

    def of(self, groups: Iterable[str]) -> Part:
        """The records of these groups by key, as far as there are such groups."""
        records = Part()
        for name in sorted(groups):
            records.update(self.groups.get(name, {}))
        return records


@dataclass(frozen=True, slots=True)
class Span:
    """A part of the history: from one time to another, bounds included, about the servers whose keys are wanted."""

    since: str = ""
    until: str = "~"  # sorts after every time
    about: Callable[[str], bool] | None = None  # None for all

    def holds(self, entry: Entry) -> bool:
        """Whether the entry is in it."""
        return self.since <= entry["time"] <= self.until and (self.about is None or self.about(entry_key(entry)))


EVERYTHING = Span()


@dataclass(frozen=True, slots=True)
class Commit:
    """What one change did: the records of its keys before and after."""

    before: Changes
    after: Changes


class Store(Protocol):
    """Keeps the servers by key, changes them one commit after the other, and remembers each change.

    Order: commits follow each other in one order, the same for every thread, process and reader. Each takes as many
    revisions as it names keys, and a revision is never given twice. A change that changes nothing is no commit: it
    takes none and writes nothing.
    Durable: `change` returns only when its commit, records and history together, survives a power cut. An error means
    that nothing was acknowledged; the caller may send it again.
    Fresh: a reading shows every commit that was acknowledged, by whichever process, before it began; unless what it
    comes from stands still, and `age` says since when.
    Patient: whoever calls waits a few seconds and no more, however long a disk or a lock keeps others.
    Honest: no time that it hands out lies more than a minute ahead of the clock: whoever finds one, a reading or a
    commit, has it brought back to now for all, records and history alike, as far as the store can be written. The
    times of the entries about one server never run backwards, also where it was deleted between. By a clock that cannot
    be right it hands out and stores nothing.
    Owned: what is handed out is shared and never changed, neither by the store nor by the caller.
    Cost: a commit costs what it changes, not the fleet, and changes that wait together share one.
    Whatever keeps the store from being read or written is raised as Unavailable with the cause, and passes with it.
    """

    def get(self, key: str) -> Server | None:
        """The record of one server, None where there is none."""

    def snapshot(self) -> Snapshot:
        """All records at one moment."""

    def change(self, keys: Sequence[str], decide: Decide) -> Commit:
        """Commit what `decide` gives, all or nothing: one or many keys, a key once for each report about it.

        `decide` gets the present records of the keys and the first of the commit's revisions, which its entries carry.
        It is pure and may be called again. What it raises is raised here, with nothing stored.
        """

    def restore(self, records: Records, history: Sequence[Entry], revision: int) -> None:
        """Commit records and entries of another store as they are, all or nothing.

        The entries follow those that are there, in the order of revisions. `revision` is the other store's, which none
        of theirs exceeds; those that are given from then on are greater.
        """

    def events(self, after: int = 0, span: Span = EVERYTHING, *, newest_first: bool = False) -> Iterator[Entry]:
        """The history after a revision, the oldest entry first unless asked otherwise, each once.

        It costs what is taken from it, not what is kept. Old entries may go by themselves; of a server that exists,
        its last one stays.
        """

    def in_force(self, time: str, about: Callable[[str], bool] | None = None) -> Iterator[Entry]:
        """For each server that existed just before a time, or each wanted one, the entry of its state then, in the
        order of revisions. It relies on the entries about one server being in the order of their times."""

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
        """For how long what the operator reads, the file, has not shown all that was acknowledged; 0 where it does."""

    def notice(self) -> str:
        """What the operator should see to, though readings and reports go on: a sentence or two, else empty."""

    def begin(self) -> None:
        """What a service does when it starts: read everything once, put in order what an earlier one left, and make
        the empty store where there is nothing at all. Raises Unavailable."""

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
