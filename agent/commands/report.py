"""Send a report, for scripts.

Works without a config where the address is given. What it says goes to standard error, as its caller may be a program.
"""

import argparse
import os
import sys
from typing import Any, Dict, List, Optional

from agent.config import Config, Target, state_dir
from agent.errors import FAILED, OK, AgentError
from agent.log import Log
from agent.reader import ADDRESS, NAME, PLACES, load
from agent.service.form import is_address
from agent.service.reporter import Reporter
from agent.text import shown

STATUSES = ("synced", "out_of_sync", "failed", "unknown")
VALIDATIONS = ("passed", "failed", "skipped", "unknown")
DESCRIPTIVE = ("server_type", "environment", "project_name", "repo_name")
FIELDS = (
    *DESCRIPTIVE,
    "server_group", "host", "status", "validation_status", "validation_message", "commit_sha", "branch",
    "commit_message", "updated_by", "pipeline_url", "check_interval",
)  # fmt: skip
LONGEST_INTERVAL = 31536000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Name what it takes: one option a field of docs/API.md, section 1."""
    kinds = parser.add_subparsers(metavar="pipeline|cron", dest="kind")
    kinds.required = True
    pipeline = kinds.add_parser("pipeline", help="a deployment ran", description="Report that a deployment ran.")
    cron = kinds.add_parser("cron", help="a drift check ran", description="Report that a drift check ran.")
    for kind in (pipeline, cron):
        kind.add_argument("--server-group", type=shown, help="the group, if the config has not just one repository")
        kind.add_argument("--host", type=shown, help="the server, likewise")
    pipeline.add_argument("--status", required=True, choices=STATUSES)
    cron.add_argument("--status", choices=STATUSES, help="without it: out_of_sync if a file changed, else synced")
    for kind in (pipeline, cron):
        kind.add_argument("--changed-file", action="append", type=shown, metavar="FILE", help="once for each")
        kind.add_argument("--changed-files-from", metavar="FILE", help="names, one a line or NUL between; - for stdin")
    pipeline.add_argument("--validation-status", choices=VALIDATIONS)
    for name in ("validation-message", "commit-sha", "branch", "commit-message", "updated-by"):
        pipeline.add_argument("--" + name, type=shown, metavar="TEXT")
    pipeline.add_argument("--pipeline-url", type=shown, metavar="URL")
    cron.add_argument("--check-interval", type=_seconds, metavar="SECONDS", help="how often it runs; 0 takes it back")
    for kind in (pipeline, cron):
        for name in DESCRIPTIVE:
            kind.add_argument("--" + name.replace("_", "-"), type=shown, metavar="TEXT")
        kind.add_argument("--url", type=shown, help="where GitOps Status is; else as the config or STATUS_URL says")
        kind.add_argument("--token-file", metavar="FILE", help="a file with the token; STATUS_TOKEN goes first")
        kind.add_argument("--config", metavar="FILE", help="the config; without it and with --url, none is read")
        kind.add_argument("--state-dir", metavar="FOLDER", help="where reports wait")


def command(options: argparse.Namespace) -> int:
    """Send one report; gives the exit status."""
    config = _config(options)
    url = (options.url or config.status_url).rstrip("/")
    if not url:
        raise AgentError("Say where GitOps Status is: --url, STATUS_URL, or statusUrl in the config.")
    if not ADDRESS.match(url):
        raise AgentError("The address of GitOps Status must begin with http:// or https:// and hold no password.")
    report = _report(options, config.targets[0] if len(config.targets) == 1 else None)
    log = Log(config.log == "json", sys.stderr)
    token_file = options.token_file or config.token_file
    reporter = Reporter(url, token_file, options.state_dir or config.state_dir or state_dir(), log)
    return OK if reporter.send(options.kind, report) else FAILED


def _config(options: argparse.Namespace) -> Config:
    """The config that is named, or that of this folder or machine if there is one and no --url makes it needless."""
    if options.config or (not options.url and any(os.path.exists(path) for path in PLACES)):
        return load(options.config)
    return Config(os.environ.get("STATUS_URL", ""), [])


def _report(options: argparse.Namespace, target: Optional[Target]) -> Dict[str, Any]:
    """The fields that are given; what the config knows of its only server stands in for the rest."""
    values = vars(options)
    report = {name: values[name] for name in FIELDS if values.get(name) is not None}
    if target:
        report.setdefault("server_group", target.server_group)
        report.setdefault("host", target.host)
        if f"{report['server_group']}/{report['host']}" == target.name:
            report = dict(target.described, **report)
    for name in ("server_group", "host"):
        if not NAME.match(report.get(name, "")):
            option = "--" + name.replace("_", "-")
            raise AgentError(f"{option} is needed: 1 to 253 of A-Z a-z 0-9 . _ : -, the first a letter or digit.")
    if report.get("pipeline_url") and not is_address(report["pipeline_url"]):
        raise AgentError("--pipeline-url must be an http or https address.")
    files = _changed_files(options)
    if files is not None:
        report["changed_files"] = files
    return {name: value for name, value in report.items() if value != ""}


def _changed_files(options: argparse.Namespace) -> Optional[List[str]]:
    """The names of the options; None if no option says anything of files."""
    from_options: Optional[List[str]] = options.changed_file
    if options.changed_files_from is None:
        return from_options
    try:
        if options.changed_files_from == "-":
            content = sys.stdin.buffer.read()
        else:
            with open(options.changed_files_from, "rb") as file:
                content = file.read()
    except OSError as error:
        raise AgentError(f"{options.changed_files_from} cannot be read: {error.strerror or error}.") from None
    names = content.split(b"\0" if b"\0" in content else b"\n")
    return (from_options or []) + [name.decode("utf-8", "backslashreplace") for name in names if name]


def _seconds(text: str) -> int:
    if text.isdigit() and int(text) <= LONGEST_INTERVAL:
        return int(text)
    raise argparse.ArgumentTypeError("must be whole seconds, from 1 to 31,536,000, or 0 to take it back")
