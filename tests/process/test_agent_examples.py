"""The five commands of INTEGRATION_EXAMPLES.md that make a server report, run as they stand there.

Git, make, rsyslogd, the service and its tokens are real; systemctl, docker and logger only record.
"""

import re
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml

from tests.process.examples import DOCUMENT, assert_schema_allows, block, git
from tests.process.machine import ADMIN, Machine
from tests.process.service import Service, running

IGNORED = {".gitignore": ".gitops_checksums.json\n"}
needs_rsyslogd = pytest.mark.skipif(
    shutil.which("rsyslogd") is None, reason="rsyslogd is not installed; .ci/run installs it"
)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, agent_file: Path) -> Iterator[Service]:
    assert agent_file.exists()
    settings = {"STATUS_AUTH": "writes", "STATUS_ADMIN_TOKEN": ADMIN}
    with running(tmp_path_factory.mktemp("service"), environment=settings) as service:
        yield service


# rsyslog

RULE = '*.* action(type="omfile" file="/var/log/all.log")\n'
MAIN = 'module(load="imuxsock")\ninclude(file="/etc/rsyslog.d/*.conf")\n'
# A daemon that does not run with what it was given, as -N1 cannot see whether a port is free.
SYSTEMCTL = """echo "$*" >> $ROOT/calls
! grep -q 'port is taken' $ROOT/etc/rsyslog.conf
"""


@pytest.fixture
def rsyslog(tmp_path: Path, service: Service) -> tuple[Machine, str]:
    """An rsyslog server after the five commands, and its commit."""
    machine = Machine.new(tmp_path, service, "rsyslog-prod", {"systemctl": SYSTEMCTL})
    (tmp_path / "etc/rsyslog.conf").write_text("# of the distribution\n")
    (tmp_path / "etc/rsyslog.d/50-default.conf").write_text("# of the distribution\n")
    files = {
        "Makefile": machine.rooted(block("An rsyslog server with the agent", "make")),
        "gitops-agent.json": machine.config(block("An rsyslog server with the agent", "json")),
        "rsyslog/rsyslog.conf": machine.rooted(MAIN),
        "rsyslog/rsyslog.d/10-all.conf": RULE,
        "rsyslog/rsyslog.d/20-more.conf": RULE,
    }
    commit = machine.push(files | IGNORED)
    machine.set_up(block("An rsyslog server with the agent", "sh"))
    return machine, commit


def deployed(machine: Machine) -> dict[str, str]:
    """The configuration of rsyslog on the machine."""
    etc = machine.root / "etc"
    return {str(path.relative_to(etc)): path.read_text() for path in etc.glob("rsyslog*/**/*.conf")} | {
        "rsyslog.conf": (etc / "rsyslog.conf").read_text()
    }


@needs_rsyslogd
def test_five_commands_make_a_reporting_rsyslog_server(rsyslog: tuple[Machine, str]) -> None:
    machine, commit = rsyslog
    row = machine.row()
    assert machine.verdict() == ("synced", commit, "passed")
    assert (row["server_type"], row["environment"], row["branch"]) == ("rsyslog", "prod", "main")
    main = machine.rooted(MAIN)
    expected = {"rsyslog.conf": main, "rsyslog.d/10-all.conf": RULE, "rsyslog.d/20-more.conf": RULE}
    assert deployed(machine) == expected
    assert machine.recorded() == ["restart rsyslog", "is-active rsyslog"]

    assert "Nothing changed" in machine.cron("deploy")
    assert "Status: synced." in machine.cron("check")
    row = machine.row()
    assert machine.verdict() == ("synced", commit, "passed")
    assert (row["drift_status"], row["check_interval"], row["problem"]) == ("synced", 900, 0)
    assert machine.recorded() == []

    doctor, status = machine.agent("doctor"), machine.agent("status")
    assert doctor.returncode == 0, doctor.stderr
    assert (status.returncode, f"It was synced with {commit[:12]} of main" in status.stdout) == (0, True)


@needs_rsyslogd
def test_an_edit_of_rsyslog_by_hand_shows_and_make_puts_back_what_git_says(rsyslog: tuple[Machine, str]) -> None:
    machine, _ = rsyslog
    edited = machine.root / "etc/rsyslog.conf"
    edited.write_text(f"{edited.read_text()}# by hand\n")
    for command in ("check", "deploy"):  # which repeats what the check found
        machine.cron(command)
        row = machine.row()
        assert (row["status"], row["changed_files"]) == ("out_of_sync", [str(edited)])
    assert "\n+# by hand\n" in machine.agent("check --diff").stdout

    (command,) = re.findall(r"`(make -C [^`]+)`", DOCUMENT.read_text())
    assert machine.shell(machine.rooted(command)).returncode == 0
    machine.cron("check")
    assert (machine.row()["status"], machine.row()["changed_files"]) == ("synced", [])


@needs_rsyslogd
def test_a_push_to_rsyslog_is_deployed_what_git_lost_goes_and_a_new_makefile_makes_all(
    rsyslog: tuple[Machine, str],
) -> None:
    machine, _ = rsyslog
    machine.recorded()
    files = {"rsyslog/rsyslog.d/10-all.conf": RULE + RULE}
    commit = machine.push(files, remove=["rsyslog/rsyslog.d/20-more.conf"])
    machine.cron("deploy")
    assert machine.verdict() == ("synced", commit, "passed")
    assert deployed(machine) == {"rsyslog.conf": machine.rooted(MAIN), "rsyslog.d/10-all.conf": RULE + RULE}
    assert machine.recorded() == ["restart rsyslog", "is-active rsyslog"]
    assert "Status: synced." in machine.cron("check")
    machine.push({"Makefile": (machine.root / "work/Makefile").read_text() + "# more\n"})
    machine.cron("deploy")
    assert machine.recorded() == ["restart rsyslog", "is-active rsyslog"]


@needs_rsyslogd
@pytest.mark.parametrize("name", ["rsyslog.conf", "rsyslog.d/10-all.conf"])
def test_what_rsyslogd_refuses_is_not_installed_and_stays_failed_until_it_is_mended(
    rsyslog: tuple[Machine, str], name: str
) -> None:
    machine, _ = rsyslog
    machine.recorded()
    before = deployed(machine)
    commit = machine.push({f"rsyslog/{name}": machine.rooted(MAIN) + "action(type='omfile'\n"})
    for _ in range(2):
        machine.cron("deploy")
        row = machine.row()
        assert (row["status"], row["commit_sha"]) == ("failed", commit)
        assert "make gitopsRsyslog ended with exit code 2" in row["validation_message"]
        assert {name: text for name, text in deployed(machine).items() if "next/" not in name} == before
    assert "restart rsyslog" not in machine.recorded()
    mended = machine.push({f"rsyslog/{name}": before[name] + "# mended\n"})
    machine.cron("deploy")
    assert machine.verdict() == ("synced", mended, "passed")
    assert deployed(machine) == before | {name: before[name] + "# mended\n"}


@needs_rsyslogd
def test_what_rsyslogd_takes_but_cannot_run_with_is_rolled_back(rsyslog: tuple[Machine, str]) -> None:
    machine, good = rsyslog
    before = deployed(machine)
    machine.push({"rsyslog/rsyslog.conf": before["rsyslog.conf"] + "# port is taken\n"})
    for _ in range(2):
        machine.cron("deploy")
        assert machine.verdict() == ("failed", good, "failed")
        assert deployed(machine) == before


# compose

UP = "compose up --detach --wait"
DOCKER = """echo "$*" >> $ROOT/calls
echo "$WEB_HASH $REDIS_HASH" >> $ROOT/hashes
cp web/index.html $ROOT/served
"""


@contextmanager
def site(served: Path) -> Iterator[str]:
    """A site that answers as well as what it serves is; gives its address."""

    class Site(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(503 if "broken" in served.read_text() else 200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Site) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def compose(tmp_path: Path, service: Service) -> Iterator[tuple[Machine, str]]:
    """A compose host after the five commands, and its commit."""
    machine = Machine.new(tmp_path, service, "compose-prod", {"docker": DOCKER})
    with site(tmp_path / "served") as address:
        config = block("A compose host with the agent", "json")
        assert "localhost:8080" in config
        files = {
            "Makefile": block("A compose host with the agent", "make"),
            "compose.yml": block("A compose host with the agent", "yaml"),
            "gitops-agent.json": machine.config(config.replace("localhost:8080", address)),
            "web/index.html": "one\n",
            "redis/redis.conf": "port 6379\n",
        }
        commit = machine.push(files | IGNORED)
        machine.set_up(block("A compose host with the agent", "sh"))
        yield machine, commit


def test_compose_takes_the_stack_and_each_folder_counts(tmp_path: Path) -> None:
    assert_schema_allows(tmp_path, "vendor.compose-spec", block("A compose host with the agent", "yaml"))
    services = yaml.safe_load(block("A compose host with the agent", "yaml"))["services"]
    hashes = {name: f"${{{name.upper()}_HASH}}" for name in services}
    assert {name: service["labels"]["hash"] for name, service in services.items()} == hashes


def test_five_commands_make_a_reporting_compose_host(compose: tuple[Machine, str]) -> None:
    machine, commit = compose
    assert machine.verdict() == ("synced", commit, "passed")
    assert machine.recorded() == [f"{UP} --remove-orphans"]
    assert "Nothing changed" in machine.cron("deploy")
    assert "Status: synced." in machine.cron("check")
    row = machine.row()
    assert (row["status"], row["drift_status"], row["check_interval"], row["problem"]) == ("synced", "synced", 900, 0)
    assert machine.recorded() == []
    doctor = machine.agent("doctor")
    assert doctor.returncode == 0, doctor.stderr

    (machine.root / "srv/stack/web/index.html").write_text("by hand\n")
    machine.cron("check")
    assert (machine.row()["status"], machine.row()["changed_files"]) == ("out_of_sync", ["web/index.html"])


def test_a_push_to_compose_touches_only_what_it_changes(compose: tuple[Machine, str]) -> None:
    machine, _ = compose
    machine.recorded()
    steps: list[tuple[dict[str, str], list[str]]] = [
        ({"web/index.html": "two\n"}, [f"{UP} --no-deps web"]),
        ({"redis/redis.conf": "port 6380\n"}, [f"{UP} --no-deps redis"]),
        ({".env": "A=1\n", "web/index.html": "three\n"}, [f"{UP} --remove-orphans"]),
        ({"README.md": "What this is.\n"}, []),
    ]
    for files, calls in steps:
        commit = machine.push(files)
        machine.cron("deploy")
        assert machine.verdict() == ("synced", commit, "passed" if calls else "skipped")
        assert machine.recorded() == calls
    hashes = [line.split() for line in (machine.root / "hashes").read_text().splitlines()]
    now = [git(machine.root / "work", "rev-parse", f"HEAD:{name}") for name in ("web", "redis")]
    web, redis = zip(*hashes, strict=True)
    assert [web.index(one) for one in web] == [0, 1, 1, 3], "the label of web changes with its folder only"
    assert [redis.index(one) for one in redis] == [0, 0, 2, 2], "and that of redis with its own"
    assert [web[-1], redis[-1]] == now


def test_a_site_that_does_not_answer_brings_back_the_last_good_commit(compose: tuple[Machine, str]) -> None:
    machine, good = compose
    machine.recorded()
    bad = machine.push({"web/index.html": "broken\n"})
    machine.cron("deploy")
    row = machine.row()
    assert machine.verdict() == ("failed", good, "failed")
    assert f"Commit {bad[:12]} was rolled back to {good[:12]}; the checks pass there." in row["validation_message"]
    assert machine.recorded() == [f"{UP} --no-deps web"] * 2
    assert (machine.root / "served").read_text() == "one\n"
    machine.cron("deploy")
    assert machine.row()["status"] == "failed"
    assert machine.recorded() == []
    mended = machine.push({"web/index.html": "two\n"})
    machine.cron("deploy")
    assert machine.verdict() == ("synced", mended, "passed")
    assert (machine.root / "served").read_text() == "two\n"
