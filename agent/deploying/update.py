"""Runs make for what changed, several services at once if the config says so."""

from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Callable, Dict, List, Optional, Sequence

from agent.config import Target
from agent.log import Log
from agent.programs import end_all, run
from agent.text import plain, without_passwords


def make(
    goals: Sequence[str], target: Target, env: Dict[str, str], log: Log, succeeded: Callable[[str], None]
) -> List[str]:
    """Make goals, in order; a failing one does not stop the next. Gives a sentence for each that failed.

    `succeeded` is called with each that did, at once and by this thread.
    """
    with ThreadPoolExecutor(target.parallel) as pool:
        futures = {pool.submit(_make, goal, target, env, log): goal for goal in goals}
        try:
            for future in as_completed(futures):
                if future.result() is None:
                    succeeded(futures[future])
        except BaseException:  # such as Ctrl-C, which only this thread sees
            for future in futures:
                future.cancel()
            end_all()
            raise
    results = [future.result() for future in futures]
    return [problem for problem in results if problem]


def _make(goal: str, target: Target, env: Dict[str, str], log: Log) -> Optional[str]:
    log.info("make begins.", target=goal)
    command = ["make", "--no-print-directory", goal]
    folder = target.deployment_repo
    done = run(
        command, folder, target.make_timeout, env, lambda line: log.info(without_passwords(plain(line)), target=goal)
    )
    if done.has_failed:
        log.error(f"make {done.why}", target=goal)
        return f"make {goal} {done.ending}"
    log.info("make succeeded.", target=goal)
    return None
