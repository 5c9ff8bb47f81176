"""A process that has loaded libraries, and whose children become programs of ours: see warm.py, which starts it.

It runs under each Python that the agent runs under, from 3.6 on.
"""

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
from array import array
from typing import Any, Dict


def serve(control: socket.socket) -> Dict[str, Any]:
    """Make a child for each message, which is a program: in the child, return it."""
    while True:
        message, ancillary, _flags, _address = control.recvmsg(1_000_000, socket.CMSG_SPACE(3 * array("i").itemsize))
        if not message:
            os._exit(0)
        streams = array("i", ancillary[0][2])
        reader, writer = os.pipe()
        parent = os.fork()
        child = 0 if parent else os.fork()
        if not parent and not child:
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


def become(program: Dict[str, Any]) -> None:
    """Be the program."""
    if program["is_session"]:
        os.setsid()
    folder, *words = [os.fsdecode(word.encode("latin-1")) for word in (program["folder"], *program["words"])]
    os.chdir(folder)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell that started the tests by "&" had it ignored,
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # and nohup this one
    os.environ.clear()
    os.environb.update({n.encode("latin-1"): value.encode("latin-1") for n, value in program["environment"].items()})
    time.tzset()
    os.sched_setaffinity(0, program["cores"])
    sys.argv, sys.path[0] = words, folder
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
    threading._shutdown()  # type: ignore[attr-defined]  # Python's own, which has no type
    atexit._run_exitfuncs()
    with contextlib.suppress(OSError, ValueError):
        for stream in filter(None, (sys.stdout, sys.stderr)):
            stream.flush()
        os._exit(status)


if __name__ == "__main__":
    number, sys.path[0], libraries = sys.argv[1:]
    exec(libraries, {})
    if hasattr(gc, "freeze"):
        gc.freeze()  # nobody looks through all of it again, so that children share it
    with contextlib.suppress(KeyboardInterrupt):
        become(serve(socket.socket(fileno=int(number))))
