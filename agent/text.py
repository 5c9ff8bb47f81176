"""Names and output as text: what comes from git, from make and from file systems need not be UTF-8."""

import os


def shown(name: str) -> str:
    """A file name as it can be printed and sent: bytes that are no UTF-8 stand as \\x.."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def tail(output: str, most: int = 4000) -> str:
    """The end of an output, which is where the error stands."""
    output = output.strip()
    return output if len(output) <= most else "…" + output[1 - most :]
