"""What counts as a change, and what a strange file system cannot do."""

import hashlib
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.clone.checksums import checksum as of_tracked
from agent.errors import AgentError
from tests.agent.agents import write

FOLDERS = st.sampled_from([b"", b"d/", b"-rf/", b"d/e f/"])
NAMES = st.sampled_from([b"a", b"ab", b"-x", b"a b", b"a\nb", b"\xff", b".hidden"])
TREES = st.dictionaries(st.builds(bytes.__add__, FOLDERS, NAMES), st.binary(max_size=3), max_size=4)


def checksum(root: str, path: str) -> str | None:
    """That of a folder of which git tracks all files."""
    files = [path for path in Path(root).rglob("*") if path.is_symlink() or not path.is_dir()]
    return of_tracked(root, path, {str(path.relative_to(root)): "" for path in files})


def made(root: Path, tree: Mapping[bytes, bytes]) -> None:
    root.mkdir()
    for name, content in tree.items():
        path = root / os.fsdecode(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


@given(TREES, TREES)
def test_two_folders_have_the_same_checksum_if_and_only_if_they_hold_the_same(
    first: dict[bytes, bytes], second: dict[bytes, bytes]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        made(Path(folder, "first"), first)
        made(Path(folder, "second"), second)
        made(Path(folder, "again"), dict(reversed(first.items())))
        sums = [checksum(folder, name) for name in ("first", "second", "again")]
    assert (sums[0] == sums[1]) == (first == second)
    assert sums[0] == sums[2]


def test_that_of_a_file_is_what_sha256sum_says(tmp_path: Path) -> None:
    (tmp_path / "-compose file.yml").write_bytes(b"x" * 1_000_000)
    assert checksum(str(tmp_path), "-compose file.yml") == hashlib.sha256(b"x" * 1_000_000).hexdigest()


def test_of_what_is_missing_there_is_none(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "empty").mkdir()
    assert checksum(str(tmp_path), "nowhere") is None
    assert checksum(str(tmp_path), "file/below") is None
    assert checksum(str(tmp_path), "empty") is not None


def test_a_link_counts_by_its_targets_name_and_is_never_followed(tmp_path: Path) -> None:
    write(tmp_path, {"outside/secret": "1", "other/secret": "1", "clone/web/file": "1"})
    web = tmp_path / "clone/web"
    (web / "link").symlink_to("../../outside")
    (web / "file.link").symlink_to("/etc/passwd")
    (web / "loop").symlink_to(".")
    before = checksum(str(tmp_path / "clone"), "web")
    (tmp_path / "outside/secret").write_text("2")
    assert checksum(str(tmp_path / "clone"), "web") == before
    (web / "link").unlink()
    (web / "link").symlink_to("../../other")
    assert checksum(str(tmp_path / "clone"), "web") != before


@pytest.mark.parametrize("path", ["link", "link/secret"])
def test_a_link_on_the_way_does_not_lead_out_of_the_clone(tmp_path: Path, path: str) -> None:
    write(tmp_path, {"outside/secret": "1", "clone/file": "1"})
    (tmp_path / "clone/link").symlink_to("../outside")
    before = checksum(str(tmp_path / "clone"), path)
    assert before is not None
    (tmp_path / "outside/secret").write_text("2")
    assert checksum(str(tmp_path / "clone"), path) == before


def test_a_file_that_becomes_executable_is_a_change(tmp_path: Path) -> None:
    write(tmp_path, {"web/run.sh": "1"})
    before = checksum(str(tmp_path), "web")
    (tmp_path / "web/run.sh").chmod(0o755)
    assert checksum(str(tmp_path), "web") != before


def test_only_what_is_tracked_counts_and_as_it_is_on_the_disk(tmp_path: Path) -> None:
    write(tmp_path, {"web/file": "1", "web/data/dump": "1", "website/file": "1"})
    tracked = {"web/file": "", "web/gone": "", "web/below/file": "", "website/file": ""}
    before = of_tracked(str(tmp_path), "web", tracked)
    write(tmp_path, {"web/data/dump": "2", "website/file": "2"})
    assert of_tracked(str(tmp_path), "web", tracked) == before
    write(tmp_path, {"web/file": "2"})
    assert of_tracked(str(tmp_path), "web", tracked) != before


def test_a_tracked_file_behind_a_link_is_not_read(tmp_path: Path) -> None:
    write(tmp_path, {"outside/secret": "1", "clone/web/a": ""})
    (tmp_path / "clone/web/sub").symlink_to("../../outside")
    tracked = {"web/sub/secret": ""}
    before = of_tracked(str(tmp_path / "clone"), "web", tracked)
    (tmp_path / "outside/secret").write_text("2")
    assert of_tracked(str(tmp_path / "clone"), "web", tracked) == before
    (tmp_path / "clone/web/sub").unlink()
    assert of_tracked(str(tmp_path / "clone"), "web", tracked) != before


def test_of_a_submodule_that_is_left_out_the_commit_counts(tmp_path: Path) -> None:
    write(tmp_path, {"web/rules/file": "1"})
    before = of_tracked(str(tmp_path), "web", {"web/rules": "1" * 40})
    write(tmp_path, {"web/rules/file": "2"})
    assert of_tracked(str(tmp_path), "web", {"web/rules": "1" * 40}) == before
    assert of_tracked(str(tmp_path), "web", {"web/rules": "2" * 40}) != before


def test_a_pipe_is_not_opened(tmp_path: Path) -> None:
    """It would never end."""
    write(tmp_path, {"web/file": "1"})
    before = checksum(str(tmp_path), "web")
    os.mkfifo(tmp_path / "web/pipe")
    assert checksum(str(tmp_path), "web") not in (before, None)
    assert checksum(str(tmp_path), "web/pipe") is not None


def test_what_cannot_be_read_is_a_sentence_and_never_unchanged() -> None:
    with pytest.raises(AgentError, match=r"'/proc/self/mem' cannot be read: Input/output error\."):
        of_tracked("/proc/self", "mem", {"mem": ""})
