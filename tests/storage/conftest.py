"""The file stands still where a test does not want it otherwise: it is written with each commit, however slow the disk."""

import math

import pytest

from storage import json_file


@pytest.fixture(autouse=True)
def _the_file_is_written_with_each_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_file, "CHECKPOINT_SHARE", math.inf)
