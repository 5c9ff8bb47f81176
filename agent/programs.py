"""Other programs, run with a time limit: git, make, hooks, checks and templates. Nothing else starts a process."""

import errno
import os
import signal
import subprocess  # nosec B404
import threading
import time
from collections import deque
from typing import IO, Any, Callable, Deque, Dict, Iterator, List, NamedTuple, Optional, Sequence, Union

from agent.errors import AgentError
from agent.text import cut, named, plain, without_passwords

BLOCK = 1 << 16
PORTION = 100_000  # bytes of names in one command
KEPT_LINES = 1000
SHOWN = 1000  # characters of what a failed program said
GRACE = 2  # seconds for what is still in the pipe when a program has ended
GENTLE = 5  # seconds between SIGTERM and SIGKILL: git removes its locks, make what it half wrote
# What is kept from every program: the token, as a make that prints its environment would show it on the board, and what
# git tells a hook, as from a hook that starts the agent it would name another repository.
WITHHELD = (
    "STATUS_TOKEN", "GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_NAMESPACE", "GIT_PREFIX", "GIT_QUARANTINE_PATH",
)  # fmt: skip


class Done(NamedTuple):
    """How a program ended."""

    code: int  # its exit code; negative for a signal
    output: bytes  # standard output, with errors where they were not kept apart
    errors: bytes
    is_late: bool  # whether it was ended because its time was over

    @property
    def text(self) -> str:
        """The output, whatever bytes are in it."""
        return self.output.decode("utf-8", "backslashreplace")

    @property
    def has_failed(self) -> bool:
        """Whether it did not end well by itself."""
        return self.is_late or self.code != 0

    @property
    def why(self) -> str:
        """Why it did not succeed."""
        return "took too long and was ended" if self.is_late else f"ended with exit code {self.code}"

    @property
    def ending(self) -> str:
        """How it failed, with what it said, above all at the end; without passwords, colours and the like."""
        printed = without_passwords(plain((self.errors or self.output).decode("utf-8", "backslashreplace"))).strip()
        return self.why + (": " + cut(printed, SHOWN) if printed else ".")


_running: Dict[int, Any] = {}  # the programs that run at this moment, by their process group
_starting = threading.Lock()
_over = threading.Event()  # from when on nothing is started


def run(
    command: Union[str, List[str]],
    folder: str,
    seconds: float,
    env: Optional[Dict[str, str]] = None,
    on_line: Optional[Callable[[str], None]] = None,
) -> Done:
    """Run a program and all that it starts, at most for so many seconds. A string is a command of the shell.

    `env` is added to the agent's environment. With `on_line` output and errors are one, each line is given to it at
    once, and only the last ones are kept.
    """
    try:
        with _starting:
            if _over.is_set():
                raise AgentError("Nothing is started any more, as the run is ended.")
            process = subprocess.Popen(  # nosec B603
                ["/bin/sh", "-c", named(command)] if isinstance(command, str) else command,
                cwd=folder,
                env=dict({name: value for name, value in os.environ.items() if name not in WITHHELD}, **(env or {})),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT if on_line else subprocess.PIPE,
                start_new_session=True,  # so that what it starts can be ended with it
                bufsize=0,
            )
            _running[process.pid] = process
    except OSError as error:
        name = "/bin/sh" if isinstance(command, str) else command[0]
        if isinstance(error, FileNotFoundError) and os.path.isdir(folder):
            raise AgentError(f"There is no {name}: install it, or name its folder in PATH.") from None
        raise AgentError(f"{name} cannot be run in {folder}: {error.strerror or error}.") from None
    readers = [_Reader(stream, on_line) for stream in (process.stdout, process.stderr) if stream]
    is_late = False
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        is_late = True
        _end([process])
        process.wait()
    except BaseException:  # such as Ctrl-C: nothing goes on behind the back of the operator
        _end([process])
        process.wait()
        raise
    finally:
        _running.pop(process.pid, None)
    output, errors = [reader.result() for reader in readers] + ([b""] if on_line else [])
    return Done(process.returncode, output, errors, is_late)


def end_all() -> None:
    """End every program that other threads run, and let none begin."""
    with _starting:
        _over.set()
    _end(list(_running.values()))


def _end(processes: Sequence[Any]) -> None:
    """Ask programs and all that they started to end, and make them if they have not after some seconds.

    Raises PermissionError where the system lets us end none of one, as nobody knows then how long that goes on.
    """
    try:
        for process in processes:
            _reaches(process, signal.SIGTERM)
        until = time.monotonic() + GENTLE
        while time.monotonic() < until and any(_reaches(process, 0) for process in processes):
            time.sleep(0.02)
    finally:  # also if Ctrl-C comes again meanwhile
        for process in processes:
            _reaches(process, signal.SIGKILL)
    if any(not _reaches(process, 0) and process.poll() is None for process in processes):
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))


def _reaches(process: Any, number: int) -> bool:
    """Send a signal to a program and all that it started; gives whether any of it is there and takes it."""
    process.poll()  # one that has ended is there until somebody asks
    try:
        os.killpg(process.pid, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True


class _Reader(threading.Thread):
    """Reads what a program writes. It does not wait for what the program left behind, as ssh leaves its master."""

    def __init__(self, stream: IO[bytes], on_line: Optional[Callable[[str], None]]) -> None:
        super().__init__(daemon=True)
        self._stream = stream
        self._on_line = on_line
        self._giving = threading.Lock()  # held while a line is given on
        self._kept: Deque[bytes] = deque(maxlen=KEPT_LINES if on_line else None)
        self.start()

    def run(self) -> None:
        """Read to the end."""
        with self._stream:
            if not self._on_line:
                self._kept.extend(iter(lambda: self._stream.read(BLOCK), b""))
                return
            rest = b""
            for block in iter(lambda: self._stream.read(BLOCK), b""):
                *lines, rest = (rest + block).split(b"\n")
                for line in lines:
                    self._take(line)
            if rest:
                self._take(rest)

    def result(self) -> bytes:
        """What was written until the program ended. From then on no line is given on: Python aborts where a thread
        that is left writes to the log while all ends."""
        self.join(GRACE)
        with self._giving:
            self._on_line = None
        return b"".join(list(self._kept))

    def _take(self, line: bytes) -> None:
        self._kept.append(line + b"\n")
        with self._giving:
            if self._on_line:
                self._on_line(line.decode("utf-8", "backslashreplace").rstrip("\r"))


def portions(paths: Sequence[str]) -> Iterator[List[str]]:
    """The paths in portions that fit a command line."""
    some, size = [], 0  # type: List[str], int
    for path in paths:
        some.append(path)
        size += len(os.fsencode(path)) + 1
        if size > PORTION:
            yield some
            some, size = [], 0
    if some:
        yield some
