"""The command `gitops-agent` (docs/AGENT.md)."""

import argparse
import os
import signal
import sys
from typing import Any, List, Optional

from agent import __version__
from agent.commands import check, deploy, doctor, install, report, status
from agent.errors import AgentError, in_words

COMMANDS = {
    "deploy": deploy,
    "check": check,
    "report": report,
    "install": install,
    "status": status,
    "doctor": doctor,
}


def main(arguments: Optional[List[str]] = None) -> int:
    """Run a command; gives its exit status."""
    parser = argparse.ArgumentParser("gitops-agent", description="GitOps for a plain server, reporting by itself.")
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(metavar="COMMAND", dest="command")
    commands.required = True
    for name, module in COMMANDS.items():
        lines = (module.__doc__ or "").splitlines()
        module.add_arguments(commands.add_parser(name, help=lines[0], description=lines[0]))
    options = parser.parse_args(arguments)
    for number in (signal.SIGTERM, signal.SIGHUP):  # as when a terminal is closed
        if signal.getsignal(number) != signal.SIG_IGN:  # as nohup has it
            signal.signal(number, _end)
    try:
        with in_words():
            return int(COMMANDS[options.command].command(options))
    except AgentError as error:
        _say(f"gitops-agent: {error}\n")
        return error.status
    except KeyboardInterrupt:
        return 130


def _say(line: str) -> None:
    if sys.stderr:  # None is one that was closed
        try:
            sys.stderr.write(line)
            sys.stderr.flush()
        except OSError:  # a full disk: Python, which tries again, would end with a status of its own
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())


def _end(number: int, _: Any) -> None:
    """Leave by an exception, so that whatever was started is ended too."""
    sys.exit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
