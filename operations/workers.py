"""What is done by the clock: noted by who does it, and shown."""

from domain.freshness import Moment
from domain.kinds import WORKER
from domain.workers import INTERVALS, Run, WorkerRow, after_run, worker_row
from storage import Changes, Decision, Store


def note_run(store: Store, run: Run) -> None:
    """Note that a worker ran. Raises Unavailable."""

    def decide(before: Changes, _revision: int) -> Decision:
        return Decision({WORKER.name: {run.worker: after_run(before[WORKER.name][run.worker], run)}})

    store.change([WORKER.ref(run.worker)], decide)


def workers(store: Store, moment: Moment) -> list[WorkerRow]:
    """A row a worker."""
    known = store.snapshot().table(WORKER).records
    return [worker_row(worker, known.get(worker), moment) for worker in INTERVALS]
