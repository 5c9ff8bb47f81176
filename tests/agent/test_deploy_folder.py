"""A folder of a bigger repository as `deploymentRepo`: what happens beside it is none of its business."""

import pytest

from tests.agent.agents import git
from tests.agent.stack import FILES, Stack

OURS = {f"hosts/a/{name}": content for name, content in FILES.items()}


@pytest.fixture
def inner(host: Stack) -> Stack:
    """A host that is deployed from a folder of its clone, and has been."""
    host.remote.push({**OURS, "hosts/b/other.conf": "b\n"})
    git(host.remote.clone, "pull", "--quiet")
    host.configure(deploymentRepo=str(host.remote.clone / "hosts/a"))
    assert host.deploy().returncode == 0
    assert host.made() == ["all"]
    return host


def test_the_first_report_names_the_files_of_the_folder(inner: Stack) -> None:
    assert inner.board()["changed_files"] == sorted(FILES)


def test_a_dry_run_names_the_targets_that_the_run_makes(inner: Stack) -> None:
    inner.remote.push({"hosts/a/web/nginx.conf": "new", "hosts/b/web/nginx.conf": "new", "web/nginx.conf": "new"})
    said = [line.split("] ", 1)[1] for line in inner.deploy("--dry-run").stdout.splitlines()]
    assert said[1:] == ["Would change web/nginx.conf", "Would run make gitopsWeb"]
    assert inner.deploy().returncode == 0
    assert inner.made() == ["web"]
    assert inner.board()["changed_files"] == ["web/nginx.conf"]


def test_what_compose_reads_beside_the_folder_is_foreseen_made_and_named(inner: Stack) -> None:
    inner.remote.push({"hosts/a/compose.yml": "include:\n- ../common/db.yml\n", "hosts/common/db.yml": "1"})
    inner.deploy()
    inner.made()
    inner.remote.push({"hosts/common/db.yml": "2", "hosts/common/other.yml": "2"})
    said = [line.split("] ", 1)[1] for line in inner.deploy("--dry-run").stdout.splitlines()]
    assert said[1:] == ["Would change ../common/db.yml", "Would run make gitopsAll"]
    assert inner.deploy().returncode == 0
    assert (inner.made(), inner.board()["changed_files"]) == (["all"], ["../common/db.yml"])


def test_an_edit_in_a_neighbours_folder_is_none_of_ours(inner: Stack) -> None:
    (inner.remote.clone / "hosts/b/other.conf").write_text("by hand")
    inner.deploy()
    assert inner.board()["status"] == "synced"
    assert inner.agent("check", "--config", inner.folder / "config.json").returncode == 0
    inner.deploy()
    assert set(inner.history()) == {"synced"}


def test_but_it_can_stop_a_pull_and_then_the_dry_run_says_so(inner: Stack) -> None:
    (inner.remote.clone / "hosts/b/other.conf").write_text("by hand")
    inner.remote.push({"hosts/b/other.conf": "new"})
    done = inner.deploy("--dry-run")
    assert done.returncode == 2
    assert "git pull would fail, as these were edited here: ../b/other.conf." in done.stdout
    doctor = inner.agent("doctor", "--config", inner.folder / "config.json").stdout
    assert "Its files: 1 edited by hand, which can stop a pull: ../b/other.conf; git checkout" in doctor
    assert inner.deploy().returncode == 2


def test_deploy_and_check_name_a_file_in_one_way(inner: Stack) -> None:
    (inner.remote.clone / "hosts/a/web/nginx.conf").write_text("by hand")
    inner.deploy()
    assert (inner.board()["status"], inner.board()["changed_files"]) == ("out_of_sync", ["web/nginx.conf"])
    inner.agent("check", "--config", inner.folder / "config.json")
    assert inner.board()["changed_files"] == ["web/nginx.conf"]
    inner.deploy()
    assert inner.board()["changed_files"] == ["web/nginx.conf"]


def test_a_commit_for_a_neighbour_changes_nothing_here(inner: Stack) -> None:
    commit = inner.remote.push({"hosts/b/other.conf": "new"})
    assert inner.deploy().returncode == 0
    assert inner.made() == []
    row = inner.board()
    assert (row["commit_sha"], row["status"], row["changed_files"]) == (commit, "synced", [])
