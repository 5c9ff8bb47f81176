"""Programs in Python that start warm: as children of a process that has loaded their modules.

To load them takes longer than most of what a program does in a test. What runs is the program itself, as `python -m` runs
it: it is only defined before, by modules that look at nothing when they are loaded, and it has the environment, folder,
streams, session and cores that it would have. That they start cold too is shown by the day, the image and the examples.
"""

import atexit
import ctypes
import functools
import json
import os
import socket
import subprocess
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

NURSERY = Path(__file__).with_name("nursery.py")
ROOT = NURSERY.parents[2]


def _ours(*places: str) -> str:
    """The modules in these folders and files of ours, but for programs."""
    paths = [path for place in places for path in sorted(ROOT.glob(place)) if not path.name.startswith("__")]
    return ", ".join(".".join(path.relative_to(ROOT).with_suffix("").parts) for path in paths)


# What each loads before it is a program, and what a library does at its first use.
OF_THE_AGENT = f"import concurrent.futures.thread, difflib, ssl, {_ours('agent/**/*.py')}"
OF_THE_STORE = f"import psycopg, {_ours('domain/*.py', 'stores/**/*.py', 'storage.py')}"
OF_THE_SERVICE = (
    f"{OF_THE_STORE}, flask.cli, gunicorn.app.wsgiapp, gunicorn.glogging, logging.config, wsgiref.simple_server, "
    + _ours("operations/*.py", "web/**/*.py", "workers/*.py", "legacy.py", "app.py")
)
LIBRARIES = {
    "agent": OF_THE_AGENT,
    "storage": OF_THE_STORE,
    "gunicorn": OF_THE_SERVICE,
    "flask": OF_THE_SERVICE,
    "tests.stores.child": OF_THE_SERVICE,
}
AT_THE_START = ("PYTHON", "LC_", "LANG")  # what an interpreter looks at when it starts itself, if it is not empty
PR_SET_CHILD_SUBREAPER = 36  # prctl(2)
SECONDS = 60

_asking = threading.Lock()


class Program(subprocess.Popen[Any]):
    """As subprocess.Popen, for the words `[python, *options, "-m", module, …]`."""

    def _execute_child(self, *given: Any) -> None:
        """What Popen forks by. Here a nursery does, and as the child's parent ends at once, the child becomes ours."""
        called, _, _, _, _, cwd, env, _, _, _, *more = given
        module = called.index("-m") + 1
        stdin, _, _, stdout, _, stderr = pipes = more[:6]
        environment = dict(os.environ if env is None else env)
        program = {
            "words": list(map(_as_bytes, called[module:])),
            "environment": {_as_bytes(name): _as_bytes(value) for name, value in environment.items()},
            "folder": _as_bytes(cwd or Path.cwd()),
            "is_session": more[11],
            "cores": list(os.sched_getaffinity(0)),
        }
        streams = [own if pipe == -1 else pipe for own, pipe in enumerate((stdin, stdout, stderr))]
        at_the_start = {name: value for name, value in environment.items() if value and name.startswith(AT_THE_START)}
        with _asking:
            nursery = _nursery(
                tuple(called[: module - 1]), LIBRARIES[called[module]], tuple(sorted(at_the_start.items()))
            )
            socket.send_fds(nursery, [json.dumps(program).encode()], streams)
            self.pid = int(nursery.recv(100))
        self._child_created = True
        self._close_pipe_fds(*pipes)  # type: ignore[attr-defined]  # it has no type


def _as_bytes(text: str | Path) -> str:
    """What the system would hand over, which each Python reads its own way; a letter a byte, as JSON has no bytes."""
    return os.fsencode(text).decode("latin-1")


def run(
    words: Sequence[str | Path], given: str | None = None, popen: type[subprocess.Popen[Any]] = Program, **options: Any
) -> subprocess.CompletedProcess[Any]:
    """As subprocess.run, with all that it said."""
    options = {"stdin": None if given is None else subprocess.PIPE, **options}
    with popen(words, **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}) as process:
        try:
            output, errors = process.communicate(given, SECONDS)
        except BaseException:
            process.kill()
            raise
    return subprocess.CompletedProcess(words, process.returncode, output, errors)


@functools.cache
def _nursery(python: tuple[str, ...], libraries: str, environment: tuple[tuple[str, str], ...]) -> socket.socket:
    """What a nursery with these libraries listens to, which was started in this environment; it ends when we do. Our
    own modules are those of PYTHONPATH, where that is set.
    """
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)
    ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with its:
        its.set_inheritable(True)
        place = dict(environment).get("PYTHONPATH", str(ROOT))
        words = [*python, str(NURSERY), str(its.fileno()), place, libraries]
        os.posix_spawn(python[0], words, {"PATH": os.environ["PATH"], **dict(environment)})
    atexit.register(ours.close)
    return ours
