"""The command `check` on `files`: sources, targets, owners, modes and templates."""

import grp
import os
import pwd
import shutil
from pathlib import Path

import pytest

from tests.agent.agents import Agent, git
from tests.agent.servers import Server, unprivileged

CONF = {"etc/rsyslog.conf": "module(load=imudp)\n", "etc/rsyslog.d/a.conf": "a\n", "etc/rsyslog.d/b.conf": "b\n"}


@pytest.fixture
def etc(server: Server) -> Path:
    """A folder of the server where the files of CONF stand as they should, and `files` that say so."""
    server.remote.push(CONF)
    etc = server.folder / "etc"
    (etc / "rsyslog.d").mkdir(parents=True)
    for name, content in CONF.items():
        (server.folder / name).write_text(content)
    server.members["files"] = [
        {"source": "etc/rsyslog.d/*.conf", "target": f"{etc}/rsyslog.d/"},
        {"source": "etc/rsyslog.conf", "target": f"{etc}/rsyslog.conf"},
    ]
    return etc


def test_files_as_git_has_them_are_in_sync_though_the_clone_is_behind_or_edited(server: Server, etc: Path) -> None:
    assert etc.exists()
    (server.clone / "compose.yml").write_text("edited")
    assert server.check().returncode == 0
    assert server.verdict() == ("synced", [])


def test_drift_is_named_by_where_the_file_stands(server: Server, etc: Path) -> None:
    (etc / "rsyslog.conf").write_text("module(load=imtcp)\n")
    (etc / "rsyslog.d/b.conf").unlink()
    done = server.check("--diff")
    assert done.returncode == 1
    assert server.verdict() == ("out_of_sync", [f"{etc}/rsyslog.conf", f"{etc}/rsyslog.d/b.conf"])
    assert f"--- {etc}/rsyslog.conf (git)\n+++ {etc}/rsyslog.conf (server)\n" in done.stdout
    assert "-module(load=imudp)\n+module(load=imtcp)\n" in done.stdout
    assert f"{etc}/rsyslog.d/b.conf: is missing" in done.stdout


def test_a_folder_that_is_missing_or_is_a_file_is_drift(server: Server, etc: Path) -> None:
    shutil.rmtree(etc / "rsyslog.d")
    assert server.check().returncode == 1
    (etc / "rsyslog.d").write_text("")
    assert server.check().returncode == 1
    assert server.verdict() == ("out_of_sync", [f"{etc}/rsyslog.d/a.conf", f"{etc}/rsyslog.d/b.conf"])


def test_a_link_or_a_pipe_in_place_of_a_file_is_drift_and_not_followed(server: Server, etc: Path) -> None:
    shutil.move(etc / "rsyslog.conf", server.folder / "elsewhere")
    (etc / "rsyslog.conf").symlink_to(server.folder / "elsewhere")
    (etc / "rsyslog.d/a.conf").unlink()
    os.mkfifo(etc / "rsyslog.d/a.conf")
    done = server.check("--diff")
    assert f"{etc}/rsyslog.conf: is a symbolic link, not a file" in done.stdout
    assert f"{etc}/rsyslog.d/a.conf: is a pipe, not a file" in done.stdout
    assert "imudp" not in done.stdout


def test_a_link_in_git_is_compared_by_where_it_points(server: Server, etc: Path) -> None:
    (server.remote.work / "etc/rsyslog.d/c.conf").symlink_to("../../outside")
    server.remote.push({})
    (etc / "rsyslog.d/c.conf").symlink_to("../../outside")
    assert server.check().returncode == 0
    (etc / "rsyslog.d/c.conf").unlink()
    (etc / "rsyslog.d/c.conf").symlink_to("a.conf")
    assert server.check().returncode == 1
    assert server.verdict() == ("out_of_sync", [f"{etc}/rsyslog.d/c.conf"])


def test_another_mode_is_drift(server: Server, etc: Path) -> None:
    server.members["files"][1]["mode"] = "0640"
    (etc / "rsyslog.conf").chmod(0o640)
    assert server.check().returncode == 0
    (etc / "rsyslog.conf").chmod(0o4666)
    done = server.check()
    assert done.returncode == 1
    assert f"{etc}/rsyslog.conf: mode is 4666, not 0640" in done.stdout


def test_another_owner_is_drift(server: Server, etc: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("Only root can give a file to somebody else.")
    me, nobody = pwd.getpwuid(0).pw_name, pwd.getpwnam("nobody")
    group = grp.getgrgid(nobody.pw_gid).gr_name
    rule = server.members["files"][1]
    for owner in (f"{me}:{grp.getgrgid(0).gr_name}", "0:0", me, ":0"):
        rule["owner"] = owner
        assert server.check().returncode == 0
    os.chown(etc / "rsyslog.conf", nobody.pw_uid, nobody.pw_gid)
    for owner, said in ((f"{me}:0", f"nobody:{group}, not root:root"), ("4242:4343", f"nobody:{group}, not 4242:4343")):
        rule["owner"] = owner
        assert f"{etc}/rsyslog.conf: owner is {said}" in server.check().stdout
    rule["owner"] = f"nobody:{group}"
    assert server.check().returncode == 0


def test_an_owner_that_the_machine_does_not_know_is_unknown(server: Server, etc: Path) -> None:
    server.members["files"][1]["owner"] = "no-such-user:root"
    done = server.check()
    assert (done.returncode, server.verdict()[0]) == (2, "unknown")
    assert f"This machine knows no owner no-such-user:root, as {etc}/rsyslog.conf should have." in done.stdout


@pytest.mark.parametrize(
    ("source", "target", "said"),
    [
        ("etc/nothing*", "/x/", "The source etc/nothing* fits no file of the commit."),
        ("etc/rsyslog.d", "/x/", "It is a folder: etc/rsyslog.d/** means all files in it."),
        ("etc/**", "/x", "fits 3 files, and the target /x is one: a folder ends with a slash."),
    ],
)
def test_a_source_that_means_nothing_is_unknown(server: Server, etc: Path, source: str, target: str, said: str) -> None:
    (etc / "rsyslog.conf").unlink()  # drift, which must not be reported as such
    server.members["files"].append({"source": source, "target": target})
    done = server.check()
    assert (done.returncode, server.verdict()) == (2, ("unknown", []))
    assert said in done.stdout


def test_of_two_rules_for_one_file_the_later_counts(server: Server, etc: Path) -> None:
    (etc / "rsyslog.conf").chmod(0o600)
    server.members["files"] = [
        {"source": "etc/**", "target": f"{etc}/", "mode": "0644"},
        {"source": "etc/rsyslog.conf", "target": f"{etc}/rsyslog.conf", "mode": "0600"},
    ]
    assert server.check().returncode == 0


def test_a_target_that_cannot_be_read_is_unknown(server: Server, etc: Path) -> None:
    (etc / "rsyslog.d").chmod(0)
    server.agent = Agent(server.folder, [*unprivileged(), *server.agent.program])
    done = server.check()
    assert (done.returncode, server.verdict()[0]) == (2, "unknown")
    assert f"{etc}/rsyslog.d/a.conf cannot be read: Permission denied." in done.stdout
    (etc / "rsyslog.d").chmod(0o755)


def test_a_file_too_long_to_be_there_is_unknown(server: Server, etc: Path) -> None:
    server.members["files"] = [{"source": "compose.yml", "target": f"{etc}/{'x' * 300}"}]
    assert server.check().returncode == 2


def test_names_that_are_no_ascii_are_found_in_every_locale(server: Server, etc: Path) -> None:
    server.remote.push({"größe/ü b.conf": "x\n"})
    (etc / "größe").mkdir()
    (etc / "größe/ü b.conf").write_text("x\n")
    server.members["files"] = [{"source": "größe/*.conf", "target": f"{etc}/größe/"}]
    assert server.check(env={"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}).returncode == 0


TEMPLATE = {"command": "sed s/PORT/514/ etc/a.tpl && echo $GITOPS_GROUP $GITOPS_HOST $GITOPS_COMMIT"}


def test_a_template_is_compared_by_what_it_prints_in_an_export_of_the_commit(server: Server, etc: Path) -> None:
    commit = server.remote.push({"etc/a.tpl": "port PORT\n"})
    server.members["files"] = [{**TEMPLATE, "target": f"{etc}/a.conf", "mode": "0644"}]
    (etc / "a.conf").write_text(f"port 514\n{server.group} web1 {commit}\n")
    (etc / "a.conf").chmod(0o644)
    assert not (server.clone / "etc/a.tpl").exists()
    assert server.check().returncode == 0
    (etc / "a.conf").write_text("port 515\n")
    done = server.check("--diff")
    assert server.verdict() == ("out_of_sync", [f"{etc}/a.conf"])
    assert "-port 514\n" in done.stdout
    assert "+port 515\n" in done.stdout


def test_the_export_is_the_commit_seen_by_nobody_else_and_gone_afterwards(server: Server, etc: Path) -> None:
    server.remote.push({".gitattributes": "*.txt export-ignore export-subst\n", "a.txt": "$Format:%H$\n"})
    (server.remote.work / "out").symlink_to("/etc")
    (server.remote.work / "run.sh").chmod(0o755)
    server.remote.push({})
    (server.clone / ".gitattributes").write_text("* text eol=crlf\n")
    listing = "stat -c %a . && ls -A && cat a.txt && ./run.sh && readlink out && pwd >&2"
    server.members["files"] = [{"command": listing, "target": f"{etc}/a.conf"}]
    (etc / "a.conf").write_text("700\n.gitattributes\na.txt\ncompose.yml\netc\nout\nredis\nrun.sh\n$Format:%H$\n/etc\n")
    assert server.check("--diff").returncode == 0
    assert [path.name for path in (server.folder / "state/servers" / server.group / "web1").iterdir()] == ["drift.json"]
    assert git(server.clone, "status", "--porcelain") == "?? .gitattributes"


def test_what_a_killed_check_left_is_removed_by_the_next_one(server: Server, etc: Path) -> None:
    command = "cat etc/rsyslog.d/a.conf; if [ -e stale ]; then echo stale; fi"
    server.members["files"].append({"command": command, "target": f"{etc}/rsyslog.d/a.conf"})
    left = server.folder / "state/servers" / server.group / "web1/check/export"
    left.mkdir(parents=True)
    (left / "out").symlink_to(server.clone)
    (left / "stale").write_text("")
    assert server.check().returncode == 0
    assert not left.parent.exists()
    assert (server.clone / "compose.yml").exists()


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("echo half; echo 'password: hunter2' >&2; exit 3", "ended with exit code 3: password: ********"),
        ("echo half; sleep 60", "took too long and was ended."),
        ("./no-such-program", "not found"),
    ],
    ids=["exit", "time", "none"],
)
def test_a_template_that_fails_is_unknown_and_its_secrets_stay_out_of_the_log(
    server: Server, etc: Path, command: str, said: str
) -> None:
    server.members["files"].append({"command": command, "target": f"{etc}/rsyslog.conf"})
    server.members["gitTimeout"] = 1
    done = server.check()
    assert (done.returncode, server.verdict()[0]) == (2, "unknown")
    assert said in done.stdout
    assert "hunter2" not in done.stdout


def test_a_repository_that_names_by_sha256_is_compared_too(server: Server) -> None:
    work, bare, clone = (server.folder / name for name in ("w256", "r256.git", "c256"))
    git(server.folder, "init", "--quiet", "--bare", "--object-format=sha256", "--initial-branch=main", str(bare))
    git(server.folder, "init", "--quiet", "--object-format=sha256", "--initial-branch=main", str(work))
    (work / "a").write_text("a\n")
    git(work, "add", "a")
    git(work, "commit", "--quiet", "--message", "First")
    git(work, "push", "--quiet", str(bare), "main")
    git(server.folder, "clone", "--quiet", str(bare), str(clone))
    server.members |= {"deploymentRepo": str(clone)}
    server.members["files"] = [
        {"source": "a", "target": str(clone / "a")},
        {"command": "cat a", "target": str(clone / "a")},
    ]
    assert server.check().returncode == 0
    (clone / "a").write_text("b\n")
    assert server.check().returncode == 1
