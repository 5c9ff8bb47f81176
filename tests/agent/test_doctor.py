"""The doctor names what is wrong, in words, and lets what is well be."""

import http.server
import threading
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.agent.agents import Agent, Remote, ask, config, git, remote, write
from tests.process.service import Service, free_port, running

ADMIN = "an-admin-token-of-the-doctor"

MAKEFILE = "gitopsAll gitopsWeb:\n\t@touch ran\n"
FILES = {"Makefile": MAKEFILE, ".gitignore": ".gitops_checksums.json\n", "web/a.conf": "a"}


@pytest.fixture
def repo(tmp_path: Path) -> Remote:
    return remote(tmp_path, FILES)


def settings(repo: Remote, **more: Any) -> dict[str, Any]:
    return {"serverGroup": "web", "host": "h1", "deploymentRepo": str(repo.clone), "services": ["web"], **more}


def wrong(agent: Agent, path: Path) -> list[str]:
    """What the doctor finds wrong; it is silent only where the exit status is 0."""
    done = agent("doctor", "--config", path)
    lines = [line.split("ERROR   ")[1] for line in done.stdout.splitlines() if "ERROR" in line]
    assert (done.returncode, done.stderr) == (1 if lines else 0, "")
    assert "well." in done.stdout
    return lines


def test_where_all_is_well_it_says_so_and_changes_nothing(agent: Agent, repo: Remote, service: Service) -> None:
    path = config(agent.folder / "c.json", **settings(repo, statusUrl=service.url))
    before = ask(f"{service.url}/status")
    assert wrong(agent, path) == []
    assert ask(f"{service.url}/status") == before
    assert git(repo.clone, "status", "--porcelain") == ""


def test_each_thing_that_is_wrong_is_named_once(agent: Agent, repo: Remote) -> None:
    repo.push({"Makefile": "gitopsAll:\n\t@true\n", ".gitignore": "\n"})
    git(repo.clone, "pull", "--quiet")
    write(repo.clone, {"web/a.conf": "by hand"})
    git(repo.clone, "commit", "--quiet", "--allow-empty", "--message", "here")
    url = f"http://127.0.0.1:{free_port()}"
    path = config(agent.folder / "c.json", **settings(repo, statusUrl=url))
    findings = wrong(agent, path)
    expected = [
        "Its history: 1 commit(s) are not on the remote's branch. They were made here or forced away there: "
        "git reset --keep @{upstream} leaves them.",
        "Its files: 1 edited by hand, which can stop a pull: web/a.conf; git checkout takes them back.",
        "Its .gitignore: .gitops_checksums.json is not ignored: add it.",
        "Its make gitopsWeb: it ended with exit code 2: make: *** No rule to make target 'gitopsWeb'.  Stop.",
        f"Pipeline reports to {url}: {url} cannot be reached: nobody listens there.",
        f"Cron reports to {url}: {url} cannot be reached: nobody listens there.",
        "The clock: nobody there says what time it is.",
    ]
    assert findings == expected


def test_a_remote_that_is_away_and_a_clone_that_is_none_are_told_apart(agent: Agent, repo: Remote) -> None:
    git(repo.clone, "remote", "set-url", "origin", "/nowhere")
    path = config(agent.folder / "c.json", **settings(repo))
    findings = wrong(agent, path)
    assert findings[0].startswith("Its remote: git fetch ended with exit code 128: ")
    assert "'/nowhere' does not appear to be a git repository" in findings[0]
    assert findings[1:] == ["The service: there is no statusUrl, so nothing is reported."]
    config(path, **settings(repo, deploymentRepo=str(agent.folder)))
    assert wrong(agent, path)[0].startswith(f"The clone {agent.folder}: git rev-parse ended with exit code 128")


def test_a_state_folder_that_cannot_be_written_is_noticed(agent: Agent, repo: Remote) -> None:
    path = config(agent.folder / "c.json", **settings(repo, stateDir=str(agent.folder / "state")))
    full = Agent(agent.folder, ["sh", "-c", 'ulimit -f 0; exec "$@"', "sh", *agent.program])  # as on a full disk
    assert wrong(full, path)[0] == (
        f"The state folder {agent.folder}/state: it cannot be written to: File too large. "
        "Make room, or run the agent as its owner."
    )


def test_a_token_is_tried_without_a_report(agent: Agent, repo: Remote, tmp_path: Path) -> None:
    with running(tmp_path, workers=1, environment={"STATUS_AUTH": "writes", "STATUS_ADMIN_TOKEN": ADMIN}) as guarded:
        path = config(agent.folder / "c.json", **settings(repo, statusUrl=guarded.url))
        missing = wrong(agent, path)
        assert [line.split(":")[0] for line in missing] == ["Pipeline reports to http", "Cron reports to http"]
        assert all("The token is missing or not valid: see STATUS_TOKEN or tokenFile." in line for line in missing)
        wanted = {"label": "cron", "scopes": ["cron"]}
        made = requests.post(f"{guarded.url}/tokens", json=wanted, headers={"X-API-Key": ADMIN}, timeout=60).json()
        [finding] = wrong(Agent(agent.folder, more={"STATUS_TOKEN": made["token"]}), path)
        assert finding.startswith("Pipeline reports")
        assert "This needs the scope 'pipeline'" in finding
        assert ask(f"{guarded.url}/status") == []
        (agent.folder / "token").write_text(made["token"])
        (agent.folder / "token").chmod(0o644)
        config(path, **settings(repo, statusUrl=guarded.url, tokenFile=str(agent.folder / "token"), deployEvery=0))
        assert wrong(agent, path) == [
            f"The token file {agent.folder}/token: others can read or write it: chmod 600 it."
        ]
        (agent.folder / "token").chmod(0o600)
        assert wrong(agent, path) == []


class _Yesterday(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response_only(200)
        self.send_header("Date", formatdate(0, usegmt=True))
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def test_a_clock_that_is_off_is_noticed(agent: Agent, repo: Remote) -> None:
    with http.server.HTTPServer(("127.0.0.1", 0), _Yesterday) as server:
        threading.Thread(target=server.serve_forever, args=[0.01]).start()
        url = f"http://127.0.0.1:{server.server_port}"
        path = config(agent.folder / "c.json", **settings(repo, statusUrl=url, deployEvery=0, checkEvery=0))
        [finding] = wrong(agent, path)
        server.shutdown()
    assert finding.startswith("The clock: it is ")
    assert finding.endswith(" seconds ahead of the service's.")
