"""What a run says, a line each: words for a person, or JSON objects for a log system."""

import copy
import json
import os
import sys
import threading
import time
from typing import Any, Dict


class Log:
    """Writes lines to the standard output, or to `out`, from any thread, whatever the locale is."""

    def __init__(self, as_json: bool = False, out: Any = None) -> None:
        self._as_json = as_json
        self._alone = threading.Lock()
        out = out or sys.stdout
        self._out = out.buffer if out else open(os.devnull, "wb")  # noqa: SIM115 -- None is one that was closed
        self._about: Dict[str, Any] = {}

    def about(self, **fields: Any) -> "Log":
        """The same log, each of whose lines says this too."""
        other = copy.copy(self)
        other._about = dict(self._about, **fields)
        return other

    def info(self, message: str, **fields: Any) -> None:
        """Something was done."""
        self._write("info", message, fields)

    def warning(self, message: str, **fields: Any) -> None:
        """Something is odd, and the run goes on."""
        self._write("warning", message, fields)

    def error(self, message: str, **fields: Any) -> None:
        """Something failed."""
        self._write("error", message, fields)

    def diff(self, diff: str) -> None:
        """How a file differs: many lines for a person, one object for a log system."""
        if self._as_json:
            self._write("info", "diff", {"diff": diff})
        else:
            self._print(diff)

    def _write(self, level: str, message: str, fields: Any) -> None:
        moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        fields = dict(self._about, **fields)
        if self._as_json:
            line = json.dumps(dict({"time": moment, "level": level, "message": message}, **fields))
        else:
            about = "".join(f" [{value}]" for value in fields.values())
            line = f"{moment} {level.upper():7}{about} {message}".replace("\n", "\n    ")  # what is ours begins a line
        self._print(line)

    def _print(self, line: str) -> None:
        with self._alone:
            # Under cron the locale is C, and Python 3.6 would refuse to print an umlaut.
            try:
                self._out.write((line + "\n").encode("utf-8", "backslashreplace"))
                self._out.flush()
            except OSError:  # a full disk, or nobody reads any more: that must not stop a deployment half-way
                os.dup2(os.open(os.devnull, os.O_WRONLY), self._out.fileno())
