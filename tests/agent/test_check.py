"""The command `check` on a clone, with real git, files and a real service: what is drift, and what is none."""

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.agent.agents import git
from tests.agent.servers import FILES, Server


def test_a_clone_as_git_has_it_is_in_sync(server: Server) -> None:
    server.members |= {"projectName": "p", "repoName": "r", "serverType": "compose", "environment": "lab"}
    assert server.check().returncode == 0
    record = server.record()
    told = {name: record[name] for name in ("status", "drift_status", "changed_files", "check_interval")}
    assert told == {"status": "synced", "drift_status": "synced", "changed_files": [], "check_interval": 900}
    described = [record[name] for name in ("project_name", "repo_name", "server_type", "environment")]
    assert described == ["p", "r", "compose", "lab"]


def test_what_was_edited_removed_replaced_or_made_executable_is_drift(server: Server) -> None:
    (server.clone / "compose.yml").write_text("services: {evil: {}}\n")
    shutil.rmtree(server.clone / "redis")
    (server.clone / "run.sh").chmod(0o755)
    done = server.check()
    assert done.returncode == 1
    assert server.verdict() == ("out_of_sync", ["compose.yml", "redis/redis.conf", "run.sh"])
    assert "compose.yml: differs" in done.stdout
    assert "redis/redis.conf: is missing" in done.stdout
    assert "run.sh: is executable" in done.stdout


def test_drift_that_is_mended_is_in_sync_again(server: Server) -> None:
    (server.clone / "run.sh").unlink()
    server.check()
    git(server.clone, "checkout", "--", ".")
    assert server.check().returncode == 0
    assert server.verdict() == ("synced", [])


def test_what_git_does_not_have_is_no_drift(server: Server) -> None:
    (server.clone / "data.log").write_text("x")
    assert server.check().returncode == 0


def test_a_commit_that_is_not_deployed_yet_is_drift_and_the_clone_stays_as_it_is(server: Server) -> None:
    server.remote.push({"redis/redis.conf": "port 1\n", "new": "x"})
    before = git(server.clone, "rev-parse", "HEAD")
    assert server.check().returncode == 1
    assert server.verdict() == ("out_of_sync", ["new", "redis/redis.conf"])
    assert git(server.clone, "rev-parse", "HEAD") == before
    assert git(server.clone, "status", "--porcelain") == ""


def test_a_history_that_was_forced_away_is_compared_with_the_new_one(server: Server) -> None:
    work = server.remote.work
    (work / "compose.yml").write_text("services: {new: {}}\n")
    git(work, "commit", "--quiet", "--all", "--amend", "--message", "Another first")
    git(work, "push", "--quiet", "--force", "origin", "HEAD:main")
    assert server.check().returncode == 1
    assert server.verdict() == ("out_of_sync", ["compose.yml"])


@pytest.mark.parametrize("flag", ["--assume-unchanged", "--skip-worktree"])
def test_an_edit_that_git_was_told_to_overlook_is_drift(server: Server, flag: str) -> None:
    git(server.clone, "update-index", flag, "compose.yml")
    (server.clone / "compose.yml").write_text("services: {mine: {}}\n")
    assert server.check().returncode == 1
    assert server.verdict() == ("out_of_sync", ["compose.yml"])


def test_what_a_sparse_checkout_leaves_out_is_no_drift(server: Server) -> None:
    server.remote.push({"other/a": "a\n"})
    git(server.clone, "pull", "--quiet")
    git(server.clone, "sparse-checkout", "set", "redis")
    assert not (server.clone / "other/a").exists()
    assert server.check().returncode == 0
    (server.clone / "redis/redis.conf").unlink()
    server.check()
    assert server.verdict() == ("out_of_sync", ["redis/redis.conf"])


def test_line_ends_and_filters_of_git_are_no_drift(server: Server) -> None:
    server.remote.push({".gitattributes": "*.txt eol=crlf\n", "a.txt": "one\ntwo\n", "b.txt": "three\n"})
    git(server.clone, "pull", "--quiet")
    assert (server.clone / "a.txt").read_bytes() == b"one\r\ntwo\r\n"
    assert server.check().returncode == 0
    (server.clone / "b.txt").write_bytes(b"four\r\n")
    done = server.check("--diff")
    assert server.verdict() == ("out_of_sync", ["b.txt"])
    assert "-three\\r\n+four\\r\n" in done.stdout


def test_where_the_file_system_knows_no_executables_they_are_not_compared(server: Server) -> None:
    git(server.clone, "config", "core.fileMode", "false")
    (server.clone / "run.sh").chmod(0o755)
    assert server.check().returncode == 0


def test_a_folder_of_a_bigger_repository_is_compared_alone(server: Server) -> None:
    server.members["deploymentRepo"] = str(server.clone / "redis")
    (server.clone / "compose.yml").write_text("edited elsewhere")
    assert server.check().returncode == 0
    (server.clone / "redis/redis.conf").write_text("port 1\nsave 60\n")
    assert "-port 6379\n+port 1\n" in server.check("--diff").stdout
    assert server.verdict() == ("out_of_sync", ["redis.conf"])
    server.members["files"] = [{"command": "cat redis.conf", "target": str(server.folder / "redis.conf")}]
    (server.folder / "redis.conf").write_text(FILES["redis/redis.conf"])
    assert server.check().returncode == 0


def test_links_are_compared_and_never_followed(server: Server, tmp_path: Path) -> None:
    (server.remote.work / "link").symlink_to("/etc/passwd")
    (server.remote.work / "other").symlink_to("compose.yml")
    (server.remote.work / "third").symlink_to("compose.yml")
    server.remote.push({})
    git(server.clone, "pull", "--quiet")
    assert server.check().returncode == 0
    (server.clone / "other").unlink()
    (server.clone / "other").symlink_to("/etc/hosts")
    (server.clone / "third").unlink()
    (server.clone / "third").symlink_to("nowhere")
    # A copy with the right content, to which a link leads out of the clone.
    shutil.move(server.clone / "redis", tmp_path / "elsewhere")
    (server.clone / "redis").symlink_to(tmp_path / "elsewhere")
    shutil.move(server.clone / "compose.yml", tmp_path / "compose.yml")
    (server.clone / "compose.yml").symlink_to(tmp_path / "compose.yml")
    done = server.check("--diff")
    assert server.verdict() == ("out_of_sync", ["compose.yml", "other", "redis/redis.conf", "third"])
    assert "compose.yml: is a symbolic link, not a file" in done.stdout
    assert "redis/redis.conf: is behind a symbolic link" in done.stdout
    assert "-compose.yml\n" in done.stdout
    assert "+/etc/hosts\n" in done.stdout
    assert "localhost" not in done.stdout


def test_a_pipe_or_a_folder_in_place_of_a_file_is_drift(server: Server) -> None:
    for name in ("compose.yml", "run.sh"):
        (server.clone / name).unlink()
    os.mkfifo(server.clone / "compose.yml")
    (server.clone / "run.sh").mkdir()
    done = server.check("--diff")
    assert server.verdict() == ("out_of_sync", ["compose.yml", "run.sh"])
    assert "compose.yml: is a pipe, not a file" in done.stdout
    assert "run.sh: is a folder, not a file" in done.stdout


NAMES: list[Any] = [
    "-rf",
    "a b",
    "new\nline",
    "tab\t",
    "ümlaut",
    "\x1b[2J",
    '"quoted"',
    "[glob]*",
    ":(top)x",
    "x" * 255,
    b"\xff\xfe",
]


def test_files_may_have_any_name(server: Server) -> None:
    for name in NAMES:
        (server.remote.work / os.fsdecode(name)).write_text("x\n")
    server.remote.push({})
    git(server.clone, "pull", "--quiet")
    assert server.check().returncode == 0
    for name in NAMES:
        (server.clone / os.fsdecode(name)).write_text("y\n")
    done = server.check("--diff")
    status, files = server.verdict()
    assert status == "out_of_sync"
    assert files == sorted([*NAMES[:2], "new\\nline", "tab\t", "ümlaut", "\\x1b[2J", *NAMES[6:-1], "\\xff\\xfe"])
    assert done.stdout.count("-x\n+y\n") == len(NAMES)
    assert "\x1b" not in done.stdout
