"""How gunicorn runs the service. Every setting here can be overridden on its command line."""

import contextlib
import ctypes
import mmap
import os
import resource
import sys
import threading
from typing import Any

from config import ConfigError, Settings
from web.base import counters, lines, logs
from workers.beside import Beside

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8  # malloc.h of glibc
HEAP_BYTES = 1_048_576
FEWEST_FILES = 64

try:
    settings = Settings.from_environment(os.environ)
except ConfigError as error:
    sys.exit(str(error))

wsgi_app = "app:app"
bind = "0.0.0.0:5000"

# Processes use the cores; threads wait together for the disk, and so share a write.
workers = int(os.environ.get("WEB_CONCURRENCY", "2"))
if workers < 1:
    sys.exit(f"WEB_CONCURRENCY={workers}: the service needs at least one worker.")
worker_class = "web.gunicorn_worker.Worker"

# A connection is an open file; as many as the system allows may be open from here on (`ulimit -Hn`).
_, files = resource.getrlimit(resource.RLIMIT_NOFILE)
if files < FEWEST_FILES:
    sys.exit(f"Only {files} files may be open (ulimit -n): the service needs at least {FEWEST_FILES}.")
resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))

# The rest is for the store's files, of which each thread may open some. Further connections wait to be accepted.
worker_connections = min(900, max(files - 124, files // 4))
threads = min(32, worker_connections // 2)

# The most that gunicorn takes: a filter of many hosts makes a long line.
limit_request_line = 8190

# Longer than the interval of most probes and scrapers, so that they keep their connection.
keepalive = 75

# A stop lets every request that has begun end and be answered.
graceful_timeout = 30

# Only web/base/address.py trusts a proxy's headers: gunicorn would trust any client on this machine, and let it move
# the path by a header.
secure_scheme_headers: dict[str, str] = {}
forwarder_headers = ""

control_socket_disable = True
logger_class = logs.ServerLogger
logconfig_dict = lines.configuration(settings.log_format, settings.access_log)


def on_starting(server: Any) -> None:
    """Make the memory in which the workers count, and a byte for whether any of them knew a store.

    Here and not above, as this file is read again at a reload, and the sums go on then. The next start counts from 0.
    """
    server.counters = counters.shared_memory()
    server.known = mmap.mmap(-1, 1)
    server.log.info("A worker takes up to %d connections: %d files may be open.", worker_connections, files)
    if settings.auth == "open":
        server.log.warning("STATUS_AUTH=open: whoever reaches this port may read, report and delete without a token.")


def when_ready(server: Any) -> None:
    """Have the process that works by the clock run beside. For what its master does each second, gunicorn has no hook:
    this is one of those things, and does one more."""
    if settings.workers == "off":
        return
    server.beside = Beside()
    murder_workers = server.murder_workers

    def look_after_all() -> None:
        murder_workers()
        server.beside.keep()

    server.murder_workers = look_after_all


def on_reload(server: Any) -> None:
    """Have it started anew, too."""
    on_exit(server)


def on_exit(server: Any) -> None:
    """End it."""
    if hasattr(server, "beside"):
        server.beside.end()


def pre_fork(server: Any, worker: Any) -> None:
    """Choose a part of the counters for the worker, that no other has, and a core, that the fewest others have.

    The interpreter's lock lets one of its threads run at a time. Handing that lock from core to core costs a third of
    the throughput (docs/PERFORMANCE.md); on one core it is cheap.
    """
    worker.part = counters.free_part(other.part for other in server.WORKERS.values())
    taken = [other.core for other in server.WORKERS.values()]
    worker.core = min(sorted(os.sched_getaffinity(0)), key=taken.count)


def post_fork(server: Any, worker: Any) -> None:
    """Stay on that core, with one heap: glibc gives each thread its own, and each would fragment.

    Large blocks stay out of it, and its end is given back: left alone, glibc raises both bounds up to the largest block
    that was ever freed, 32 MiB at most (mallopt(3)).
    """
    worker.counts = counters.Counts(server.counters, worker.part)
    worker.known = server.known
    os.sched_setaffinity(0, {worker.core})
    with contextlib.suppress(AttributeError):  # another C library has no such thing
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(M_ARENA_MAX, 1)
        mallopt(M_MMAP_THRESHOLD, HEAP_BYTES)
        mallopt(M_TRIM_THRESHOLD, HEAP_BYTES)


def post_worker_init(worker: Any) -> None:
    """Count in that part, and read the store at once, so that a checkpoint that an earlier worker owed is made without
    a report. A thread does it, beside the first requests: reading a million servers takes longer than gunicorn waits
    for the heartbeat of a new worker. Another notes that the service lives, as long as it does.
    """
    extensions = worker.wsgi.extensions
    if "begin" in extensions:  # else it is another application than ours, as in bench/peers.py
        extensions["measured"].count_in(worker.counts)
        extensions["share"](worker.known)
        extensions["life"].begin()
        for work in (extensions["begin"], extensions["life"].keep):
            threading.Thread(target=work, daemon=True).start()
