"""Git as the operator set it up: what works by hand works in every command, and nothing is ever asked."""

import base64
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.agent.agents import git, write
from tests.agent.stack import Stack

# What stands for ssh: it notes how it was called, and runs on this machine what it should run on the other.
SSH = """#!/bin/sh
case " $* " in *" -G "*) exit 0;; esac
echo "$*" >> "{folder}/ssh-calls"
for last; do :; done
exec sh -c "$last"
"""
WAYS = ["clone", "user", "includeIf", "GIT_SSH", "GIT_SSH_COMMAND"]


def set_up(host: Stack, way: str, program: str) -> dict[str, str]:
    """Say in one of git's ways which program is ssh; gives what that adds to the environment."""
    path = host.folder / program
    write(host.folder, {program: SSH.format(folder=host.folder)})
    path.chmod(0o755)
    git(host.remote.clone, "remote", "set-url", "origin", f"ssh://git@git.example.com{host.folder}/remote.git")
    section = f'[core]\n\tsshCommand = "{path} -i key"\n'
    if way == "clone":
        git(host.remote.clone, "config", "core.sshCommand", f"{path} -i key")
    if way == "user":
        write(host.folder, {"user.conf": section})
    if way == "includeIf":
        inner = f'[includeIf "gitdir:{host.remote.clone}/"]\n\tpath = {host.folder}/there.conf\n'
        write(host.folder, {"there.conf": section, "user.conf": inner})
    values = {"GIT_SSH": str(path), "GIT_SSH_COMMAND": f"{path} -i key"}
    more = {way: values[way]} if way in values else {}
    return {"GIT_CONFIG_GLOBAL": str(host.folder / "user.conf"), **more}


@pytest.mark.parametrize("program", ["bin/wrapper", "open/ssh"])
@pytest.mark.parametrize("way", WAYS)
def test_the_operators_ssh_is_used_by_every_command(host: Stack, way: str, program: str) -> None:
    env = set_up(host, way, program)
    commit = host.remote.push({"redis/redis.conf": "new"})
    done = host.deploy(env=env)
    assert done.returncode == 0, done.stdout
    assert host.board()["commit_sha"] == commit
    assert host.agent("check", "--config", host.folder / "config.json", env=env).returncode == 0
    assert host.deploy("--dry-run", env=env).returncode == 0
    assert "Its remote: well." in host.agent("doctor", "--config", host.folder / "config.json", env=env).stdout
    calls = (host.folder / "ssh-calls").read_text().splitlines()
    assert len(calls) == 4
    assert all(("-i key" in call) == (way != "GIT_SSH") for call in calls)
    assert all(("BatchMode=yes" in call) == (program == "open/ssh") for call in calls), "only OpenSSH knows that"


@pytest.mark.parametrize("command", ["{ssh} -i 'a b' ; true #", "{ssh} 'no end", "exec {ssh} -i key"])
def test_a_command_that_is_not_plainly_ssh_stays_as_it_is(host: Stack, command: str) -> None:
    env = set_up(host, "", "open/ssh")
    host.remote.push({"redis/redis.conf": "new"})
    git(host.remote.clone, "config", "core.sshCommand", command.format(ssh=host.folder / "open/ssh"))
    assert "BatchMode" not in host.deploy(env=env).stdout
    calls = host.folder / "ssh-calls"
    assert "BatchMode" not in (calls.read_text() if calls.exists() else "")


def test_other_addresses_and_the_locale_stay_the_operators(host: Stack) -> None:
    """A filter, a hook or a credential helper may depend on the locale."""
    write(host.folder, {"user.conf": f'[url "{host.folder}/"]\n\tinsteadOf = there:\n'})
    git(host.remote.clone, "remote", "set-url", "origin", "there:remote.git")
    git(host.remote.clone, "config", "filter.said.smudge", 'echo "$LC_ALL"')
    host.remote.push({"redis/a.said": "", ".gitattributes": "*.said filter=said\n"})
    env = {"GIT_CONFIG_GLOBAL": str(host.folder / "user.conf"), "LC_ALL": "C.UTF-8"}
    host.deploy(env=env)
    assert (host.remote.clone / "redis/a.said").read_text() == "C.UTF-8\n"


class _Proxy(SimpleHTTPRequestHandler):
    """A proxy before a server that gives its files to Ada only."""

    def do_GET(self) -> None:
        if self.headers.get("Authorization") == "Basic " + base64.b64encode(b"ada:secret").decode():
            self.path = urlsplit(self.path).path
            super().do_GET()
            return
        self.send_response(401)
        self.send_header("WWW-Authenticate", 'Basic realm="git"')
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def proxy(host: Stack) -> Iterator[str]:
    class Here(_Proxy):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments, directory=str(host.folder))

    with ThreadingHTTPServer(("127.0.0.1", 0), Here) as server:
        thread = threading.Thread(target=server.serve_forever, args=[0.01])
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def behind(host: Stack, proxy: str, more: str = "") -> Path:
    """A commit that is to be had by HTTP and through a proxy only; gives the user's config of git."""
    git(host.remote.clone, "remote", "set-url", "origin", "http://git.example.com/remote.git")
    host.remote.push({"redis/redis.conf": "new"})
    git(host.folder / "remote.git", "update-server-info")
    write(host.folder, {"user.conf": f"[http]\n\tproxy = {proxy}\n{more}"})
    return host.folder / "user.conf"


def test_a_proxy_and_a_credential_helper_of_the_users_config_are_used(host: Stack, proxy: str) -> None:
    helper = '[credential]\n\thelper = "!f() { echo username=ada; echo password=secret; }; f"\n'
    done = host.deploy(env={"GIT_CONFIG_GLOBAL": str(behind(host, proxy, helper))})
    assert done.returncode == 0, done.stdout


def test_a_program_of_the_operators_answers_and_that_of_a_desktop_is_not_asked(host: Stack, proxy: str) -> None:
    env = {"GIT_CONFIG_GLOBAL": str(behind(host, proxy))}
    asked = host.folder / "asked"
    write(
        host.folder,
        {"bin/answer": f'#!/bin/sh\ntouch "{asked}"\ncase "$1" in User*) echo ada;; *) echo secret;; esac\n'},
    )
    (host.folder / "bin/answer").chmod(0o755)
    assert host.deploy(env={**env, "SSH_ASKPASS": str(host.folder / "bin/answer")}).returncode == 2
    assert "terminal prompts disabled" in host.board()["validation_message"]
    assert not asked.exists()
    assert host.deploy(env={**env, "GIT_ASKPASS": str(host.folder / "bin/answer")}).returncode == 0
