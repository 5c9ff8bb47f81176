"""What this machine is called on the board, where the config does not say.

By its full name, as two machines may share the short one. A name that it once reported under stays, so that neither an
update of the agent nor a name server that is away makes a second server of it.
"""

import functools
import os
import socket
from typing import List, NamedTuple


class Host(NamedTuple):
    """A name, and why it is this one."""

    name: str
    why: str


def host_of(group: str) -> Host:
    """The name of this machine, where `group` is the folder of the servers of its group that it reported about."""
    full, earlier = full_name(), _folders(group)
    short = full.split(".")[0]
    if short == full:
        longer = [name for name in earlier if name.startswith(short + ".")]
        if len(longer) == 1 and short not in earlier:
            return Host(longer[0], "as before, though the machine does not know its full name now (hostname -f)")
        return Host(full, "as the machine is called, which knows no full name (hostname -f)")
    if short in earlier:
        return Host(short, f'as it reported under its short name before; "host": "{full}" in the config changes that')
    return Host(full, f'the full name of the machine; "host": "{short}" in the config makes it the short one')


@functools.lru_cache(maxsize=None)
def full_name() -> str:
    """The name of this machine with its domain, where it has one, as `hostname -f` finds it; empty for `localhost`.

    Another name that was found for its address says nothing: in /etc/hosts that is often `localhost`.
    """
    name = socket.gethostname()
    if "." not in name:
        try:
            found = socket.getaddrinfo(name, None, flags=socket.AI_CANONNAME)
        except (OSError, UnicodeError):  # no name server knows it
            found = []
        canonical = found[0][3].rstrip(".") if found else ""
        if canonical.lower().startswith(name.lower() + "."):
            name = canonical
    return "" if name.split(".")[0].lower() in ("localhost", "localhost6") else name


def _folders(group: str) -> List[str]:
    try:
        return os.listdir(group)
    except OSError:  # nothing was reported yet
        return []
