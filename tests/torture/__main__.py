"""`make torture`: rounds of faults for so many minutes, over the file and over PostgreSQL, and power cuts."""

import argparse
import contextlib
import random
import sys
import tempfile
import time
from pathlib import Path

from tests.postgres import fresh_schema, postgres_server
from tests.torture.faults import FAULTS, WITH_A_DATABASE
from tests.torture.power import cut_power, is_possible
from tests.torture.rounds import Figures, play

FAULTS_A_ROUND = 8


def main() -> int:
    """Torture, print the figures after each round, and give 1 where anything was lost or untrue."""
    parser = argparse.ArgumentParser(prog="python -m tests.torture", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--seed", type=int, default=time.time_ns())
    options = parser.parse_args()
    dice, end, figures = random.Random(options.seed), time.monotonic() + 60 * options.minutes, Figures()
    print(f"Seed {options.seed}.")
    if reason := is_possible():
        print(f"No power is cut: {reason}")
    with contextlib.ExitStack() as resources:
        server = resources.enter_context(postgres_server())
        while time.monotonic() < end and not figures.trouble:
            with tempfile.TemporaryDirectory(prefix="gitops-status-torture-") as name:
                folder, kind = Path(name), figures.rounds % 4
                if kind == 3 and not reason:
                    cut_power(folder, dice, figures)
                elif kind == 1:
                    with fresh_schema(server.url) as database:
                        play(folder, dice, dice.choices(WITH_A_DATABASE, k=FAULTS_A_ROUND), figures, database=database)
                else:
                    play(folder, dice, dice.choices(FAULTS, k=FAULTS_A_ROUND), figures)
            print(f"{time.strftime('%H:%M:%S')} {figures}", flush=True)
    for text in figures.trouble[:20]:
        print(f"WRONG: {text}")
    return 1 if figures.trouble else 0


if __name__ == "__main__":
    sys.exit(main())
