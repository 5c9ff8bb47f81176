"""The config file, checked whole before anything is done: each problem is a sentence."""

import json
import os
import re
import stat
from typing import Any, Dict, List, Optional

from agent.config import Check, Config, File, Target, make_target, state_dir
from agent.errors import ConfigError
from agent.host import Host, host_of
from agent.text import named

PLACES = ("gitops-config.json", "/etc/gitops-agent.json")  # the seed's name in this folder, then that of the machine
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,252}\Z")  # the service's rule for groups and hosts
REF = re.compile(r"(?![-/])(?!.*(\.\.|@\{|//))[^\s~^:?*\[\\\x00-\x1f\x7f]+(?<![/.])\Z")  # git's rule for names
NO_TEXT = re.compile("[\0\ud800-\udfff]")  # what no path, no environment and no report can hold
MOST = 1_000_000  # seconds, tries or services at once: more is a slip
ADDRESS = re.compile(r"https?://[^/\s@]+(/\S*)?\Z")  # without a password: logs name it
MINUTES = (1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30, 60, 120, 180, 240, 360, 480, 720, 1440)  # what cron can say evenly


def find() -> str:
    """Where the config is, if nobody says: the first of PLACES that is there. Raises ConfigError where none is."""
    for path in PLACES:
        if os.path.exists(path):
            return path
    raise ConfigError("There is no config, neither {} in this folder nor {}: name it by --config.".format(*PLACES))


def load(path: Optional[str] = None) -> Config:
    """The config at a path, else where `find` sees one. Raises ConfigError with a sentence a problem."""
    path = path or find()
    try:
        with open(path, encoding="utf-8") as file:
            about = os.fstat(file.fileno())
            members = json.load(file, object_pairs_hook=_members)
    except OSError as error:
        raise ConfigError(f"The config {path} cannot be read: {error.strerror or error}.") from None
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"The config {path} is no JSON: {error}.") from None
    if about.st_uid not in (0, os.geteuid()) or about.st_mode & stat.S_IWOTH:
        raise ConfigError(f"The config {path} can be changed by others, and names commands: chown and chmod it.")
    reader = _Reader()
    config = reader.config(members)
    if reader.problems:
        raise ConfigError("The config {} is wrong:\n{}".format(path, "\n".join("  " + one for one in reader.problems)))
    return config


def _members(pairs: List[Any]) -> Dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"{next(name for name in names if names.count(name) > 1)!r} stands there twice")
    return members


class _Reader:
    """Reads the members of a config, and notes each problem as a sentence, which begins with the prefix of a key."""

    def __init__(self) -> None:
        self.problems = []  # type: List[str]
        self._state_dir = ""

    def config(self, members: Any) -> Config:
        if not isinstance(members, dict):
            self.problems.append("It must be a JSON object.")
            members = {}
        else:
            members = dict(members)
        self._state_dir = self._path(members, "stateDir") or state_dir()
        return Config(
            status_url=self._url(members, "statusUrl", os.environ.get("STATUS_URL", "")),
            token_file=self._path(members, "tokenFile"),
            state_dir=self._state_dir,
            log=self._one_of(members, "log", ("text", "json"), "text"),
            deploy_every=self._one_of(members, "deployEvery", (0, *MINUTES), 5),
            check_every=self._one_of(members, "checkEvery", (0, *MINUTES), 15),
            targets=self._targets(members),
        )

    def _targets(self, members: Dict[str, Any]) -> List[Target]:
        """Those of `repositories`, or the one that stands in the config itself, as in the first versions."""
        if "repositories" not in members:
            return [self._target(members, "")]
        several = members.pop("repositories")
        self._refuse_rest(members, "")
        if not isinstance(several, list) or not several or not all(isinstance(one, dict) for one in several):
            self.problems.append("repositories must be a list of at least one object.")
            return []
        targets = [self._target(dict(one), f"repositories[{n}].") for n, one in enumerate(several)]
        names = [target.name for target in targets]
        for name in sorted({name for name in names if names.count(name) > 1}):
            self.problems.append(
                f"Two repositories are called {name} on the board, where one would hide the other: "
                "give them different serverGroup or host."
            )
        clones = [os.path.realpath(target.deployment_repo) for target in targets if target.deployment_repo]
        for clone in sorted({clone for clone in clones if clones.count(clone) > 1}):
            self.problems.append(
                f"Two repositories have the clone {clone}, and each would undo the other's checksums in it: "
                "give each a clone of its own."
            )
        return targets

    def _target(self, members: Dict[str, Any], prefix: str) -> Target:
        repo = self._path(members, "deploymentRepo", prefix)
        if not repo:
            self.problems.append(f"{prefix}deploymentRepo is required: the absolute path of the clone.")
        group = self._name(members, "serverGroup", prefix)
        host = self._host(members, prefix, group)
        target = Target(
            deployment_repo=repo,
            server_group=group,
            host=host.name,
            why_host=host.why,
            compose_file=self._relative(members, "composeFile", prefix, "compose.yml"),
            env_file=self._relative(members, "envFile", prefix, ".env"),
            services=self._services(members, prefix),
            server_type=self._text(members, "serverType", prefix),
            environment=self._text(members, "environment", prefix),
            project_name=self._text(members, "projectName", prefix),
            repo_name=self._text(members, "repoName", prefix),
            git_timeout=self._number(members, "gitTimeout", prefix, 120, 1),
            make_timeout=self._number(members, "makeTimeout", prefix, 1800, 1),
            parallel=int(self._number(members, "parallel", prefix, 1, 1)),
            before=self._list(members, "before", prefix, str),
            after=self._list(members, "after", prefix, str),
            checks_before=self._checks(members, "checksBefore", prefix),
            checks_after=self._checks(members, "checksAfter", prefix),
            rollback=self._is_true(members, "rollback", prefix),
            files=self._files(members, prefix),
            ref=self._ref(members, prefix),
            force_push=self._one_of(members, "forcePush", ("refuse", "follow"), "refuse", prefix),
            submodules=self._is_true(members, "submodules", prefix, True),
            watch=self._watch(members, prefix),
        )
        self._refuse_rest(members, prefix)
        return target

    def _ref(self, members: Dict[str, Any], prefix: str) -> str:
        value = self._text(members, "ref", prefix)
        if value and not REF.match(value):
            self.problems.append(f"{prefix}ref must be the name of a branch or tag, or a commit of 40 digits.")
        return named(value)

    def _services(self, members: Dict[str, Any], prefix: str) -> List[str]:
        services = self._list(members, "services", prefix, str)
        for name in services:
            if not _is_inside(name) or "/" in name or name in (".git", ".gitops_checksums.json"):
                self.problems.append(f"{prefix}services: {name!r} is no name of a folder in the repository.")
            elif not re.match(r"[A-Za-z0-9][A-Za-z0-9_.-]*\Z", name):
                self.problems.append(f"{prefix}services: {name!r} cannot stand in the name of a make target.")
        targets = [make_target(name) for name in services if name]
        if len(set(targets)) != len(targets):
            self.problems.append(f"{prefix}services: two of them have the same make target.")
        return services

    def _watch(self, members: Dict[str, Any], prefix: str) -> List[str]:
        watch = self._list(members, "watch", prefix, str)
        wrong = [path for path in watch if not _is_inside(path) or "." in path.split("/")]
        self.problems += [f"{prefix}watch: {path!r} is no path inside the repository." for path in wrong]
        return [named(path) for path in watch]

    def _checks(self, members: Dict[str, Any], key: str, prefix: str) -> List[Check]:
        checks = []
        for number, element in enumerate(self._list(members, key, prefix, dict)):
            inner, item = f"{prefix}{key}[{number}].", dict(element)
            check = Check(
                command=self._text(item, "command", inner),
                url=self._url(item, "url", "", inner),
                status=int(self._number(item, "status", inner, 200, 100)),
                retries=int(self._number(item, "retries", inner, 3, 0)),
                delay=self._number(item, "delay", inner, 5, 0),
                timeout=self._number(item, "timeout", inner, 30, 1),
            )
            if bool(check.command) == bool(check.url):
                self.problems.append("{} needs a command or a url, and not both.".format(inner.rstrip(".")))
            self._refuse_rest(item, inner)
            checks.append(check)
        return checks

    def _files(self, members: Dict[str, Any], prefix: str) -> List[File]:
        files = []
        for number, element in enumerate(self._list(members, "files", prefix, dict)):
            inner, item = f"{prefix}files[{number}].", dict(element)
            file = File(
                target=self._path(item, "target", inner),
                source=self._relative(item, "source", inner, ""),
                command=self._text(item, "command", inner),
                owner=self._text(item, "owner", inner),
                mode=self._text(item, "mode", inner),
                exact=self._is_true(item, "exact", inner),
            )
            if not file.target:
                self.problems.append(f"{inner}target is required: an absolute path.")
            if bool(file.source) == bool(file.command):
                self.problems.append("{} needs a source or a command, and not both.".format(inner.rstrip(".")))
            if file.command and file.target.endswith("/"):
                self.problems.append(f"{inner}target must be a file, as the command prints one.")
            if file.exact and not (file.source and file.target.endswith("/")):
                self.problems.append(f"{inner}exact needs a source, and as target a folder, which ends with a slash.")
            if file.mode and not re.match(r"[0-7]{3,4}\Z", file.mode):
                self.problems.append(f'{inner}mode must be octal digits such as "0644".')
            self._refuse_rest(item, inner)
            files.append(file)
        return files

    def _take(self, members: Dict[str, Any], key: str, default: Any) -> Any:
        value = members.pop(key, None)
        return default if value is None else value

    def _text(self, members: Dict[str, Any], key: str, prefix: str = "", default: str = "") -> str:
        value = self._take(members, key, default)
        if isinstance(value, str) and not NO_TEXT.search(value):
            return value
        self.problems.append(f"{prefix}{key} must be a text.")
        return default

    def _name(self, members: Dict[str, Any], key: str, prefix: str) -> str:
        value = self._text(members, key, prefix)
        if not NAME.match(value):
            self.problems.append(
                f"{prefix}{key} must be 1 to 253 of A-Z a-z 0-9 . _ : - and begin with a letter or digit."
                if value
                else "{}{} is required: the name of the {} on the board.".format(
                    prefix, key, "server" if key == "host" else "group of servers"
                )
            )
        return value

    def _host(self, members: Dict[str, Any], prefix: str, group: str) -> Host:
        if members.get("host") is not None:
            return Host(self._name(members, "host", prefix), "")
        members.pop("host", None)
        host = host_of(os.path.join(self._state_dir, "servers", group))
        if not NAME.match(host.name):
            called = f"this machine is called {host.name!r}" if host.name else "this machine has no name but localhost"
            self.problems.append(
                f"{prefix}host is required, as {called}: 1 to 253 of A-Z a-z 0-9 . _ : -, the first a letter or digit."
            )
        return host

    def _path(self, members: Dict[str, Any], key: str, prefix: str = "") -> str:
        value = self._text(members, key, prefix)
        if value and not os.path.isabs(value):
            self.problems.append(f"{prefix}{key} must be an absolute path, as cron runs in another folder.")
        return named(value)

    def _relative(self, members: Dict[str, Any], key: str, prefix: str, default: str) -> str:
        value = self._text(members, key, prefix, default)
        if value != default and not _is_inside(value):
            self.problems.append(f"{prefix}{key} must be a path inside the repository.")
        return named(value)

    def _url(self, members: Dict[str, Any], key: str, default: str, prefix: str = "") -> str:
        value = self._text(members, key, prefix, default).rstrip("/")
        if value and not ADDRESS.match(value):
            self.problems.append(f"{prefix}{key} must begin with http:// or https:// and hold no password.")
        return value

    def _number(self, members: Dict[str, Any], key: str, prefix: str, default: float, least: float) -> float:
        value = self._take(members, key, default)
        if isinstance(value, (int, float)) and not isinstance(value, bool) and least <= value <= MOST:
            return value
        self.problems.append(f"{prefix}{key} must be a number from {least} to {MOST}.")
        return default

    def _is_true(self, members: Dict[str, Any], key: str, prefix: str, default: bool = False) -> bool:
        value = self._take(members, key, default)
        if not isinstance(value, bool):
            self.problems.append(f"{prefix}{key} must be true or false.")
        return bool(value)

    def _one_of(self, members: Dict[str, Any], key: str, allowed: Any, default: Any, prefix: str = "") -> Any:
        value = self._take(members, key, default)
        if value in allowed and not isinstance(value, bool):
            return value
        self.problems.append(prefix + "{} must be one of {}.".format(key, ", ".join(map(str, allowed))))
        return default

    def _list(self, members: Dict[str, Any], key: str, prefix: str, kind: type) -> List[Any]:
        value = self._take(members, key, [])
        if isinstance(value, list) and all(isinstance(one, kind) and one for one in value):
            return value
        of_what = "texts, none of them empty" if kind is str else "objects, none of them empty"
        self.problems.append(f"{prefix}{key} must be a list of {of_what}.")
        return []

    def _refuse_rest(self, members: Dict[str, Any], prefix: str) -> None:
        for key in sorted(members):
            self.problems.append(f"{prefix}{key} is not known: see docs/AGENT.md for the names.")


def _is_inside(path: str) -> bool:
    """Whether a relative path stays inside its folder."""
    parts = path.split("/")
    return bool(path) and not os.path.isabs(path) and ".." not in parts and "" not in parts[:-1] and set(parts) != {"."}
