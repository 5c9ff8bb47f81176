"""A batch: what one commit stores, and how it is decided. Pure: nothing is read and nothing is changed."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

from domain.freshness import is_far, seen_since
from domain.history import Entry, entry_key
from domain.server import Server
from storage import Changes, Commit, Decision
from stores.queue import Answer, Change


@dataclass(frozen=True, slots=True)
class Batch:
    """The records of all changes that share a commit, and the entries that they leave; `revision` is its last."""

    revision: int
    servers: Changes = field(default_factory=dict)
    history: Sequence[Entry] = ()


def decide_batch(
    changes: Sequence[Change], revision: int, get: Callable[[str], Server | None], gone: Mapping[str, str]
) -> tuple[Batch, Sequence[Answer]]:
    """What all of these changes make, one after the other, of the records that `get` gives at a revision, and an answer
    for each. `gone` tells when those servers were deleted that were lately."""
    servers, history, answers = dict[str, Server | None](), list[Entry](), list[Answer]()
    for change in changes:
        before: Changes = {key: servers[key] if key in servers else get(key) for key in change.keys}
        try:
            decision = change.decide(before, revision + 1)
        except Exception as error:  # noqa: BLE001 - what a decision raises belongs to its caller alone
            answers.append(error)
            continue
        decision = _following(before, decision, gone)
        answers.append(Commit(before, decision.records))
        if decision.changes_nothing(before):
            continue
        revision += len(change.keys)
        servers.update(decision.records)
        history += decision.history
    return Batch(revision, servers, history), answers


def _following(before: Changes, decision: Decision, gone: Mapping[str, str]) -> Decision:
    """The decision, but that a server which was deleted is not seen again before that, by a clock that was set back:
    the times of one server never run backwards."""
    new = {key: server for key, server in decision.records.items() if server and not before.get(key)}
    since = {key: gone[key] for key in gone.keys() & new.keys() if not is_far(gone[key], after=new[key]["timestamp"])}
    if not since:
        return decision
    records = {key: server and seen_since(server, since.get(key, "")) for key, server in decision.records.items()}
    entries = [{**one, "time": max(one["time"], since.get(entry_key(one), ""))} for one in decision.history]
    return Decision(records, cast(list[Entry], entries))
