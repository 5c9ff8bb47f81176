"""What is no service: watched files, what compose reads by itself, and what nothing is made for."""

import json
from dataclasses import replace

import pytest

from tests.agent.agents import Agent, write
from tests.agent.servers import unprivileged
from tests.agent.stack import HEALTHY, Stack

COMPOSE = "include:\n- common/db.yml\nservices:\n  web:\n    env_file: [common/app.env]\n"
READ = {"compose.yml": COMPOSE, "common/db.yml": "services: {}\n", "common/app.env": "A=1\n", "common/run.sh": "1\n"}


@pytest.fixture
def made(host: Stack) -> Stack:
    """A host that was deployed."""
    host.remote.push(READ)
    assert host.deploy().returncode == 0
    host.made()
    return host


@pytest.mark.parametrize("name", ["compose.override.yml", "common/db.yml", "common/app.env"])
def test_what_compose_reads_by_itself_makes_everything(made: Stack, name: str) -> None:
    made.remote.push({name: "services: {x: {}}\n"})
    assert made.deploy("--dry-run").stdout.endswith("Would run make gitopsAll\n")
    made.deploy()
    assert made.made() == ["all"]
    made.remote.push({}, remove=[name])
    made.deploy()
    assert made.made() == ["all"]
    made.deploy()
    assert made.made() == []


def test_an_override_that_git_does_not_have_counts_too(made: Stack) -> None:
    write(made.remote.clone, {"compose.override.yml": "services: {x: {}}\n"})
    made.deploy()
    assert made.made() == ["all"]


def test_the_config_can_name_more_to_watch(made: Stack) -> None:
    made.configure(watch=["common/*.sh", "tools", "by-hand.txt"])
    made.deploy()
    made.made()
    for name in ("common/run.sh", "common/new.sh", "tools/deep/x"):
        made.remote.push({name: "2\n"})
        made.deploy()
        assert made.made() == ["all"], name
    write(made.remote.clone, {"by-hand.txt": "1", "common/by-hand.sh": "1", "tools/by-hand": "1"})
    made.deploy()
    assert made.made() == ["all"], "a name counts though git has it not, but of globs and folders only what git has"
    write(made.remote.clone, {"common/by-hand.sh": "2", "tools/by-hand": "2"})
    made.deploy()
    assert made.made() == []


@pytest.mark.parametrize("path", ["/etc/x", "../x", "./x", ""])
def test_what_is_watched_is_in_the_repository(host: Stack, path: str) -> None:
    host.configure(watch=[path])
    done = host.deploy()
    assert done.returncode == 2
    assert "watch" in done.stderr


def test_a_commit_that_nothing_is_made_for_says_so_and_why(host: Stack) -> None:
    host.configure(checksAfter=[HEALTHY])
    host.deploy()
    assert host.board()["validation_status"] == "passed"
    host.made()
    commit = host.remote.push({f"doc/{number}": "x" for number in range(10, 22)})
    assert host.deploy().returncode == 0
    row = host.board()
    names = ", ".join(f"doc/{number}" for number in range(10, 20))
    said = (
        f"Nothing was made for this commit: no service has these files, and they are not watched: {names} and 2 more."
    )
    assert (row["commit_sha"], row["status"], row["validation_message"]) == (commit, "synced", said)
    assert row["validation_status"] == "skipped", "no check looked at this commit"
    host.deploy()
    assert host.board()["validation_message"] == said
    host.remote.push({})
    host.deploy()
    assert host.board()["validation_message"] == "Nothing was made for this commit: it changes no file here."
    assert host.made() == []


def test_what_was_made_before_is_not_called_without_a_service(host: Stack) -> None:
    host.deploy()
    config = host.remote.clone / "web/nginx.conf"
    before = config.read_text()
    config.write_text("new")
    host.deploy()
    config.write_text(before)
    host.remote.push({"web/nginx.conf": "new"})
    host.made()
    host.deploy()
    assert host.made() == []
    assert host.board()["validation_message"] == "Nothing was made for this commit: what it changes was made before."


def test_what_compose_reads_and_cannot_be_told_is_said(host: Stack) -> None:
    host.remote.push({"compose.yml": "services:\n  web: {env_file: a.env}\n"})
    assert "compose.yml, line 2: what compose reads there cannot be told. Name it in watch." in host.deploy().stdout


def test_what_compose_reads_and_cannot_be_read_is_never_taken_for_unchanged(made: Stack) -> None:
    closed = made.remote.clone / "common/db.yml"
    closed.chmod(0)
    made = replace(made, agent=Agent(made.folder, [*unprivileged(), *made.agent.program]))
    assert made.deploy().returncode == 2
    assert f"'{closed}' cannot be read: Permission denied." in made.board()["validation_message"]
    closed.chmod(0o644)


def test_an_upgrade_makes_nothing_for_what_was_not_watched_before(made: Stack) -> None:
    saved = made.saved()
    made.checksums.write_text(json.dumps({key: saved[key] for key in ("compose", "env", "service_web")}))
    made.configure(services=["web"])
    made.deploy()
    assert made.made() == []
    assert made.saved()["watch"] == saved["watch"]
