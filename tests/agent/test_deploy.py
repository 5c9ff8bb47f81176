"""The workflow: what is made and in which order, what is remembered, and what is said of it."""

import json
import re
import stat

import pytest

from tests.agent.agents import git, write
from tests.agent.stack import MAKEFILE, Stack


def test_the_first_run_makes_everything_alone_and_reports_it(host: Stack) -> None:
    done = host.deploy()
    assert done.returncode == 0, done.stdout
    assert host.made() == ["all"]
    services = {"service_logstash", "service_redis", "service_web"}
    assert set(host.saved()) == {"version", "compose", "env", "watch", *services}
    row = host.board()
    assert (row["status"], row["validation_status"]) == ("synced", "skipped")
    assert (row["commit_sha"], row["branch"]) == (git(host.remote.clone, "rev-parse", "HEAD"), "main")
    assert (row["commit_message"], row["updated_by"]) == ("First", "gitops-agent")
    assert "redis/redis.conf" in row["changed_files"]
    assert row["validation_message"] == "make gitopsAll succeeded."


def test_a_second_run_makes_nothing_and_repeats_the_report(host: Stack) -> None:
    host.deploy()
    host.made()
    row, state = host.board(), (host.folder / f"state/servers/{host.group}/h1/deploy.json").read_text()
    done = host.deploy()
    assert (done.returncode, host.made()) == (0, [])
    again = host.board()
    for field in ("timestamp", "last_pipeline_run"):
        assert again.pop(field) >= row.pop(field)
    assert again == row
    assert host.history() == ["synced"]
    assert (host.folder / f"state/servers/{host.group}/h1/deploy.json").read_text() == state


def test_changed_services_are_made_in_the_order_of_the_config(host: Stack) -> None:
    host.configure(services=["web", "redis", "logstash"])
    host.deploy()
    host.made()
    commit = host.remote.push({"logstash/pipeline/logstash.conf": "new", "web/more/new.conf": "new"}, "Tune")
    assert host.deploy().returncode == 0
    assert host.made() == ["web", "logstash"]
    row = host.board()
    assert (row["commit_sha"], row["commit_message"]) == (commit, "Tune")
    assert row["changed_files"] == ["logstash/pipeline/logstash.conf", "web/more/new.conf"]


@pytest.mark.parametrize("name", ["compose.yml", ".env"])
def test_a_changed_compose_or_env_file_makes_everything_alone(host: Stack, name: str) -> None:
    host.deploy()
    host.made()
    host.remote.push({name: "new", "redis/redis.conf": "new"})
    host.deploy()
    assert host.made() == ["all"]
    host.deploy()
    assert host.made() == []


def test_what_git_does_not_know_counts_too(host: Stack) -> None:
    """Such as an env file with secrets, which is written on the server by hand."""
    host.configure(envFile="secret.env")
    host.deploy()
    write(host.remote.clone, {"secret.env": "A=1"})
    host.made()
    host.deploy()
    assert host.made() == ["all"]


def test_what_was_edited_here_is_made_and_not_called_in_sync(host: Stack) -> None:
    host.deploy()
    host.made()
    for name in ("redis/redis.conf", "redis/ü"):  # the second is none of git's, as a log is not
        (host.remote.clone / name).write_text("by hand")
    done = host.deploy()
    assert (done.returncode, host.made()) == (0, ["redis"])
    assert "Edited by hand, so this is not what git says: redis/redis.conf." in done.stdout
    assert host.deploy().returncode == 0
    row = host.board()
    assert (row["status"], row["changed_files"]) == ("out_of_sync", ["redis/redis.conf"])
    git(host.remote.clone, "checkout", "redis")
    assert host.deploy().returncode == 0
    assert host.history() == ["synced", "out_of_sync", "synced"]


def test_a_missing_thing_that_was_there_is_a_change_and_one_that_never_was_is_none(host: Stack) -> None:
    host.configure(services=["redis", "nowhere"])
    host.deploy()
    host.deploy()
    assert host.made() == ["all"]
    assert host.saved()["service_nowhere"] is None
    host.remote.push({}, remove=["redis/redis.conf"])
    host.deploy()
    assert host.made() == ["redis"]
    host.remote.push({}, remove=[".env"])
    host.deploy()
    host.deploy()
    assert host.made() == ["all"]


def test_a_commit_with_nothing_to_make_is_reported_as_deployed(host: Stack) -> None:
    host.deploy()
    host.made()
    commit = host.remote.push({"README.md": "Read me"}, "Say more")
    assert host.deploy().returncode == 0
    assert host.made() == []
    row = host.board()
    assert (row["commit_sha"], row["changed_files"], row["status"]) == (commit, ["README.md"], "synced")


def test_services_that_left_the_config_leave_the_checksums(host: Stack) -> None:
    host.deploy()
    host.configure(services=["web"])
    host.deploy()
    assert set(host.saved()) == {"version", "compose", "env", "watch", "service_web"}
    host.configure(services=["web", "redis"])
    host.made()
    host.deploy()
    assert host.made() == ["redis"], "it is new again"


def test_make_knows_what_is_deployed(host: Stack) -> None:
    env = 'env | grep ^GITOPS_ | sort > "$HOME/seen"'
    host.on_up("", env)
    host.deploy()
    first = git(host.remote.clone, "rev-parse", "HEAD")
    seen = (host.folder / "seen").read_text().splitlines()
    assert seen == [
        f"GITOPS_COMMIT={first}", f"GITOPS_GROUP={host.group}", "GITOPS_HOST=h1", "GITOPS_OLD_COMMIT=",
        "GITOPS_TARGETS=gitopsAll",
    ]  # fmt: skip
    second = host.remote.push({"redis/redis.conf": "new", "web/nginx.conf": "new"})
    host.on_up("redis", env)
    host.deploy()
    seen = (host.folder / "seen").read_text().splitlines()
    assert {f"GITOPS_COMMIT={second}", f"GITOPS_OLD_COMMIT={first}", "GITOPS_TARGETS=gitopsRedis gitopsWeb"} < set(seen)


def test_a_dry_run_says_what_would_be_done_and_changes_and_reports_nothing(host: Stack) -> None:
    assert host.deploy("--dry-run").stdout.endswith("Would run make gitopsAll\n")
    host.deploy()
    row, head = host.board(), git(host.remote.clone, "rev-parse", "HEAD")
    assert host.deploy("--dry-run").stdout.endswith("Would do nothing.\n")
    host.remote.push({"redis/redis.conf": "new"}, "First thing")
    host.remote.push({"odd\nname": "new"}, "Second thing")
    host.made()
    everything = {path: path.stat().st_mtime_ns for path in host.remote.clone.rglob("*") if ".git" not in path.parts}
    state = {path: path.read_text() for path in (host.folder / "state").rglob("*.json")}
    done = host.deploy("--dry-run")
    assert done.returncode == 0
    said = [line.split("] ", 1)[1] for line in done.stdout.splitlines()]
    assert [re.sub(r"[0-9a-f]{7,}", "…", line) for line in said[:2]] == [
        "Would take commit … First thing",
        "Would take commit … Second thing",
    ]
    assert said[2:] == ["Would change odd\\nname", "Would change redis/redis.conf", "Would run make gitopsRedis"]
    assert host.made() == []
    assert host.board() == row
    assert git(host.remote.clone, "rev-parse", "HEAD") == head
    assert everything == {
        path: path.stat().st_mtime_ns for path in host.remote.clone.rglob("*") if ".git" not in path.parts
    }
    assert state == {path: path.read_text() for path in (host.folder / "state").rglob("*.json")}


def test_the_log_can_be_json(host: Stack) -> None:
    host.configure(log="json")
    host.on_up("", "echo 'a \"quoted\" word'")
    lines = [json.loads(line) for line in host.deploy().stdout.splitlines()]
    assert {line["server"] for line in lines} == {f"{host.group}/h1"}
    assert {"level": "info", "message": 'a "quoted" word', "target": "gitopsAll"}.items() <= next(
        line for line in lines if "quoted" in line["message"]
    ).items()


def test_a_run_with_nothing_to_do_repeats_what_the_last_check_found(host: Stack) -> None:
    host.deploy()
    drift = host.folder / f"state/servers/{host.group}/h1/drift.json"
    drift.write_text(json.dumps({"status": "out_of_sync", "changed_files": ["redis/redis.conf"]}))
    assert host.deploy().returncode == 0
    row = host.board()
    assert (row["status"], row["changed_files"]) == ("out_of_sync", ["redis/redis.conf"])
    host.remote.push({"README.md": "Read me"})
    host.deploy()
    assert host.board()["status"] == "out_of_sync", "nothing was updated, so what drifted still does"
    host.remote.push({"redis/redis.conf": "new"})
    host.deploy()
    assert host.board()["status"] == "synced"
    assert not drift.exists()
    drift.write_text(json.dumps({"status": "synced", "changed_files": []}))
    host.deploy()
    assert host.board()["changed_files"] == [], "as the check said, or the history would go to and fro"


def test_several_repositories_are_deployed_one_after_the_other(host: Stack) -> None:
    repo = {"serverGroup": host.group, "deploymentRepo": str(host.remote.clone), "services": []}
    several = [{**repo, "host": "h0", "deploymentRepo": "/nowhere"}, {**repo, "host": "h1"}]
    config = {"serverGroup": None, "host": None, "deploymentRepo": None, "services": None}
    host.configure(**config, repositories=several)
    done = host.deploy()
    assert done.returncode == 2, "what could not be tried goes first"
    assert host.made() == ["all"], "a wrong one does not stop the next"
    assert host.board()["status"] == "synced"
    host.remote.push({"compose.yml": "new"})
    host.on_up("", "exit 1")
    host.configure(**config, repositories=several[1:])
    assert host.deploy().returncode == 1


def test_what_it_writes_is_for_its_owner(host: Stack) -> None:
    host.deploy()
    state = host.folder / f"state/servers/{host.group}/h1/deploy.json"
    assert stat.S_IMODE(state.stat().st_mode) == 0o600
    assert [path.name for path in state.parent.iterdir()] == ["deploy.json"]


def test_the_makefile_here_is_the_one_of_the_architecture(host: Stack) -> None:
    """So that what is recorded is what a compose host would do."""
    assert "gitopsLogstash:\n\tdocker-compose stop logstash\n\tdocker-compose rm -f logstash\n" in MAKEFILE
    host.deploy()
    assert (host.folder / "calls").read_text().splitlines() == ["down", "pull", "up -d"]
