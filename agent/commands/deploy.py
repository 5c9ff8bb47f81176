"""Update what changed in git by make, and report it."""

import argparse

from agent.config import Config, Target
from agent.deploying.preview import preview
from agent.deploying.run import Deployment
from agent.deploying.state import Memory, folder_of, lock_path
from agent.errors import AgentError, Busy, in_words, overall
from agent.files import locked
from agent.log import Log
from agent.reader import load


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `deploy` can be told."""
    parser.add_argument("--config", metavar="PATH", help="the config, if it is not in its usual place")
    parser.add_argument("--dry-run", action="store_true", help="say what would be updated, and change nothing")


def command(options: argparse.Namespace) -> int:
    """Deploy every repository of the config, one after the other."""
    config = load(options.config)
    log = Log(config.log == "json")
    one = _preview if options.dry_run else _deploy
    return overall([one(config, target, log.about(server=target.name)) for target in config.targets])


def _deploy(config: Config, target: Target, log: Log) -> int:
    deployment = Deployment(config, target, log)
    try:
        with in_words(), locked(target.deployment_repo, lock_path(folder_of(config, target))):
            return deployment.run()
    except Busy as error:
        log.warning(str(error))
        return error.status
    except AgentError as error:
        return deployment.give_up(error)


def _preview(config: Config, target: Target, log: Log) -> int:
    try:
        with in_words(), locked(target.deployment_repo, lock_path(folder_of(config, target))):
            return preview(target, Memory(folder_of(config, target)), log)
    except AgentError as error:
        log.error(str(error))
        return error.status
