"""Run deploy and check from now on, by systemd's timers or by cron.

Each server gets moments of its own, so that ten thousand do not call in the same second.
"""

import argparse
import os
import re
import sys
from typing import Dict, Sequence

from agent.commands.schedule import Turn, turn
from agent.config import Config
from agent.errors import OK, AgentError
from agent.files import write_text
from agent.log import Log
from agent.programs import run
from agent.reader import find, load

CRON = "/etc/cron.d/gitops-agent"
SYSTEMD = "/etc/systemd/system"
HEAD = "# Made by gitops-agent install; gitops-agent install --remove takes it away.\n"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"  # cron's own is too short to find make's tools
PLAIN = re.compile(r"[A-Za-z0-9_./@:+-]+\Z")  # what neither cron nor systemd nor a shell reads anything into
PURPOSES = {"deploy": "Deploy what git says", "check": "Compare this server with what git says"}
# A timer's run has not failed because it found drift, or because another run was there first.
FINE = {"deploy": "3", "check": "1 3"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    parser.add_argument("--config", metavar="PATH", help="the config to run with")
    parser.add_argument("--user", default="root", help="who runs it (root)")
    parser.add_argument("--remove", action="store_true", help="take away what was installed")
    parser.add_argument("--root", metavar="DIR", default="", help="write into an image there, and start nothing")
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument("--systemd", action="store_true", help="use timers, also where systemd does not run")
    kind.add_argument("--cron", action="store_true", help="use cron, also where systemd runs")


def command(options: argparse.Namespace) -> int:
    """Put the files there, or take them away."""
    log = Log()
    root = options.root.rstrip("/")
    if not root and os.geteuid() != 0:
        raise AgentError("Only root can install: run it with sudo.")
    files = {}  # type: Dict[str, str]
    names = []
    if not options.remove:
        path = os.path.abspath(options.config or find())
        config = load(path)
        turns, names = _turns(config), [target.called for target in config.targets]
        words = [_plain(os.path.abspath(sys.argv[0])), "--config", _plain(path), _plain(options.user)]
        by_systemd = options.systemd or (not options.cron and os.path.isdir("/run/systemd/system"))
        files = _units(turns, words) if by_systemd else {CRON: _crontab(turns, words)}
    ours = [CRON] + [f"{SYSTEMD}/gitops-agent-{name}.{kind}" for name in PURPOSES for kind in ("service", "timer")]
    gone = [path for path in ours if path not in files and os.path.exists(root + path)]
    _systemctl("disable", gone, root)
    for path in gone:
        os.unlink(root + path)
        log.info(f"{root}{path} is removed.")
    for path, text in files.items():
        write_text(root + path, text)
        log.info(f"{root}{path} is written.")
    _systemctl("enable", list(files), root)
    for name in names:
        log.info(name)
    return OK


def _turns(config: Config) -> Dict[str, Turn]:
    """When each command's turn is; one that is never run has none."""
    every = {"deploy": config.deploy_every, "check": config.check_every}
    turns = {name: turn(config.targets[0].name, name, minutes) for name, minutes in every.items() if minutes}
    if not turns:
        raise AgentError("deployEvery and checkEvery are both 0, so there is nothing to install.")
    return turns


def _crontab(turns: Dict[str, Turn], words: Sequence[str]) -> str:
    program, option, path, user = words
    lines = [
        f"{at.cron} {user} {at.shell}{program} {name} {option} {path} 2>&1 | logger -t gitops-agent\n"
        for name, at in turns.items()
    ]
    return HEAD + f"SHELL=/bin/sh\nPATH={PATH}\n" + "".join(lines)


def _units(turns: Dict[str, Turn], words: Sequence[str]) -> Dict[str, str]:
    program, option, path, user = words
    units = {}
    for name, at in turns.items():
        units[f"{SYSTEMD}/gitops-agent-{name}.service"] = (
            f"{HEAD}[Unit]\nDescription={PURPOSES[name]}\nWants=network-online.target\nAfter=network-online.target\n\n"
            f"[Service]\nType=oneshot\nUser={user}\nExecStart={program} {name} {option} {path}\n"
            f"SuccessExitStatus={FINE[name]}\n"
        )
        units[f"{SYSTEMD}/gitops-agent-{name}.timer"] = (
            f"{HEAD}[Unit]\nDescription={PURPOSES[name]}\n\n"
            f"[Timer]\nOnCalendar={at.calendar}\nAccuracySec=1s\n\n[Install]\nWantedBy=timers.target\n"
        )
    return units


def _systemctl(verb: str, paths: Sequence[str], root: str) -> None:
    """Have systemd start the timers among the files or stop them; in an image, at its next start."""
    timers = [os.path.basename(path) for path in paths if path.endswith(".timer")]
    if timers:
        in_image = [["systemctl", "--root", root, verb, *timers]]
        for words in in_image if root else [["systemctl", "daemon-reload"], ["systemctl", verb, "--now", *timers]]:
            done = run(words, "/", 60)
            if done.has_failed:
                raise AgentError(f"{' '.join(words)} {done.ending}")


def _plain(word: str) -> str:
    if PLAIN.match(word):
        return word
    raise AgentError(
        f"{word!r} cannot stand in a crontab or a unit: use a path of letters, digits and _ . / @ : + - only."
    )
