"""A checkpoint that was announced and could not be put in place."""

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from stores.json_file import checkpoint
from tests.stores.records import in_file, note, opened, servers, write_the_file


@pytest.mark.parametrize("times", [1, 2, 5])
def test_a_file_that_was_announced_and_never_put_in_place_is_known_to_be_behind(
    path: Path, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    """By those who read the announcement, too: else nobody would write it. And it is no backup that somebody put there."""
    store, other = opened(path, retry=0.0), opened(path, retry=0.0)
    write_the_file(store)
    note(store, ("a/x", "synced"))
    assert servers(other).keys() == {"a/x"}

    def refused(*_arguments: Any) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    keys = ["a/x"]
    with monkeypatch.context() as patched:
        patched.setattr(checkpoint, "rename_synced", refused)
        for number in range(times):
            keys.append(f"b/{number}")
            note(store, (keys[-1], "failed"))
        for reader in (store, other, opened(path, retry=0.0)):
            assert list(servers(reader)) == keys
            assert reader.behind_seconds() > 0
        assert list(in_file(path)) == ["a/x"]
    write_the_file(other)
    note(other, ("c/x", "synced"))
    assert list(in_file(path)) == list(servers(store)) == [*keys, "c/x"]
    assert store.behind_seconds() == 0
