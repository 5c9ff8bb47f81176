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
    for place in PLACES:
        if os.path.exists(place):
            return place
    raise ConfigError("There is no config, neither {} in this folder nor {}: name it by --config.".format(*PLACES))


def load(path: Optional[str] = None) -> Config:
    """The config at a path, else where `find` sees one. Raises ConfigError with a sentence a problem."""
    path = path or find()
    try:
        with open(path, encoding="utf-8") as file:
            about = os.fstat(file.fileno())
            given = json.load(file, object_pairs_hook=_members)
    except OSError as error:
        raise ConfigError(f"The config {path} cannot be read: {error.strerror or error}.") from None
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"The config {path} is no JSON: {error}.") from None
    if about.st_uid not in (0, os.geteuid()) or about.st_mode & stat.S_IWOTH:
        raise ConfigError(f"The config {path} can be changed by others, and names commands: chown and chmod it.")
    reader = _Reader()
    config = reader.config(given)
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
    """Reads what was given, and notes each problem as a sentence."""

    def __init__(self) -> None:
        self.problems = []  # type: List[str]
        self._state_dir = ""

    def config(self, given: Any) -> Config:
        if not isinstance(given, dict):
            self.problems.append("It must be a JSON object.")
            given = {}
        else:
            given = dict(given)
        self._state_dir = self._path(given, "stateDir") or state_dir()
        return Config(
            status_url=self._url(given, "statusUrl", os.environ.get("STATUS_URL", "")),
            token_file=self._path(given, "tokenFile"),
            state_dir=self._state_dir,
            log=self._one_of(given, "log", ("text", "json"), "text"),
            deploy_every=self._one_of(given, "deployEvery", (0, *MINUTES), 5),
            check_every=self._one_of(given, "checkEvery", (0, *MINUTES), 15),
            targets=self._targets(given),
        )

    def _targets(self, given: Dict[str, Any]) -> List[Target]:
        """Those of `repositories`, or the one that stands in the config itself, as in the first versions."""
        if "repositories" not in given:
            return [self._target(given, "")]
        several = given.pop("repositories")
        self._refuse_rest(given, "")
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

    def _target(self, given: Dict[str, Any], where: str) -> Target:
        repo = self._path(given, "deploymentRepo", where)
        if not repo:
            self.problems.append(f"{where}deploymentRepo is required: the absolute path of the clone.")
        group = self._name(given, "serverGroup", where)
        host = self._host(given, where, group)
        target = Target(
            deployment_repo=repo,
            server_group=group,
            host=host.name,
            why_host=host.why,
            compose_file=self._relative(given, "composeFile", where, "compose.yml"),
            env_file=self._relative(given, "envFile", where, ".env"),
            services=self._services(given, where),
            server_type=self._text(given, "serverType", where),
            environment=self._text(given, "environment", where),
            project_name=self._text(given, "projectName", where),
            repo_name=self._text(given, "repoName", where),
            git_timeout=self._number(given, "gitTimeout", where, 120, 1),
            make_timeout=self._number(given, "makeTimeout", where, 1800, 1),
            parallel=int(self._number(given, "parallel", where, 1, 1)),
            before=self._list(given, "before", where, str),
            after=self._list(given, "after", where, str),
            checks_before=self._checks(given, "checksBefore", where),
            checks_after=self._checks(given, "checksAfter", where),
            rollback=self._is_true(given, "rollback", where),
            files=self._files(given, where),
            ref=self._ref(given, where),
            force_push=self._one_of(given, "forcePush", ("refuse", "follow"), "refuse", where),
            submodules=self._is_true(given, "submodules", where, True),
            watch=self._watch(given, where),
        )
        self._refuse_rest(given, where)
        return target

    def _ref(self, given: Dict[str, Any], where: str) -> str:
        value = self._text(given, "ref", where)
        if value and not REF.match(value):
            self.problems.append(f"{where}ref must be the name of a branch or tag, or a commit of 40 digits.")
        return named(value)

    def _services(self, given: Dict[str, Any], where: str) -> List[str]:
        services = self._list(given, "services", where, str)
        for name in services:
            if not _is_inside(name) or "/" in name or name in (".git", ".gitops_checksums.json"):
                self.problems.append(f"{where}services: {name!r} is no name of a folder in the repository.")
            elif not re.match(r"[A-Za-z0-9][A-Za-z0-9_.-]*\Z", name):
                self.problems.append(f"{where}services: {name!r} cannot stand in the name of a make target.")
        targets = [make_target(name) for name in services if name]
        if len(set(targets)) != len(targets):
            self.problems.append(f"{where}services: two of them have the same make target.")
        return services

    def _watch(self, given: Dict[str, Any], where: str) -> List[str]:
        watch = self._list(given, "watch", where, str)
        wrong = [path for path in watch if not _is_inside(path) or "." in path.split("/")]
        self.problems += [f"{where}watch: {path!r} is no path inside the repository." for path in wrong]
        return [named(path) for path in watch]

    def _checks(self, given: Dict[str, Any], key: str, where: str) -> List[Check]:
        checks = []
        for number, members in enumerate(self._list(given, key, where, dict)):
            place, one = f"{where}{key}[{number}].", dict(members)
            check = Check(
                command=self._text(one, "command", place),
                url=self._url(one, "url", "", place),
                status=int(self._number(one, "status", place, 200, 100)),
                retries=int(self._number(one, "retries", place, 3, 0)),
                delay=self._number(one, "delay", place, 5, 0),
                timeout=self._number(one, "timeout", place, 30, 1),
            )
            if bool(check.command) == bool(check.url):
                self.problems.append("{} needs a command or a url, and not both.".format(place.rstrip(".")))
            self._refuse_rest(one, place)
            checks.append(check)
        return checks

    def _files(self, given: Dict[str, Any], where: str) -> List[File]:
        files = []
        for number, members in enumerate(self._list(given, "files", where, dict)):
            place, one = f"{where}files[{number}].", dict(members)
            file = File(
                target=self._path(one, "target", place),
                source=self._relative(one, "source", place, ""),
                command=self._text(one, "command", place),
                owner=self._text(one, "owner", place),
                mode=self._text(one, "mode", place),
                exact=self._is_true(one, "exact", place),
            )
            if not file.target:
                self.problems.append(f"{place}target is required: an absolute path.")
            if bool(file.source) == bool(file.command):
                self.problems.append("{} needs a source or a command, and not both.".format(place.rstrip(".")))
            if file.command and file.target.endswith("/"):
                self.problems.append(f"{place}target must be a file, as the command prints one.")
            if file.exact and not (file.source and file.target.endswith("/")):
                self.problems.append(f"{place}exact needs a source, and as target a folder, which ends with a slash.")
            if file.mode and not re.match(r"[0-7]{3,4}\Z", file.mode):
                self.problems.append(f'{place}mode must be octal digits such as "0644".')
            self._refuse_rest(one, place)
            files.append(file)
        return files

    def _take(self, given: Dict[str, Any], key: str, default: Any) -> Any:
        value = given.pop(key, None)
        return default if value is None else value

    def _text(self, given: Dict[str, Any], key: str, where: str = "", default: str = "") -> str:
        value = self._take(given, key, default)
        if isinstance(value, str) and not NO_TEXT.search(value):
            return value
        self.problems.append(f"{where}{key} must be a text.")
        return default

    def _name(self, given: Dict[str, Any], key: str, where: str) -> str:
        value = self._text(given, key, where)
        if not NAME.match(value):
            self.problems.append(
                f"{where}{key} must be 1 to 253 of A-Z a-z 0-9 . _ : - and begin with a letter or digit."
                if value
                else "{}{} is required: the name of the {} on the board.".format(
                    where, key, "server" if key == "host" else "group of servers"
                )
            )
        return value

    def _host(self, given: Dict[str, Any], where: str, group: str) -> Host:
        if given.get("host") is not None:
            return Host(self._name(given, "host", where), "")
        given.pop("host", None)
        host = host_of(os.path.join(self._state_dir, "servers", group))
        if not NAME.match(host.name):
            known = f"this machine is called {host.name!r}" if host.name else "this machine has no name but localhost"
            self.problems.append(
                f"{where}host is required, as {known}: 1 to 253 of A-Z a-z 0-9 . _ : -, the first a letter or digit."
            )
        return host

    def _path(self, given: Dict[str, Any], key: str, where: str = "") -> str:
        value = self._text(given, key, where)
        if value and not os.path.isabs(value):
            self.problems.append(f"{where}{key} must be an absolute path, as cron runs in another folder.")
        return named(value)

    def _relative(self, given: Dict[str, Any], key: str, where: str, default: str) -> str:
        value = self._text(given, key, where, default)
        if value != default and not _is_inside(value):
            self.problems.append(f"{where}{key} must be a path inside the repository.")
        return named(value)

    def _url(self, given: Dict[str, Any], key: str, default: str, where: str = "") -> str:
        value = self._text(given, key, where, default).rstrip("/")
        if value and not ADDRESS.match(value):
            self.problems.append(f"{where}{key} must begin with http:// or https:// and hold no password.")
        return value

    def _number(self, given: Dict[str, Any], key: str, where: str, default: float, least: float) -> float:
        value = self._take(given, key, default)
        if isinstance(value, (int, float)) and not isinstance(value, bool) and least <= value <= MOST:
            return value
        self.problems.append(f"{where}{key} must be a number from {least} to {MOST}.")
        return default

    def _is_true(self, given: Dict[str, Any], key: str, where: str, default: bool = False) -> bool:
        value = self._take(given, key, default)
        if not isinstance(value, bool):
            self.problems.append(f"{where}{key} must be true or false.")
        return bool(value)

    def _one_of(self, given: Dict[str, Any], key: str, allowed: Any, default: Any, where: str = "") -> Any:
        value = self._take(given, key, default)
        if value in allowed and not isinstance(value, bool):
            return value
        self.problems.append(where + "{} must be one of {}.".format(key, ", ".join(map(str, allowed))))
        return default

    def _list(self, given: Dict[str, Any], key: str, where: str, kind: type) -> List[Any]:
        value = self._take(given, key, [])
        if isinstance(value, list) and all(isinstance(one, kind) and one for one in value):
            return value
        of_what = "texts, none of them empty" if kind is str else "objects, none of them empty"
        self.problems.append(f"{where}{key} must be a list of {of_what}.")
        return []

    def _refuse_rest(self, given: Dict[str, Any], where: str) -> None:
        for key in sorted(given):
            self.problems.append(f"{where}{key} is not known: see docs/AGENT.md for the names.")


def _is_inside(path: str) -> bool:
    """Whether a relative path stays inside its folder."""
    parts = path.split("/")
    return bool(path) and not os.path.isabs(path) and ".." not in parts and "" not in parts[:-1] and set(parts) != {"."}
