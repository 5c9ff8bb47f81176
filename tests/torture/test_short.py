"""A minute of `make torture`, made short: some of each kind of fault, and the same questions afterwards."""

import random
import shutil
from pathlib import Path

import pytest

from tests.torture import faults
from tests.torture.fuzz import fuzz, prepared
from tests.torture.power import cut_power, is_possible
from tests.torture.rounds import Figures, play

PACE = 0.1
FAULTS = (faults.worker_killed, faults.lock_deleted, faults.clock_wrong, faults.disk_fails, faults.store_gone)


def test_what_was_acknowledged_outlives_faults_and_no_reading_goes_back(tmp_path: Path) -> None:
    figures = Figures()
    play(tmp_path / "round", random.Random(7), FAULTS, figures, pace=PACE)
    assert figures.trouble == []
    assert figures.faults.total() == len(FAULTS)
    assert figures.readings > 0


@pytest.mark.skipif(bool(is_possible()), reason=f"No power can be cut here: {is_possible()}")
def test_what_was_acknowledged_outlives_a_power_cut_of_a_real_file_system(tmp_path: Path) -> None:
    figures = Figures()
    cut_power(tmp_path, random.Random(7), figures, cuts=2)
    assert figures.trouble == []
    assert figures.acknowledged > 0


def test_a_file_that_is_damaged_anyhow_is_read_or_refused_and_never_overwritten(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("CRITICAL")
    (tmp_path / "whole").mkdir()
    whole, figures = prepared(tmp_path / "whole"), Figures()
    for seed in range(60):
        fuzz(whole, tmp_path / "copy", random.Random(seed), figures)
        shutil.rmtree(tmp_path / "copy")
    assert figures.trouble == []
