"""A batch: what one commit stores, and how it is decided. Pure: nothing is read and nothing is changed."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from domain.freshness import is_far
from domain.kinds import Event, Kinds, ref_of
from storage import Changes, Commit, Decision
from stores.queue import Answer, Change

Gone = Mapping[str, Mapping[str, str]]  # when records were deleted that were lately, by the name of their kind and key


@dataclass(frozen=True, slots=True)
class Batch:
    """The records of all changes that share a commit, and the events that they leave; `revision` is its last."""

    revision: int
    records: Changes = field(default_factory=dict)
    events: Sequence[Event] = ()

    def kinds(self) -> set[str]:
        """The names of the kinds that it is about; of servers where it changes any."""
        return {*self.records, *(event["kind"] for event in self.events if "kind" in event)}


def decide_batch(
    changes: Sequence[Change], revision: int, get: Callable[[str, str], Any], gone: Gone, kinds: Kinds
) -> tuple[Batch, Sequence[Answer]]:
    """What all of these changes make, one after the other, of the records that `get` gives at a revision, and an answer
    for each."""
    records: dict[str, dict[str, Any]] = {}
    events: list[Event] = []
    answers: list[Answer] = []
    for change in changes:
        before: dict[str, dict[str, Any]] = {}
        for kind, key in change.refs:
            if kind not in before:
                before[kind] = {}
            changed = records.get(kind)
            before[kind][key] = changed[key] if changed and key in changed else get(kind, key)
        try:
            decision = change.decide(before, revision + 1)
            if not decision.is_within(before):
                raise KeyError("a decision stores a record that it did not name")  # noqa: TRY301 - as if it had raised it
        except Exception as error:  # noqa: BLE001 - what a decision raises belongs to its caller alone
            answers.append(error)
            continue
        decision = _following(before, decision, gone, kinds)
        answers.append(Commit(before, decision.records))
        if decision.changes_nothing(before):
            continue
        revision += len(change.refs)
        for kind in decision.changed(before) or decision.records:
            if kind in records:
                records[kind].update(decision.records[kind])
            else:
                records[kind] = dict(decision.records[kind])
        events += decision.events
    return Batch(revision, records, events), answers


def _following(before: Changes, decision: Decision, gone: Gone, kinds: Kinds) -> Decision:
    """The decision, but that a record which was deleted is not there again before that, by a clock that was set back:
    the times of one record never run backwards."""
    if not gone:
        return decision
    since: dict[tuple[str, str], str] = {}
    for name, records in decision.records.items():
        for key in gone.get(name, {}).keys() & records.keys():
            record = records[key]
            if record and not before[name].get(key) and not is_far(gone[name][key], kinds[name].latest(record)):
                since[name, key] = gone[name][key]
    if not since:
        return decision
    born = {name: dict(records) for name, records in decision.records.items()}
    for (name, key), time in since.items():
        born[name][key] = kinds[name].born(born[name][key], time)
    return Decision(born, [{**one, "time": max(one["time"], since.get(ref_of(one), ""))} for one in decision.events])
