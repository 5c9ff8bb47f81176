"""The config: what is wrong in it is said at once, all of it, a sentence each."""

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from agent import reader
from agent.config import Check, make_target
from agent.errors import ConfigError
from agent.reader import load
from tests.agent.agents import Agent, config

LEAST = {"serverGroup": "web", "host": "h1", "deploymentRepo": "/opt/stack"}


def problems(path: Path, **members: Any) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(str(config(path / "c.json", **{**LEAST, **members})))
    title, *sentences = str(caught.value).splitlines()
    assert title == f"The config {path / 'c.json'} is wrong:"
    return [sentence.strip() for sentence in sentences]


def test_the_least_config_has_the_defaults_of_the_manual(tmp_path: Path) -> None:
    path = config(tmp_path / "c.json", serverGroup="web", deploymentRepo="/opt/stack")
    given = load(str(path))
    (target,) = given.targets
    assert (given.log, given.deploy_every, given.check_every) == ("text", 5, 15)
    assert (target.compose_file, target.env_file, target.services) == ("compose.yml", ".env", [])
    assert (target.git_timeout, target.make_timeout, target.parallel, target.rollback) == (120, 1800, 1, False)
    assert target.name == f"web/{os.uname().nodename.split('.')[0]}"
    assert (target.before, target.after, target.checks_before, target.checks_after) == ([], [], [], [])


def test_the_config_of_the_seed_is_read(tmp_path: Path) -> None:
    """With the one thing that it did not need to say: which server this is."""
    seed = {"deploymentRepo": "/opt/stack", "composeFile": "compose.yml", "envFile": ".env", "services": ["logstash"]}
    (target,) = load(str(config(tmp_path / "c.json", serverGroup="compose-prod", **seed))).targets
    assert [make_target(name) for name in target.services] == ["gitopsLogstash"]


def test_the_config_of_the_manual_is_read(tmp_path: Path) -> None:
    manual = (Path(__file__).parents[2] / "docs/AGENT.md").read_text()
    example, files = re.findall("```json\n(.*?)```", manual, re.DOTALL)
    whole = json.loads(example) | json.loads(f"{{{files}}}")
    (target,) = load(str(config(tmp_path / "c.json", **whole))).targets
    assert target.services == ["logstash", "redis"]
    assert [file.target for file in target.files] == ["/etc/rsyslog.d/", "/etc/rsyslog.conf", "/etc/nginx/nginx.conf"]


def test_a_config_that_is_wrong_in_five_places_gets_five_sentences(tmp_path: Path, agent: Agent) -> None:
    path = config(
        tmp_path / "c.json", serverGroup="web servers", host="h1", deploymentRepo="stack", services=["../etc"],
        gitTimeout="soon", rolback=True,
    )  # fmt: skip
    done = agent("deploy", "--config", path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines() == [
        f"gitops-agent: The config {path} is wrong:",
        "  deploymentRepo must be an absolute path, as cron runs in another folder.",
        "  serverGroup must be 1 to 253 of A-Z a-z 0-9 . _ : - and begin with a letter or digit.",
        "  services: '../etc' is no name of a folder in the repository.",
        "  gitTimeout must be a number from 1 to 1000000.",
        "  rolback is not known: see docs/AGENT.md for the names.",
    ]


@pytest.mark.parametrize(
    ("members", "sentence"),
    [
        ({"serverGroup": None}, "serverGroup is required: the name of the group of servers on the board."),
        ({"deploymentRepo": None}, "deploymentRepo is required: the absolute path of the clone."),
        ({"host": "-h1"}, "host must be 1 to 253 of A-Z a-z 0-9 . _ : - and begin with a letter or digit."),
        ({"host": ""}, "host is required: the name of the server on the board."),
        ({"host": "h1\n"}, "host must be 1 to 253 of A-Z a-z 0-9 . _ : - and begin with a letter or digit."),
        ({"composeFile": "/etc/passwd"}, "composeFile must be a path inside the repository."),
        ({"composeFile": "a/../../b"}, "composeFile must be a path inside the repository."),
        ({"composeFile": "."}, "composeFile must be a path inside the repository."),
        ({"envFile": ""}, "envFile must be a path inside the repository."),
        ({"envFile": 1}, "envFile must be a text."),
        ({"projectName": "\ud800"}, "projectName must be a text."),
        ({"projectName": "a\0b"}, "projectName must be a text."),
        ({"services": "redis"}, "services must be a list of texts, none of them empty."),
        ({"services": [""]}, "services must be a list of texts, none of them empty."),
        ({"services": ["a b"]}, "services: 'a b' cannot stand in the name of a make target."),
        ({"services": ["-f"]}, "services: '-f' cannot stand in the name of a make target."),
        ({"services": [".git"]}, "services: '.git' is no name of a folder in the repository."),
        ({"services": ["redis", "Redis"]}, "services: two of them have the same make target."),
        ({"parallel": 0}, "parallel must be a number from 1 to 1000000."),
        ({"makeTimeout": True}, "makeTimeout must be a number from 1 to 1000000."),
        ({"makeTimeout": float("inf")}, "makeTimeout must be a number from 1 to 1000000."),
        ({"makeTimeout": float("nan")}, "makeTimeout must be a number from 1 to 1000000."),
        ({"rollback": "yes"}, "rollback must be true or false."),
        ({"log": "xml"}, "log must be one of text, json."),
        ({"deployEvery": 7}, "deployEvery must be one of 0, 1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30, 60, 120, 180, 240, 360, 480, 720, 1440."),
        ({"statusUrl": "status:5000"}, "statusUrl must begin with http:// or https:// and hold no password."),
        ({"statusUrl": "http://a:b@status"}, "statusUrl must begin with http:// or https:// and hold no password."),
        ({"tokenFile": "token"}, "tokenFile must be an absolute path, as cron runs in another folder."),
        ({"before": [["make"]]}, "before must be a list of texts, none of them empty."),
        ({"checksAfter": [{}]}, "checksAfter must be a list of objects, none of them empty."),
        ({"checksAfter": [{"retries": 1}]}, "checksAfter[0] needs a command or a url, and not both."),
        ({"checksBefore": [{"command": "a", "url": "http://b"}]}, "checksBefore[0] needs a command or a url, and not both."),
        ({"checksAfter": [{"url": "http://b", "code": 1}]}, "checksAfter[0].code is not known: see docs/AGENT.md for the names."),
        ({"files": [{"source": "a", "target": "b"}]}, "files[0].target must be an absolute path, as cron runs in another folder."),
        ({"files": [{"source": "a", "target": "/b", "mode": "999"}]}, 'files[0].mode must be octal digits such as "0644".'),
        ({"repositories": []}, "repositories must be a list of at least one object."),
    ],
)  # fmt: skip
def test_what_is_wrong_is_a_sentence(tmp_path: Path, members: dict[str, Any], sentence: str) -> None:
    assert sentence in problems(tmp_path, **members)


def test_several_repositories_each_have_their_server(tmp_path: Path) -> None:
    several = [LEAST, {**LEAST, "host": "h2", "deploymentRepo": "/opt/other", "services": ["redis"]}]
    first, second = load(str(config(tmp_path / "c.json", repositories=several, log="json"))).targets
    assert (first.name, second.name, second.services) == ("web/h1", "web/h2", ["redis"])


def test_two_repositories_of_one_server_would_hide_each_other(tmp_path: Path) -> None:
    path = config(tmp_path / "c.json", repositories=[LEAST, {**LEAST, "rollback": 1}])
    with pytest.raises(ConfigError) as caught:
        load(str(path))
    assert "Two repositories are called web/h1" in str(caught.value)
    assert "repositories[1].rollback must be true or false." in str(caught.value)


def test_two_repositories_in_one_clone_would_deploy_for_ever(tmp_path: Path) -> None:
    """Each run of one drops the other's checksums."""
    (tmp_path / "link").symlink_to("/opt/stack")
    second = {**LEAST, "host": "h2", "deploymentRepo": str(tmp_path / "link")}
    with pytest.raises(ConfigError, match="Two repositories have the clone /opt/stack, and each would undo"):
        load(str(config(tmp_path / "c.json", repositories=[LEAST, second])))


def test_checks_are_read_whole(tmp_path: Path) -> None:
    checks = [{"command": "true"}, {"url": "http://h/x", "status": 204, "retries": 0, "delay": 0.5, "timeout": 2}]
    (target,) = load(str(config(tmp_path / "c.json", **LEAST, checksAfter=checks))).targets
    assert target.checks_after == [Check("true"), Check("", "http://h/x", 204, 0, 0.5, 2)]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b'{"host": "a", "host": "b"}', "is no JSON: 'host' stands there twice."),
        (b'{"files": [{"mode": "1", "mode": "2"}]}', "is no JSON: 'mode' stands there twice."),
        (b"{", "is no JSON: Expecting property name"),
        (b"\xff", "is no JSON: 'utf-8' codec can't decode"),
        (b"[" * 100_000, "is no JSON: "),
        (b"[]", "It must be a JSON object."),
    ],
)
def test_what_is_no_config_at_all_is_a_sentence(tmp_path: Path, content: bytes, why: str) -> None:
    path = tmp_path / "c.json"
    path.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        load(str(path))
    assert why in str(caught.value)


def test_where_no_config_is_the_places_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "PLACES", ("gitops-config.json", str(tmp_path / "etc.json")))
    monkeypatch.chdir(tmp_path)
    sentence = (
        f"There is no config, neither gitops-config.json in this folder nor {tmp_path}/etc.json: name it by --config"
    )
    with pytest.raises(ConfigError, match=sentence):
        load()


def test_a_config_that_others_may_write_is_refused(tmp_path: Path) -> None:
    """It names commands, which run as whoever runs the agent."""
    path = config(tmp_path / "c.json", **LEAST)
    path.chmod(0o666)
    with pytest.raises(ConfigError, match="can be changed by others"):
        load(str(path))
    path.chmod(0o644)
    if os.geteuid() == 0:
        os.chown(path, 12345, 12345)
        with pytest.raises(ConfigError, match="can be changed by others"):
            load(str(path))


def test_the_config_is_looked_for_in_this_folder_first(tmp_path: Path, agent: Agent) -> None:
    (tmp_path / "gitops-config.json").write_text(json.dumps({"host": 1}))
    done = agent("deploy")
    assert "The config gitops-config.json is wrong" in done.stderr
    assert agent("deploy", "--config", tmp_path / "nowhere").stderr == (
        f"gitops-agent: The config {tmp_path / 'nowhere'} cannot be read: No such file or directory.\n"
    )
