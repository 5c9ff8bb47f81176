"""One day of a server: a commit that the validator refuses, its mending, an edit by hand, a drift check, the readers.

`make demo` plays it with nothing installed but requirements.txt; test_day.py holds it to what it tells. Everything is
real: git, rsyslogd, jq, curl, the steps and the drift script as INTEGRATION_EXAMPLES.md shows them, and the service.
"""

import gzip
import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.process.document import example, workflow_steps
from tests.process.service import Service, running, wait_until

CONFIGURATION = Path(__file__).with_name("rsyslog-config")
PROGRAMS = os.environ.get("PATH", os.defpath) + ":/usr/sbin:/sbin"  # where Debian has rsyslogd, out of a user's sight
NEEDED = ("git", "curl")
MAY_BE_ABSENT = ("rsyslogd", "jq")
OUR_SERVER = "rsyslog-prod/rsyslog-01"  # the names that the examples report
SECONDS = 60

OTHERS = """[
  {"server_group": "nginx-prod", "host": "nginx-01", "server_type": "nginx", "environment": "prod", "status": "synced"},
  {"server_group": "splunk-prod", "host": "splunk-01", "server_type": "splunk", "environment": "prod", "status": "synced"}
]"""
ENVIRONMENT = {
    **dict.fromkeys(("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM"), os.devnull),
    **dict.fromkeys(("GIT_AUTHOR_NAME", "GIT_COMMITTER_NAME"), "Day"),
    **dict.fromkeys(("GIT_AUTHOR_EMAIL", "GIT_COMMITTER_EMAIL"), "day@example.com"),
}
GRAFANA_SENDS = ("Accept: application/json;q=0.9,text/plain", "Accept-Encoding: gzip")

Say = Callable[[str], None]


class DayError(Exception):
    """The day cannot go on; the message says why."""


@dataclass
class Story:
    """What the service answered in the course of the day."""

    refused: dict[str, Any] = field(default_factory=dict)
    deployed: dict[str, Any] = field(default_factory=dict)
    drifted: dict[str, Any] = field(default_factory=dict)
    grafana: list[dict[str, Any]] = field(default_factory=list)
    legacy: dict[str, Any] = field(default_factory=dict)
    restored: dict[str, Any] = field(default_factory=dict)
    summary: dict[str, Any] = field(default_factory=dict)
    line: str = ""


def play(folder: Path, say: Say, path: str = PROGRAMS) -> Story:
    """Play the day in an empty folder, telling each step, with the programs of a search path. Raises DayError."""
    for program in NEEDED:
        if shutil.which(program, path=path) is None:
            raise DayError(f"The day needs {program}, which is not installed.")
    (folder / "service").mkdir()
    with running(folder / "service", program=subprocess.Popen) as service:  # cold, as an operator starts it
        return _Day(folder, say, path, service).play()


class _Day:
    def __init__(self, folder: Path, say: Say, path: str, service: Service) -> None:
        self._folder = folder
        self._say = say
        self._path = path
        self._service = service
        self._has_rsyslogd, self._has_jq = (shutil.which(program, path=path) is not None for program in MAY_BE_ABSENT)
        self._origin = folder / "rsyslog-config"
        self._server = folder / "server"
        self._server.mkdir()
        self._pipelines = 0

    def play(self) -> Story:
        story = Story()
        self._say(f"The service runs at {self._service.url}, with two workers and an empty store.")
        if not self._has_rsyslogd:
            self._say("SKIPPED: rsyslogd is not installed, so no configuration is validated (apt install rsyslog).")
        if not self._has_jq:
            self._say("SKIPPED: jq is not installed, so the report is made without it (apt install jq).")

        self._begin("Other teams report their servers, two in one request")
        self._post(OTHERS)
        self._say("    nginx-prod/nginx-01 and splunk-prod/splunk-01 are on the board")

        shutil.copytree(CONFIGURATION, self._origin)
        self._git("init", "--quiet", "--initial-branch=main")
        forward = self._origin / "files/etc/rsyslog.d/10-forward.conf"
        right = forward.read_text()
        if self._has_rsyslogd:
            self._begin("A repository gets the configuration of a real rsyslog, with a typing error in it")
            forward.write_text(right.replace("target=", "targt="))
            self._commit("Forward everything to the central log host")
            self._run_pipeline()
            story.refused = self._look()

        self._begin("A commit that rsyslog understands is deployed")
        forward.write_text(right)
        self._commit("Write target as rsyslog spells it")
        self._run_pipeline()
        story.deployed = self._look()

        self._begin("Somebody edits a file on the server by hand, and cron checks for drift")
        edited = self._server / "etc/rsyslog.conf"
        edited.write_text(edited.read_text().replace("*.emerg", "# *.emerg"))
        self._say("    in server/etc/rsyslog.conf the last rule is now a comment")
        self._check_for_drift()
        story.drifted = self._look()

        self._begin("Grafana reads the board, two groups of three, compressed")
        headers = [word for header in GRAFANA_SENDS for word in ("-H", header)]
        groups = "server_group={nginx-prod,rsyslog-prod}"
        story.grafana = json.loads(gzip.decompress(self._curl(*headers, "-G", "--data-urlencode", groups, "/status")))
        for row in story.grafana:
            self._say(f"    {_brief(row)}")

        self._begin("A client of version 1 reads it in its own words")
        story.legacy = json.loads(self._curl("/api/status?server=rsyslog-01"))
        self._say(f"    {json.dumps(story.legacy)}")

        self._begin("The file is put back as git has it, and cron checks again")
        shutil.copyfile(self._origin / "files/etc/rsyslog.conf", edited)
        self._check_for_drift()
        story.restored = self._look()

        self._begin("The evening: the board is green, and this is its line in status.json")
        story.summary = json.loads(self._curl("/summary"))
        self._say(f"    {json.dumps(story.summary)}")
        self._say(f"    $ grep {OUR_SERVER} status.json")
        store = self._service.store  # which on a busy machine is written a little later
        wait_until(lambda: OUR_SERVER in store.read_text(), "the file shows the server")
        story.line = self._run(["grep", OUR_SERVER, store]).decode().strip()
        self._say(f"    {story.line}")
        return story

    def _begin(self, title: str) -> None:
        self._say("")
        self._say(title)

    def _commit(self, message: str) -> None:
        self._git("add", "--all")
        self._git("commit", "--quiet", f"--message={message}")
        self._say(f"    $ git commit --all --message='{message}'")

    def _run_pipeline(self) -> None:
        """The workflow of the examples by Woodpecker's rules: each step in a clone, the report whatever happened."""
        self._pipelines += 1
        clone = self._folder / f"pipeline-{self._pipelines}"
        self._run(["git", "clone", "--quiet", self._origin, clone])
        steps = workflow_steps(example("Woodpecker 3.15 or newer", "yaml"))
        passed = not self._has_rsyslogd or self._step_passes("./validate.sh", steps["validate"], clone)
        passed = passed and self._step_passes("./deploy.sh", steps["deploy"], clone)
        variables = {
            "STATUS_URL": self._service.url,
            "CI_PIPELINE_STATUS": "success" if passed else "failure",
            "CI_REPO_NAME": self._origin.name,
            "CI_COMMIT_SHA": self._git("rev-parse", "HEAD"),
            "CI_COMMIT_BRANCH": "main",
            "CI_COMMIT_MESSAGE": self._git("log", "-1", "--format=%B"),
            "CI_PIPELINE_FILES": json.dumps(
                self._git("show", "--format=", "--name-only", "HEAD", "--", "files").split()
            ),
            "CI_PIPELINE_URL": f"https://ci.example.com/repos/7/pipeline/{self._pipelines}",
        }
        if not self._has_jq:
            self._report_without_jq(variables, clone)
            return
        self._say('    $ jq -n --arg … > report.json; curl --data-binary @report.json "$STATUS_URL/status/pipeline"')
        self._run(["sh", "-ec", steps["report"]], clone, variables)

    def _step_passes(self, name: str, commands: str, clone: Path) -> bool:
        self._say(f"    $ {name}")
        done = self._start(["sh", "-e"], clone, {"SERVER": str(self._server)}, commands)
        for line in _text(done).splitlines():
            self._say(f"    {line}")
        return done.returncode == 0

    def _report_without_jq(self, variables: Mapping[str, str], clone: Path) -> None:
        group, host = OUR_SERVER.split("/")
        verdict = clone / "validation.status"
        body = {
            "server_group": group,
            "host": host,
            "server_type": "rsyslog",
            "environment": "prod",
            "status": {"success": "synced", "failure": "failed"}[variables["CI_PIPELINE_STATUS"]],
            "validation_status": verdict.read_text().strip() if verdict.exists() else "skipped",
            "repo_name": variables["CI_REPO_NAME"],
            "commit_sha": variables["CI_COMMIT_SHA"],
            "changed_files": json.loads(variables["CI_PIPELINE_FILES"]),
        }
        self._post(json.dumps(body, indent=2))

    def _post(self, body: str) -> None:
        self._curl("-X", "POST", "-H", "Content-Type: application/json", "-d", body, "/status/pipeline")

    def _check_for_drift(self) -> None:
        checkout = self._folder / "checkout"
        if not checkout.exists():
            self._run(["git", "clone", "--quiet", self._origin, checkout])
        script = self._folder / "gitops-drift"
        script.write_text(example("A drift check by cron", "sh"))
        group, host = OUR_SERVER.split("/")
        settings = {
            "STATUS_URL": self._service.url,
            "SERVER_GROUP": group,
            "SERVER_HOST": host,
            "CHECKOUT": str(checkout),
            "TARGET": "server",
        }
        self._say("    $ gitops-drift  # as cron runs it")
        self._run(["sh", script], environment=settings)

    def _look(self) -> dict[str, Any]:
        """Our server as the service shows it now."""
        record: dict[str, Any] = json.loads(self._curl(f"/status/{OUR_SERVER}"))
        self._say(f"    {_brief(record)}")
        for file in record["changed_files"]:
            self._say(f"      {file}")
        if record["validation_status"] == "failed":
            self._say(f"      {_cause(record['validation_message'])}")
        return record

    def _curl(self, *arguments: str) -> bytes:
        *options, path = arguments
        url = self._service.url + path
        shown = ["…" if "\n" in option else shlex.quote(option) for option in options]
        self._say("    $ " + " ".join(["curl -sS --fail", *shown, shlex.quote(url)]))
        return self._run(["curl", "-sS", "--fail", "--max-time", "20", *options, url])

    def _git(self, *arguments: str) -> str:
        return self._run(["git", *arguments], folder=self._origin).decode().strip()

    def _run(
        self, command: Sequence[str | Path], folder: Path | None = None, environment: Mapping[str, str] | None = None
    ) -> bytes:
        """What a program prints. Raises DayError where it fails."""
        done = self._start(command, folder or self._folder, environment or {})
        if done.returncode:
            raise DayError(f"{command[0]} failed: {_text(done)}")
        return done.stdout

    def _start(
        self, command: Sequence[str | Path], folder: Path, environment: Mapping[str, str], script: str = ""
    ) -> subprocess.CompletedProcess[bytes]:
        """Run a program with nothing in its environment but what the day gives it."""
        own = {"PATH": self._path, "HOME": str(self._folder)}
        return subprocess.run(
            command, cwd=folder, env={**own, **ENVIRONMENT, **environment}, input=script.encode(),
            capture_output=True, check=False, timeout=SECONDS,
        )  # fmt: skip


def _brief(record: Mapping[str, Any]) -> str:
    colour = "red" if record["problem"] else "green"
    return (
        f"{record['server_group']}/{record['host']}: {record['status']}, validation {record['validation_status']}, "
        f"changed files: {record['changed_files_count']} -> {colour}"
    )


def _text(done: subprocess.CompletedProcess[bytes]) -> str:
    return (done.stdout + done.stderr).decode(errors="replace").strip()


def _cause(log: str) -> str:
    """The line of a validator's log that says what is wrong."""
    return next((line for line in log.splitlines() if "error" in line), log)


def main() -> int:
    """Play the day in a folder that is gone afterwards, and print it."""
    with tempfile.TemporaryDirectory(prefix="gitops-status-day-") as folder:
        try:
            play(Path(folder), lambda line: print(line, flush=True))
        except (DayError, OSError, RuntimeError, subprocess.TimeoutExpired) as error:
            print(error, file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
