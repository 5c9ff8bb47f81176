"""Files that ask for a filter of git which this machine does not have, as before `git lfs install`.

Git says nothing then, and gives such a file as it keeps it: that is never called in sync.
"""

import os
from typing import Dict, List, Mapping, Optional

from agent.clone.git import Repository
from agent.programs import portions
from agent.text import listed


def filters(repository: Repository, env: Optional[Dict[str, str]] = None) -> Dict[str, str]:
    """The filter that each file of the index asks for, by path."""
    lines = repository.git("ls-files", "-s", "-z", "--", ":(exclude,attr:!filter)", env=env).split(b"\0")[:-1]
    names = [os.fsdecode(line.split(b"\t", 1)[1]) for line in lines if line.startswith(b"100")]
    found: Dict[str, str] = {}
    for some in portions(names):
        fields = repository.git("check-attr", "-z", "filter", "--", *some, env=env).split(b"\0")
        found.update(zip(map(os.fsdecode, fields[::3]), map(os.fsdecode, fields[2::3])))
    return {path: name for path, name in found.items() if name not in ("set", "unset")}


def missing(repository: Repository, asked: Mapping[str, str]) -> Dict[str, str]:
    """Those files whose filter nobody set up here."""
    known = repository.sections("filter") if asked else set()
    return {path: name for path, name in asked.items() if name not in known}


def raw(repository: Repository) -> Dict[str, str]:
    """Those files of a clone that stand there as git keeps them, each with the filter that is missing."""
    found = missing(repository, filters(repository))
    return {path: name for path, name in found.items() if os.path.lexists(os.path.join(repository.folder, path))}


def problems(raw: Mapping[str, str]) -> List[str]:
    """A sentence for each filter that is missing."""
    found = []
    for name in sorted(set(raw.values())):
        names = listed(sorted(path for path in raw if raw[path] == name))
        found.append(
            f"This machine has no filter {name}, so git leaves these as it keeps them: {names}. Set it up, as git lfs "
            "install and git-crypt unlock do, remove the files and git checkout them. Where they are right as they are "
            f"say so: git config filter.{name}.required false"
        )
    return found
