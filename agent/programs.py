"""Other programs, run with a time limit: git, make, hooks, checks and templates. Nothing else starts a process."""

import os
import signal
import subprocess  # nosec B404
import threading
from typing import Callable, Dict, List, NamedTuple, Optional, Union

from agent.errors import AgentError
from agent.text import named


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
    def why(self) -> str:
        """Why it did not succeed."""
        return "took too long and was ended" if self.is_late else f"ended with exit code {self.code}"


def run(
    command: Union[str, List[str]],
    folder: str,
    seconds: float,
    more: Optional[Dict[str, str]] = None,
    on_line: Optional[Callable[[str], None]] = None,
) -> Done:
    """Run a program and all that it starts, at most for so many seconds. A string is a command of the shell.

    With `on_line` output and errors are one, and each line is given to it at once.
    """
    try:
        process = subprocess.Popen(  # nosec B603
            ["/bin/sh", "-c", named(command)] if isinstance(command, str) else command,
            cwd=folder,
            env=dict(os.environ, **(more or {})),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT if on_line else subprocess.PIPE,
            start_new_session=True,  # so that what it starts can be ended with it
        )
    except OSError as error:
        name = command if isinstance(command, str) else command[0]
        raise AgentError(f"{name} cannot be run: {error.strerror or error}.") from None
    is_late = threading.Event()

    def end() -> None:
        is_late.set()
        end_group(process.pid)

    timer = threading.Timer(seconds, end)
    timer.start()
    try:
        if on_line:
            lines = []
            for line in process.stdout or ():
                lines.append(line)
                on_line(line.decode("utf-8", "backslashreplace").rstrip("\r\n"))
            output, errors = b"".join(lines), b""
        else:
            output, errors = process.communicate()
        process.wait()
    except BaseException:  # such as Ctrl-C: nothing goes on behind the back of the operator
        end_group(process.pid)
        process.wait()
        raise
    finally:
        timer.cancel()
    return Done(process.returncode, output, errors, is_late.is_set())


def end_group(pid: int) -> None:
    """End a program and all that it started."""
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
