"""What stands at a path, even where it was replaced while it was looked at."""

import os
from pathlib import Path

import pytest

from agent.clone.deployed import DIFFERS, MISSING, FileSpec, content, differences, id_of

HELLO = "ce013625030ba8dba906f756967f9e9ca394464a"  # git's own name for "hello\n"


def test_a_content_is_named_as_git_names_it() -> None:
    assert id_of(b"hello\n", "0" * 40) == HELLO
    assert id_of(b"hello\n", "0" * 64) == "2cf8d83d9ee29543b34a87727421fdecb7e3f3a183d337639025de576db9ebb4"


def test_a_file_is_compared_and_read(tmp_path: Path) -> None:
    spec = FileSpec(str(tmp_path / "x"), HELLO)
    assert differences(spec) == [MISSING]
    (tmp_path / "x").write_text("hello")
    assert differences(spec) == [DIFFERS]
    (tmp_path / "x").write_text("hello\n")
    assert differences(spec) == []
    assert content(spec, 100) == b"hello\n"
    assert content(spec, 2) == b"hel"


def test_a_link_that_takes_the_place_of_a_file_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "x").symlink_to("/etc/passwd")
    with pytest.raises(OSError, match="symbolic links"):
        content(FileSpec(str(tmp_path / "x"), HELLO), 100)


def test_nobody_waits_for_a_pipe_that_takes_the_place_of_a_file(tmp_path: Path) -> None:
    """Nobody ever writes to it: whoever waited would wait for ever."""
    os.mkfifo(tmp_path / "x")
    assert content(FileSpec(str(tmp_path / "x"), HELLO), 100) == b""
