"""`python -m workers`: does what goes by the clock, as long as this process leads; else it waits to."""

import argparse
import logging.config
import os
import signal
import socket
import sys
import threading
import time
from contextlib import closing

from config import ConfigError, Settings
from domain.freshness import Moment
from domain.times import believable
from stores import open_leadership, open_store, site_of
from web.base.lines import configuration
from workers.rounds import Rounds, once

LOOK_SECONDS = 2.0


def main() -> None:
    """Work until a signal comes, or the process is gone that started this one."""
    parser = argparse.ArgumentParser(prog="python -m workers", description=__doc__)
    parser.add_argument("--parent", type=int, help="end with this process, which has started this one")
    parent = parser.parse_args().parent
    settings = Settings.from_environment(os.environ)
    logging.config.dictConfig(configuration(settings.log_format, "off"))
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())

    clock = believable(time.time)

    def oldest() -> str:
        return Moment(int(clock()), settings.stale_after, settings.history_days).oldest

    # A file of version 1 waits for the service, which knows how to read it.
    store = open_store(settings.store, lambda _stored: None, oldest, clock=clock)
    leadership = open_leadership(settings.store)
    with closing(leadership), closing(store):
        leader = f"{socket.gethostname()} {os.getpid()}"
        leads = once(lambda: site_of(settings.store).is_made, leadership.is_held)
        rounds = Rounds(leads, store, {"sweeper": store.sweep}, leader, clock, time.monotonic)
        while parent in (None, os.getppid()):
            rounds.go()
            if ended.wait(LOOK_SECONDS):
                break


if __name__ == "__main__":
    try:
        main()
    except (ConfigError, RuntimeError) as error:
        sys.exit(str(error))
