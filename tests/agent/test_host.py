"""What a machine is called on the board: played on machines of any name, with real names and hosts files."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.agent.agents import Agent, config, remote, write

# Gives a shell a name and a hosts file of its own, then is the agent.
NAMED = ["unshare", "--uts", "--mount", *([] if os.geteuid() == 0 else ["--map-root-user"]), "sh", "-ec"]
SCRIPT = 'echo "$1" > /proc/sys/kernel/hostname; mount --bind "$2" /etc/hosts; shift 2; exec "$@"'

pytestmark = pytest.mark.skipif(
    not shutil.which("unshare") or subprocess.run([*NAMED, "exit"], capture_output=True, check=False).returncode != 0,
    reason="this machine lets nobody give a process another host name",
)


def on(agent: Agent, name: str, hosts: str, command: str = "status", **members: Any) -> tuple[int, str]:
    """Run the agent on a machine of that name; gives its exit status and what it said."""
    write(agent.folder, {"hosts": hosts})
    machine = [*NAMED, SCRIPT, "sh", name, str(agent.folder / "hosts"), *agent.program]
    known = {
        "serverGroup": "web",
        "deploymentRepo": str(agent.folder / "clone"),
        "stateDir": str(agent.folder / "state"),
    }
    path = config(agent.folder / "config.json", **known, **members)
    done = Agent(agent.folder, machine)(command, "--config", path)
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout + done.stderr


def known_as(folder: Path, *names: str) -> None:
    """Let the agent have reported under these names before."""
    for name in names:
        write(folder, {f"state/servers/web/{name}/drift.json": '{"status": "synced"}'})


DEBIAN = "127.0.0.1 localhost\n127.0.1.1 web-01.dc1.example.com web-01\n"
REDHAT = "127.0.0.1 localhost localhost.localdomain web-01\n"
SHARED = "127.0.1.1 balancer.example.com web-01\n"


@pytest.mark.parametrize(
    ("name", "hosts", "called"),
    [
        ("web-01", DEBIAN, "web-01.dc1.example.com"),
        ("web-01.dc2.example.com", DEBIAN, "web-01.dc2.example.com"),
        ("web-01", REDHAT, "web-01"),
        ("web-01", SHARED, "web-01"),
        ("web-01", "", "web-01"),
    ],
)
def test_it_is_the_full_name_and_never_that_of_something_else(agent: Agent, name: str, hosts: str, called: str) -> None:
    status, said = on(agent, name, hosts)
    assert status == 0
    why = (
        'the full name of the machine; "host": "web-01" in the config makes it the short one'
        if "." in called
        else "as the machine is called, which knows no full name (hostname -f)"
    )
    assert f"This is web/{called} on the board, {why}." in said


@pytest.mark.parametrize(("name", "hosts"), [("localhost", ""), ("localhost.localdomain", ""), ("_web", "")])
def test_a_name_that_names_no_server_is_refused_with_what_to_set(agent: Agent, name: str, hosts: str) -> None:
    status, said = on(agent, name, hosts)
    known = "machine is called '_web'" if name == "_web" else "machine has no name but localhost"
    assert status == 2
    assert f"host is required, as this {known}: 1 to 253 of A-Z a-z 0-9 . _ : -, the first a letter or digit." in said
    status, said = on(agent, name, hosts, host="web-01")
    assert status == 0
    assert "This is web/web-01 on the board, as the config says." in said


def test_who_reported_under_the_short_name_keeps_it_and_is_told(agent: Agent) -> None:
    known_as(agent.folder, "web-01")
    _, said = on(agent, "web-01", DEBIAN)
    assert (
        "This is web/web-01 on the board, as it reported under its short name before; "
        '"host": "web-01.dc1.example.com" in the config changes that.'
    ) in said
    assert "Last check: never" not in said


def test_a_name_server_that_is_away_makes_no_other_server(agent: Agent) -> None:
    known_as(agent.folder, "web-01.dc1.example.com", "web-011", "web-02.dc1.example.com")
    _, said = on(agent, "web-01", "")
    assert (
        "This is web/web-01.dc1.example.com on the board, as before, "
        "though the machine does not know its full name now (hostname -f)."
    ) in said


def test_a_machine_that_was_renamed_is_another_server(agent: Agent) -> None:
    known_as(agent.folder, "web-01.dc1.example.com")
    _, said = on(agent, "web-01.dc2.example.com", "")
    assert "This is web/web-01.dc2.example.com on the board" in said


def test_doctor_and_install_say_it_too(agent: Agent) -> None:
    remote(agent.folder, {"Makefile": "gitopsAll:\n\t@true\n", ".gitignore": ".gitops_checksums.json\n"})
    for command in ("doctor", "install"):
        machine = Agent(agent.folder, [*agent.program])
        if command == "install":
            machine = Agent(
                agent.folder, ["sh", "-c", 'exec "$@" --cron --root "$0"', str(agent.folder), *agent.program]
            )
        _, said = on(machine, "web-01", DEBIAN, command)
        assert said.count("This is web/web-01.dc1.example.com on the board, the full name of the machine;") == 1
