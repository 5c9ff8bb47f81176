"""The server record and its vocabulary (API.md, section 1)."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, NotRequired, cast, get_args

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError, with_config

# pydantic reads the TypedDict of typing itself only from Python 3.12 on.
from typing_extensions import TypedDict

from domain.checked import stored_problems
from domain.filters import choices
from domain.texts import Name, Time

Status = Literal["synced", "out_of_sync", "failed", "unknown"]
Validation = Literal["passed", "failed", "skipped", "unknown"]

STATUSES: tuple[Status, ...] = get_args(Status)
STATUS_CODES: Mapping[Status, int] = {status: code for code, status in enumerate(STATUSES)}

MAX_FILES = 1_000
MAX_FILE_NAME = 4_096
MAX_REVISION = 2**53 - 1  # the largest whole number that every reader of JSON holds exactly


Revision = Annotated[int, Field(ge=0, le=MAX_REVISION)]


class Record(TypedDict):
    """What is known of one server, in the order in which it is shown. A null time means never."""

    project_name: str
    repo_name: str
    server_group: Name
    server_type: Annotated[str, Field(description="Free text: rsyslog, nginx, splunk, ibm-itnm, …")]
    environment: str
    host: Name
    status: Annotated[Status, Field(description="The newest verdict, whichever kind of report it came from.")]
    changed_files: Annotated[list[str], Field(description="What the last report named.")]
    validation_status: Validation
    validation_message: str
    commit_sha: str
    branch: str
    updated_by: str
    last_pipeline_run: Time | None
    last_cron_check: Time | None
    timestamp: Annotated[Time, Field(description="The last report of any kind.")]
    first_seen: Time
    status_since: Annotated[Time, Field(description="When `status` took its present value.")]
    pipeline_status: Annotated[Status | None, Field(description="What the last pipeline report said.")]
    drift_status: Annotated[Status | None, Field(description="What the last cron report said.")]
    pipeline_url: str
    commit_message: str
    check_interval: Annotated[int | None, Field(description="Seconds between two drift checks.")]


class LegacyPost(TypedDict, total=False):
    """What a v1 client posted, as far as it was well-formed, so that it reads back what it wrote."""

    drift_count: int
    deployed_files: list[str]
    drifted_files: list[str]


class Sighting(TypedDict):
    """That an installation of the agent reported about a server, and when it last did."""

    agent: str
    source: str  # of which kind the report was
    seen: Time


@with_config(ConfigDict(extra="allow"))
class Server(Record):
    """A record as it is stored: beside what is shown, what the service remembers for itself.

    Fields of a later version are kept, so that a step back loses nothing.
    """

    revision: Revision  # of the last report: tells which of two is newer within a second
    legacy_revision: Revision  # of the last report through the old dialect, 0 for never
    legacy: NotRequired[LegacyPost]
    agents: NotRequired[list[Sighting]]  # of a short time, the last one at the end
    take_turns: NotRequired[bool]  # whether they do, as only machines that share a name would


Servers = Mapping[str, Server]  # by key

FIELDS: tuple[str, ...] = tuple(Record.__annotations__)
CHOICES = choices(Record)
DESCRIPTIVE = ("project_name", "repo_name", "server_type", "environment")

# Every field of a server that nobody reported anything about; its names and times are added by `new_server`.
_BLANK: Mapping[str, Any] = {
    **dict.fromkeys(FIELDS, ""),
    "server_type": "unknown",
    "environment": "unknown",
    "status": "unknown",
    "changed_files": [],
    "validation_status": "unknown",
    "updated_by": "pipeline",
    "last_pipeline_run": None,
    "last_cron_check": None,
    "pipeline_status": None,
    "drift_status": None,
    "check_interval": None,
    "revision": 0,
    "legacy_revision": 0,
}
_STORED = TypeAdapter(Server)


def is_revision(value: object) -> bool:
    """Whether a value may be a revision, of whatever keeps one."""
    return type(value) is int and 0 <= value <= MAX_REVISION


def server_key(server_group: str, host: str) -> str:
    """The key of a server: `group/host`."""
    return f"{server_group}/{host}"


def group_of(key: str) -> str:
    """The group that a key names."""
    return key.partition("/")[0]


def new_server(server_group: str, host: str, now: str) -> Server:
    """A server seen for the first time at `now`, with every default."""
    times = dict.fromkeys(("timestamp", "first_seen", "status_since"), now)
    return cast(Server, {**_BLANK, "server_group": server_group, "host": host, **times})


def restore_servers(stored: dict[str, Any]) -> dict[str, Server]:
    """Records as they stand in a file, by key. Takes them out of `stored` one by one, so that a large fleet is not held
    twice. Raises ValueError as `restored` does."""
    return {key: restored(key, stored.pop(key)) for key in list(stored)}


def restored(key: str, record: Any) -> Server:
    """A record as it stands in a file, completed with the defaults of the fields that it lacks.

    Raises ValueError with a sentence that names it where it is none.
    """
    try:
        server = _STORED.validate_python(completed(record))
    except ValidationError as error:
        place, message = next(stored_problems(error))
        raise ValueError(f"the record {key!r} is wrong at {place or 'its top'}: {message}") from None
    if key != server_key(server["server_group"], server["host"]):
        raise ValueError(f"the record {key!r} holds the names of another server")
    return server


def completed(record: Any) -> Any:
    """A stored record with the defaults of the fields that it lacks; what is no object is left as it is."""
    if not isinstance(record, dict):
        return record
    since = record.get("timestamp")
    return {**_BLANK, "first_seen": since, "status_since": since, **record}
