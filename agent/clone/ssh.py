"""The operator's own ssh, asked to ask nothing, where it is OpenSSH."""

import os
import re
import shlex
from typing import Callable, Dict, List, Tuple

COMPLEX = re.compile(r"[;|&<>()`#\n]")  # in a command of the shell, of which nobody knows what stands at its end


def quiet(setting: Callable[[str], str]) -> Tuple[List[str], Dict[str, str]]:
    """Options and environment for git; `setting` gives what git's config says."""
    from_environment = os.environ.get("GIT_SSH_COMMAND")
    command = from_environment or setting("core.sshCommand") or shlex.quote(os.environ.get("GIT_SSH") or "ssh")
    variant = os.environ.get("GIT_SSH_VARIANT") or setting("ssh.variant") or "auto"
    try:
        is_plain = os.path.basename(shlex.split(command)[0]) == "ssh" and not COMPLEX.search(command)
    except ValueError:  # a quote without its other end
        is_plain = False
    if not is_plain or variant not in ("auto", "ssh"):
        return [], {}
    command += " -o BatchMode=yes"
    return ([], {"GIT_SSH_COMMAND": command}) if from_environment else (["-c", f"core.sshCommand={command}"], {})
