"""One round: a service under load, a few faults one after the other, and what became of all that was acknowledged."""

import contextlib
import random
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from pydantic import SecretStr

from domain.freshness import MOST_AHEAD
from domain.times import time_text
from stores.json_file.verify import verify
from tests.process.fleet import Fleet, board, lost, stored, trouble_in_history
from tests.process.service import ROOT, running, wait_until
from tests.torture.faults import Fault, Machine
from tests.torture.readers import Readers

REPORTERS, READERS = 4, 2


@dataclass
class Figures:
    """What was done so far, and what was wrong of it."""

    rounds: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    acknowledged: int = 0
    refused: int = 0
    readings: int = 0
    aged: int = 0
    slowest: float = 0.0
    trouble: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        faults = ", ".join(f"{name.replace('_', ' ')} {count}" for name, count in sorted(self.faults.items()))
        return (
            f"rounds {self.rounds}, faults {self.faults.total()}, reports acknowledged {self.acknowledged:,}, refused "
            f"with a 503 {self.refused:,}, readings {self.readings:,}, {self.aged:,} of them with their age, the slowest {self.slowest:.1f} s, "
            f"wrong {len(self.trouble)} ({faults})"
        )


def play(
    folder: Path,
    dice: random.Random,
    faults: Sequence[Fault],
    figures: Figures,
    *,
    database: str = "",
    pace: float = 1.0,
) -> None:
    """Play one round in a new folder, and add what came of it to the figures."""
    (folder / "tmp").mkdir(parents=True)
    settings = {
        "GUNICORN_CMD_ARGS": f"--config {Path(__file__).with_name('settings.py').relative_to(ROOT)}",
        "TORTURE": str(folder), "TMPDIR": str(folder / "tmp"), "STATUS_ACCESS_LOG": "off",
        **({"STATUS_STORE": database} if database else {}),
    }  # fmt: skip
    # Not from a process that has loaded the app already: that would have taken its clock before it is set.
    started = partial(running, folder, environment=settings, program=subprocess.Popen)
    with started() as service:
        fleet = Fleet(service.url, "fleet", REPORTERS)
        readers = Readers(service.url, fleet, READERS)
        with fleet.reporting(), readers.reading():
            for fault in faults:
                with fault(Machine(service, folder, dice, pace)):
                    figures.faults[fault.__name__] += 1
                if not _goes_on(fleet):
                    figures.trouble.append(f"after {fault.__name__} nothing is acknowledged any more")
                    break
        figures.trouble += [f"{key} {number} is lost" for key, number in lost(fleet.acknowledged, board(service))]
        service.signal(dice.choice([signal.SIGKILL, signal.SIGTERM]))
        service.process.wait()
    acknowledged = fleet.acknowledged
    with started() as service:
        rows = board(service)
        figures.trouble += [f"{key} {number} is lost" for key, number in lost(acknowledged, rows)]
        latest = time_text(int(time.time()) + MOST_AHEAD)
        figures.trouble += [
            f"{key} was seen at {row['timestamp']}" for key, row in rows.items() if row["timestamp"] > latest
        ]
        service.stop()
    if not database:
        figures.trouble += [
            f"{key} {number} is not in the file" for key, number in lost(acknowledged, stored(service.store))
        ]
        figures.trouble += [f"verify: {one.where}: {one.text}" for one in verify(service.store) if one.kind == "wrong"]
    figures.trouble += trouble_in_history(SecretStr(database) if database else service.store, acknowledged, fleet.sent)
    figures.trouble += readers.trouble
    figures.trouble += [text for text in fleet.refused if not text.startswith("503 ")]
    figures.rounds += 1
    figures.acknowledged += len(acknowledged)
    figures.refused += len(fleet.refused)
    figures.readings += readers.readings
    figures.aged += readers.aged
    figures.slowest = max(figures.slowest, readers.slowest)


def _goes_on(fleet: Fleet) -> bool:
    """Whether reports are acknowledged, as nothing is wrong any more."""
    with contextlib.suppress(RuntimeError):
        wait_until(fleet.more(10), "ten reports more are acknowledged")
        return True
    return False
