"""Hooks and health checks, before and after an update."""

import time
import urllib.error
import urllib.request
from typing import Dict, Iterator, List, Optional, Sequence

from agent.config import Check, Target
from agent.log import Log
from agent.programs import run
from agent.service.client import NoRedirect
from agent.text import plain


def failing_hooks(key: str, commands: Sequence[str], target: Target, env: Dict[str, str], log: Log) -> Iterator[str]:
    """Run hooks, one after the other, as far as the sentences on failed ones are asked for."""
    for number, command in enumerate(commands):
        name = f"{key}[{number}]"
        log.info(f"Hook {name} begins.")
        done = run(command, target.deployment_repo, target.make_timeout, env, lambda line: log.info(plain(line)))
        if done.has_failed:
            yield f"Hook {name} {done.ending}"


def failing_checks(key: str, checks: Sequence[Check], folder: str, env: Dict[str, str], log: Log) -> List[str]:
    """Ask every check, each as often as it wants; gives a sentence for each that failed to the last."""
    problems = []
    for number, check in enumerate(checks):
        name = f"{key}[{number}]"
        why = _try_often(name, check, folder, env, log)
        if why:
            problems.append(f"Check {name} {why}")
    return problems


def _try_often(name: str, check: Check, folder: str, env: Dict[str, str], log: Log) -> Optional[str]:
    for left in range(check.retries, -1, -1):
        why = _try(check, folder, env)
        if not why:
            log.info(f"Check {name} passed.")
            return None
        if left:
            log.warning(f"Check {name} {why}\n{left} more, in {check.delay:g} seconds.")
            time.sleep(check.delay)
    return why


def _try(check: Check, folder: str, env: Dict[str, str]) -> Optional[str]:
    """Why a check fails at this moment, None if it does not."""
    if check.command:
        # With on_line, output and errors come in the order in which they were written.
        done = run(check.command, folder, check.timeout, env, lambda _: None)
        return done.ending if done.has_failed else None
    address = check.url.split("?")[0]  # what follows may hold a secret
    try:
        with urllib.request.build_opener(NoRedirect).open(check.url, timeout=check.timeout) as answer:
            status = answer.status
    except urllib.error.HTTPError as error:
        with error:
            status = error.code
    except Exception as error:  # noqa: BLE001 -- what is no HTTP raises from every layer; it is a failed try
        return f"got no answer from {address}: {getattr(error, 'reason', '') or error or type(error).__name__}."
    return None if status == check.status else f"got status {status} and not {check.status} from {address}."
