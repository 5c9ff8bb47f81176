"""What git makes of a file when it checks it out, and undoes when it keeps it: that is what a server has."""

import os
from pathlib import Path

import pytest

from tests.agent.agents import git, noted_git, write
from tests.agent.servers import Server
from tests.agent.stack import Stack

ROT = "tr a-z n-za-m"  # as git-crypt: one thing is kept, another is checked out
ATTRIBUTES = """*.secret filter=rot
*.bat text eol=crlf
*.id ident
*.utf text working-tree-encoding=UTF-16LE
*.lf text eol=lf
"""
FILES = {
    ".gitattributes": ATTRIBUTES,
    "web/db.secret": "password\n",
    "web/run.bat": "one\ntwo\n",
    "web/a.id": "$Id$\n",
    "web/a.utf": "",
    "web/a.lf": "plain\n",
    "web/plain": "plain\n",
}


def with_filter(*clones: Path) -> None:
    for clone in clones:
        git(clone, "config", "filter.rot.smudge", ROT)
        git(clone, "config", "filter.rot.clean", ROT)


@pytest.fixture
def target(server: Server) -> Path:
    """A folder of the server with what a make would copy from the clone, and `files` that compare it."""
    with_filter(server.remote.work, server.clone)
    server.remote.push(FILES)
    git(server.clone, "pull", "--quiet")
    target = server.folder / "target"
    target.mkdir()
    for name in FILES:
        if name.startswith("web/"):
            (target / name[4:]).write_bytes((server.clone / name).read_bytes())
    assert (target / "run.bat").read_bytes() == b"one\r\ntwo\r\n"
    assert (target / "a.id").read_text().startswith("$Id: ")
    assert git(server.clone, "cat-file", "blob", "HEAD:web/db.secret") == "cnffjbeq"
    server.members["files"] = [{"source": "web/*", "target": f"{target}/"}]
    return target


def test_a_file_is_compared_as_git_checks_it_out(server: Server, target: Path) -> None:
    done = server.check("--diff")
    assert (done.returncode, server.verdict()) == (0, ("synced", [])), done.stdout
    (target / "run.bat").write_bytes(b"one\r\n2\r\n")
    (target / "db.secret").write_bytes(b"other\n")
    done = server.check("--diff")
    assert server.verdict() == ("out_of_sync", [f"{target}/db.secret", f"{target}/run.bat"])
    assert "-two\\r\n+2\\r\n" in done.stdout
    assert "-password\n+other\n" in done.stdout


def test_what_git_keeps_is_not_what_should_be_there(server: Server, target: Path) -> None:
    (target / "db.secret").write_text("cnffjbeq\n")
    (target / "run.bat").write_text("one\ntwo\n")
    server.check()
    assert server.verdict() == ("out_of_sync", [f"{target}/db.secret", f"{target}/run.bat"])


def test_the_attributes_are_those_of_the_commit_and_not_of_the_clone(server: Server, target: Path) -> None:
    (server.clone / ".gitattributes").write_text("* -filter -ident -text eol=lf\n")
    assert server.check().returncode == 0
    other = ATTRIBUTES.replace("*.bat text eol=crlf", "*.bat text").replace("eol=lf", "eol=crlf")
    server.remote.push({".gitattributes": other})
    server.check()
    assert server.verdict() == ("out_of_sync", [f"{target}/a.lf", f"{target}/run.bat"])
    (target / "a.lf").write_bytes(b"plain\r\n")
    (target / "run.bat").write_text("one\ntwo\n")
    assert server.check().returncode == 0
    server.members["deploymentRepo"] = str(server.clone / "web")  # to which the attributes of the root belong too
    server.members["files"] = [{"source": "*", "target": f"{target}/"}]
    assert server.check().returncode == 0


def test_a_filter_that_fails_is_unknown(server: Server, target: Path) -> None:
    assert target.exists()
    git(server.clone, "config", "filter.rot.smudge", "exit 3")
    git(server.clone, "config", "filter.rot.required", "true")
    done = server.check()
    assert (done.returncode, server.verdict()[0]) == (2, "unknown")
    assert "git checkout-index ended with exit code" in done.stdout


@pytest.mark.parametrize(("setting", "value"), [("core.autocrlf", "true"), ("core.eol", "crlf")])
def test_line_ends_that_the_clone_has_by_its_config_count_too(server: Server, setting: str, value: str) -> None:
    server.remote.push({".gitattributes": "* text=auto\n", "a.txt": "one\n"})
    git(server.clone, "config", setting, value)
    (server.folder / "a.txt").write_bytes(b"one\r\n")
    server.members["files"] = [{"source": "a.txt", "target": f"{server.folder}/a.txt"}]
    assert server.check().returncode == 0


def test_plain_files_are_compared_by_their_ids_alone(server: Server) -> None:
    server.members["files"] = [{"source": "**", "target": f"{server.clone}/"}]
    calls = noted_git(server.agent)
    assert server.check().returncode == 0
    assert not {"checkout-index", "cat-file", "hash-object"} & set(calls())


def crlf(work: Path, name: str) -> None:
    """Commit a file with CRLF, and later attributes by which git would keep it with LF."""
    (work / name).write_bytes(b"one\r\ntwo\r\n")
    git(work, "add", name)
    git(work, "commit", "--quiet", "--message", "CRLF")
    write(work, {".gitattributes": "*.conf text\n"})
    git(work, "add", ".gitattributes")
    git(work, "commit", "--quiet", "--message", "Attributes")
    git(work, "push", "--quiet", "origin", "HEAD:main")


def looked_at_anew(clone: Path, name: str) -> None:
    """Have git look into a file and not only at its times, as it does where it was written within one second."""
    os.utime(clone / name, (1, 1))
    assert git(clone, "diff", "--name-only", "HEAD") == name


def test_an_untouched_file_with_other_line_ends_than_git_would_keep_is_not_edited(server: Server) -> None:
    crlf(server.remote.work, "a.conf")
    git(server.clone, "pull", "--quiet")
    looked_at_anew(server.clone, "a.conf")
    assert server.check().returncode == 0
    (server.clone / "a.conf").write_bytes(b"one\r\n2\r\n")
    server.check()
    assert server.verdict() == ("out_of_sync", ["a.conf"])


def test_nor_does_it_stop_the_commit_that_mends_it(host: Stack) -> None:
    crlf(host.remote.work, "redis/redis.conf")
    host.deploy()
    host.made()
    clone = host.remote.clone
    looked_at_anew(clone, "redis/redis.conf")
    assert host.deploy().returncode == 0
    assert host.board()["status"] == "synced"
    git(host.remote.work, "add", "--renormalize", ".")
    host.remote.push({}, "Mend it")
    assert "Would run make gitopsRedis" in host.deploy("--dry-run").stdout
    done = host.deploy()
    assert (done.returncode, host.board()["status"]) == (0, "synced"), done.stdout
    assert (clone / "redis/redis.conf").read_bytes() == b"one\ntwo\n"
    assert host.made() == ["redis"]
    (clone / "redis/redis.conf").write_bytes(b"by hand\r\n")
    host.deploy()
    assert (host.board()["status"], host.board()["changed_files"]) == ("out_of_sync", ["redis/redis.conf"])


def test_a_pull_that_fails_all_the_same_takes_no_file_away(host: Stack) -> None:
    crlf(host.remote.work, "redis/redis.conf")
    host.deploy()
    looked_at_anew(host.remote.clone, "redis/redis.conf")
    git(host.remote.work, "add", "--renormalize", ".")
    host.remote.push({"web/nginx.conf": "new\n"}, "Mend it")
    (host.remote.clone / "web/nginx.conf").write_text("by hand\n")
    assert host.deploy().returncode == 2
    assert "web/nginx.conf" in host.board()["validation_message"]
    assert (host.remote.clone / "redis/redis.conf").read_bytes() == b"one\r\ntwo\r\n"
