"""A process that has loaded libraries, and whose children become programs of ours: see warm.py, which starts it."""

import atexit
import contextlib
import gc
import json
import os
import runpy
import signal
import socket
import sys
import threading
import time
from pathlib import Path
from typing import Any


def serve(control: socket.socket) -> dict[str, Any]:
    """Make a child for each message, which is a program: in the child, return it."""
    while True:
        message, streams, _flags, _address = socket.recv_fds(control, 1_000_000, 3)
        if not message:
            os._exit(0)
        reader, writer = os.pipe()
        parent = os.fork()
        if not parent and not (child := os.fork()):
            control.close()
            os.close(reader)
            os.close(writer)
            for number, stream in enumerate(streams):
                os.dup2(stream, number)
                os.close(stream)
            return dict(json.loads(message))
        if not parent:
            os.write(writer, b"%d" % child)
            os._exit(0)
        os.waitpid(parent, 0)  # now the child is another's
        control.send(os.read(reader, 100))
        for descriptor in (reader, writer, *streams):
            os.close(descriptor)


def become(program: dict[str, Any]) -> None:
    """Be the program."""
    if program["is_session"]:
        os.setsid()
    os.chdir(program["folder"])
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell that started the tests by "&" had it ignored,
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # and nohup this one
    os.environ.clear()
    os.environ.update(program["environment"])
    time.tzset()
    os.sched_setaffinity(0, program["cores"])
    sys.argv = program["words"]
    sys.path[0] = program["folder"]
    try:
        runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
    except SystemExit as end:
        if isinstance(end.code, int):
            leave(end.code)
        raise


def leave(status: int) -> None:
    """End as Python does, but for its memory: to give it back piece by piece, it would be copied first. What cannot be
    written in the end is told by Python itself.
    """
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    with contextlib.suppress(OSError, ValueError):
        for stream in filter(None, (sys.stdout, sys.stderr)):
            stream.flush()
        os._exit(status)


if __name__ == "__main__":
    number, libraries = sys.argv[1:]
    sys.path[0] = str(Path(__file__).parents[2])
    exec(libraries, {})
    gc.freeze()  # nobody looks through all of it again, so that children share it
    with contextlib.suppress(KeyboardInterrupt):
        become(serve(socket.socket(fileno=int(number))))
