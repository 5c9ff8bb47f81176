"""A request body -> a Report, or Invalid with every problem (API.md, sections 2 and 7)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, NotRequired

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
    WithJsonSchema,
    with_config,
)
from pydantic_core import PydanticCustomError

# pydantic reads the TypedDict of typing itself only from Python 3.12 on.
from typing_extensions import TypedDict

from domain.checked import bad_fields
from domain.errors import Invalid
from domain.history import Source
from domain.server import DESCRIPTIVE, FIELDS, MAX_FILE_NAME, MAX_FILES, Status, Validation, server_key
from domain.strict_json import MAX_SHOWN, parse_json, whole
from domain.texts import Message, Name, Text, Url, printable
from domain.times import NO_EPOCH, WHEN_FORMS, read_when, time_text
from domain.typos import meant

MAX_REPORTS = 1_000
MAX_IGNORED = 100

_KNOWN = frozenset((*FIELDS, "observed", "agent"))
_AGENT_PATTERN = r"^[A-Za-z0-9._:-]{1,64}$"


def without_doubles(files: Iterable[str]) -> list[str]:
    """The same names in the same order, each once."""
    return list(dict.fromkeys(files))


def _few_files(files: list[str]) -> list[str]:
    files = without_doubles(files)
    if len(files) > MAX_FILES:
        raise PydanticCustomError("too_many_files", "holds at most 1,000 names")
    return files


def _time(given: object, info: ValidationInfo[dict[str, int]]) -> str:
    seconds = read_when(given, info.context["now"])
    if seconds is None:
        raise PydanticCustomError(
            "no_time",
            "must be an RFC 3339 time, epoch seconds or milliseconds, or a length back from now such as 15m",
        )
    return time_text(int(seconds))


FileName = Annotated[str, Field(max_length=MAX_FILE_NAME), AfterValidator(printable)]
Files = Annotated[
    list[FileName], AfterValidator(_few_files), Field(description="At most 1,000 names; doubles are dropped.")
]
Seconds = Annotated[int, Field(strict=True, ge=0, le=31_536_000), BeforeValidator(whole)]
_TIMES = {
    "anyOf": [
        {"type": "string", "anyOf": WHEN_FORMS},
        {"type": "number", "minimum": 0, "exclusiveMaximum": NO_EPOCH},
    ],
    "description": "When the report was made: an RFC 3339 time (no zone means UTC), epoch seconds or milliseconds, or "
    "a length back from now (`45s`, `15m`, `24h`, `7d`). Now, if it is left out or later.",
}
Agent = Annotated[
    str, Field(pattern=_AGENT_PATTERN, description="A name of the installation that reports about its own server.")
]
Observed = Annotated[str, PlainValidator(_time), WithJsonSchema(_TIMES)]


class _AnyReport(TypedDict):
    server_group: Name
    host: Name
    project_name: NotRequired[Text | None]
    repo_name: NotRequired[Text | None]
    server_type: NotRequired[Text | None]
    environment: NotRequired[Text | None]
    changed_files: NotRequired[Files | None]
    observed: NotRequired[Observed | None]
    agent: NotRequired[Agent | None]


@with_config(ConfigDict(extra="ignore"))
class PipelineReport(_AnyReport):
    """A deployment ran. What is left out of the fields about the run takes its default; null counts as left out."""

    status: Status
    validation_status: NotRequired[Validation | None]
    validation_message: NotRequired[Message | None]
    commit_sha: NotRequired[Text | None]
    branch: NotRequired[Text | None]
    updated_by: NotRequired[Text | None]
    pipeline_url: NotRequired[Url | None]
    commit_message: NotRequired[Message | None]


@with_config(ConfigDict(extra="ignore"))
class CronReport(_AnyReport):
    """A drift check ran. The descriptive fields are read only where it creates the server; null counts as left out."""

    status: NotRequired[Status | None]
    check_interval: NotRequired[
        Annotated[Seconds | None, Field(description="Seconds between two checks; 0 takes back what was sent.")]
    ]


RUN_DEFAULTS: Mapping[str, Any] = {
    "changed_files": [],
    "validation_status": "unknown",
    "validation_message": "",
    "commit_sha": "",
    "branch": "",
    "updated_by": "pipeline",
    "pipeline_url": "",
    "commit_message": "",
}

_PIPELINE: TypeAdapter[PipelineReport] = TypeAdapter(PipelineReport)
_CRON: TypeAdapter[CronReport] = TypeAdapter(CronReport)


@dataclass(frozen=True, slots=True)
class Report:
    """One POST about one server: the fields that it writes, those that it writes only on creation, and when it says
    that it was made, which may be ahead of now, and the installation of the agent that made it."""

    source: Source
    server_group: str
    host: str
    fields: Mapping[str, Any]
    on_creation: Mapping[str, Any]
    observed: str | None = None
    agent: str | None = None

    @property
    def key(self) -> str:
        """The key of the server that it is about."""
        return server_key(self.server_group, self.host)


@dataclass(frozen=True, slots=True)
class Reports:
    """What one request reports: in order, whether it came as an array, and the names that are no fields."""

    reports: list[Report]
    is_array: bool
    ignored: list[str]


def read_reports(source: Literal["pipeline", "cron"], body: bytes, now: int) -> Reports:
    """The reports of a body: one JSON object, or an array of 1 to 1,000. Raises Invalid naming every bad field.

    A length back from now counts from `now`, in epoch seconds.
    """
    value = parse_json(body, MAX_REPORTS)
    is_array = isinstance(value, list)
    elements = value if is_array else [value]
    if not elements:
        raise Invalid("The array is empty; send 1 to 1,000 reports.")
    read = _read_pipeline if source == "pipeline" else _read_cron
    reports, problems = [], dict[str, str]()
    ignored = dict[str, str | None]()  # each name that is no field, with the one that it seems to mean
    for index, element in enumerate(elements):
        if not isinstance(element, dict):
            if not is_array:
                raise Invalid("A report is one JSON object, or an array of them.")
            problems[str(index)] = "must be an object"
            continue
        prefix = f"{index}." if is_array else ""
        problems.update({prefix + name: sentence for name, sentence in _mistyped(element, ignored)})
        try:
            reports.append(read({name: given for name, given in element.items() if given is not None}, now))
        except ValidationError as error:
            problems.update({prefix + field: sentence for field, sentence in bad_fields(error, _SENTENCES)})
    if problems:
        raise Invalid(_headline(problems), problems)
    if len(ignored) > MAX_IGNORED:
        raise Invalid(
            f"The body has {len(ignored):,} names that are no fields of a record; {MAX_IGNORED} are let pass."
        )
    return Reports(reports, is_array, list(ignored))


def _mistyped(element: Mapping[str, Any], ignored: dict[str, str | None]) -> Iterable[tuple[str, str]]:
    """Note the names that are no fields; give those that seem to mean one that makes the verdict, with a sentence."""
    for name in element:
        if name in _KNOWN:
            continue
        if name not in ignored:
            ignored[name] = meant(name) if len(ignored) < MAX_IGNORED else None
        if field := ignored[name]:
            yield name[:MAX_SHOWN], f"is no field; {field} is meant"


def _read_pipeline(element: dict[str, Any], now: int) -> Report:
    given = _PIPELINE.validate_python(element, context={"now": now})
    observed, agent = given.pop("observed", None), given.pop("agent", None)
    return Report("pipeline", given["server_group"], given["host"], {**RUN_DEFAULTS, **given}, {}, observed, agent)


def _read_cron(element: dict[str, Any], now: int) -> Report:
    given = _CRON.validate_python(element, context={"now": now})
    status = given.get("status") or ("out_of_sync" if given.get("changed_files") else "synced")
    fields: dict[str, Any] = {"status": status}
    if "changed_files" in given or status == "synced":
        fields["changed_files"] = given.get("changed_files", [])
    if "check_interval" in given:
        fields["check_interval"] = given["check_interval"] or None
    on_creation = {name: text for name, text in given.items() if name in DESCRIPTIVE} | {"updated_by": "cron"}
    made = given.get("observed"), given.get("agent")
    return Report("cron", given["server_group"], given["host"], fields, on_creation, *made)


def _headline(problems: Mapping[str, str]) -> str:
    field, sentence = next(iter(problems.items()))
    more = f" ({len(problems) - 1} more in fields)" if len(problems) > 1 else ""
    return f"{field} {sentence}{more}."


_SENTENCES = {
    "int_type": "must be a whole number of seconds",
    "greater_than_equal": "must be from 1 to 31,536,000 seconds, or 0 to take back what was sent",
    "less_than_equal": "must be from 1 to 31,536,000 seconds, or 0 to take back what was sent",
    _AGENT_PATTERN: "must be 1 to 64 of A-Z a-z 0-9 . _ : -",
}
