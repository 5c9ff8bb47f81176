"""A request body -> a Report, or Invalid with every problem (API.md, sections 2 and 7)."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, NotRequired

import orjson
from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError, with_config
from pydantic_core import PydanticCustomError

# pydantic reads the TypedDict of typing itself only from Python 3.12 on.
from typing_extensions import TypedDict

from domain.errors import Invalid
from domain.history import Source
from domain.server import (
    DESCRIPTIVE,
    FIELDS,
    MAX_FILE_NAME,
    MAX_FILES,
    NAME_PATTERN,
    Name,
    Status,
    Validation,
    server_key,
)

MAX_REPORTS = 1_000
MAX_DEPTH = 64
MAX_MESSAGE = 4_096
MAX_TEXT = 1_024
MAX_IGNORED = 100

_KNOWN = frozenset(FIELDS)


# Written out, so that every dialect of regular expressions reads it alike: no control character but tab, LF and CR.
_CONTROL = r"\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f"
_TEXT_PATTERN = rf"^[^{_CONTROL}]*$"
_CONTROL_CHARACTERS = re.compile(f"[{_CONTROL}]")
_URL_PATTERN = r"^(https?://[^\s\x00-\x20\x7f-\x9f]+)?$"


def printable(text: str) -> str:
    """The text with each control character but tab, LF and CR replaced: a coloured log, or a strange file name, is no
    reason to lose a report."""
    return _CONTROL_CHARACTERS.sub("\ufffd", text)


def cut(message: str) -> str:
    """A message of at most 4,096 characters: a pipeline never fails for a long log."""
    return message if len(message) <= MAX_MESSAGE else message[: MAX_MESSAGE - 1] + "…"


def without_doubles(files: Iterable[str]) -> list[str]:
    """The same names in the same order, each once."""
    return list(dict.fromkeys(files))


def _few_files(files: list[str]) -> list[str]:
    files = without_doubles(files)
    if len(files) > MAX_FILES:
        raise PydanticCustomError("too_many_files", "holds at most 1,000 names")
    return files


def whole(number: Any) -> Any:
    """A number as it is meant: JSON has one kind of number: 300.0 is 300."""
    return int(number) if isinstance(number, float) and number.is_integer() else number


Text = Annotated[str, Field(max_length=MAX_TEXT, pattern=_TEXT_PATTERN)]
Message = Annotated[str, AfterValidator(cut), AfterValidator(printable)]
Url = Annotated[str, Field(max_length=MAX_TEXT, pattern=_URL_PATTERN, description="An http or https address.")]
FileName = Annotated[str, Field(max_length=MAX_FILE_NAME), AfterValidator(printable)]
Files = Annotated[
    list[FileName], AfterValidator(_few_files), Field(description="At most 1,000 names; doubles are dropped.")
]
Seconds = Annotated[int, Field(strict=True, ge=1, le=31_536_000), BeforeValidator(whole)]


class _AnyReport(TypedDict):
    server_group: Name
    host: Name
    project_name: NotRequired[Text | None]
    repo_name: NotRequired[Text | None]
    server_type: NotRequired[Text | None]
    environment: NotRequired[Text | None]
    changed_files: NotRequired[Files | None]


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
    check_interval: NotRequired[Annotated[Seconds | None, Field(description="Seconds between two checks.")]]


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
    """One POST about one server: the fields that it writes, and those that it writes only on creation."""

    source: Source
    server_group: str
    host: str
    fields: Mapping[str, Any]
    on_creation: Mapping[str, Any]

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


def parse_json(body: bytes) -> Any:
    """The value of a strict JSON text (RFC 8259). Raises Invalid.

    orjson refuses what is not UTF-8, NaN and lone surrogates, but lets a key stand twice; only that is looked
    for in a second pass.
    """
    if not body.strip():
        raise Invalid("The body is empty; send one JSON object.")
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Invalid(f"The body is not strict JSON in UTF-8: {error}.") from None
    if body.count(b"{") + body.count(b"[") > MAX_DEPTH and _is_deeper(value, MAX_DEPTH):
        raise Invalid(f"The body nests deeper than {MAX_DEPTH} levels.")
    _SECOND_PASS.decode(body.decode())
    return value


def read_reports(source: Literal["pipeline", "cron"], body: bytes) -> Reports:
    """The reports of a body: one JSON object, or an array of 1 to 1,000. Raises Invalid naming every bad field."""
    value = parse_json(body)
    is_array = isinstance(value, list)
    elements = value if is_array else [value]
    if not 1 <= len(elements) <= MAX_REPORTS:
        raise Invalid(f"An array holds 1 to {MAX_REPORTS:,} reports; this one holds {len(elements):,}.")
    read = _read_pipeline if source == "pipeline" else _read_cron
    reports, ignored, problems = [], dict[str, None](), dict[str, str]()
    for index, element in enumerate(elements):
        if not isinstance(element, dict):
            if not is_array:
                raise Invalid("A report is one JSON object, or an array of them.")
            problems[str(index)] = "must be an object"
            continue
        ignored.update(dict.fromkeys(name for name in element if name not in _KNOWN))
        try:
            reports.append(read({name: given for name, given in element.items() if given is not None}))
        except ValidationError as error:
            prefix = f"{index}." if is_array else ""
            problems.update({prefix + field: sentence for field, sentence in _sentences(error)})
    if problems:
        raise Invalid(_headline(problems), problems)
    if len(ignored) > MAX_IGNORED:
        raise Invalid(
            f"The body has {len(ignored):,} names that are no fields of a record; {MAX_IGNORED} are let pass."
        )
    return Reports(reports, is_array, list(ignored))


def _read_pipeline(element: dict[str, Any]) -> Report:
    given = _PIPELINE.validate_python(element)
    return Report("pipeline", given["server_group"], given["host"], {**RUN_DEFAULTS, **given}, {})


def _read_cron(element: dict[str, Any]) -> Report:
    given = _CRON.validate_python(element)
    status = given.get("status") or ("out_of_sync" if given.get("changed_files") else "synced")
    fields: dict[str, Any] = {"status": status}
    if "changed_files" in given or status == "synced":
        fields["changed_files"] = given.get("changed_files", [])
    if "check_interval" in given:
        fields["check_interval"] = given["check_interval"]
    described = {name: text for name, text in given.items() if name in DESCRIPTIVE}
    return Report("cron", given["server_group"], given["host"], fields, {**described, "updated_by": "cron"})


def _is_deeper(value: Any, levels: int) -> bool:
    if isinstance(value, dict):
        return not levels or any(_is_deeper(inner, levels - 1) for inner in value.values())
    if isinstance(value, list):
        return not levels or any(_is_deeper(inner, levels - 1) for inner in value)
    return False


def _refuse_doubles(pairs: list[tuple[str, Any]]) -> None:
    names = [name for name, _ in pairs]
    if len(set(names)) != len(names):
        double = next(name for name in names if names.count(name) > 1)
        raise Invalid(f"The name {double[:80]!r} stands twice in one object of the body.")


_SECOND_PASS = json.JSONDecoder(object_pairs_hook=_refuse_doubles, parse_int=str)


def _headline(problems: Mapping[str, str]) -> str:
    field, sentence = next(iter(problems.items()))
    more = f" ({len(problems) - 1} more in fields)" if len(problems) > 1 else ""
    return f"{field} {sentence}{more}."


_SENTENCES = {
    "missing": "is required",
    "string_type": "must be a string",
    "string_too_long": "holds at most {max_length:,} characters",
    "literal_error": "must be one of {expected}",
    "list_type": "must be a list of strings",
    "int_type": "must be a whole number of seconds",
    "greater_than_equal": "must be from 1 to 31,536,000 seconds",
    "less_than_equal": "must be from 1 to 31,536,000 seconds",
}
_PATTERN_SENTENCES = {
    NAME_PATTERN: "must be 1 to 253 of A-Z a-z 0-9 . _ : -, the first a letter or digit",
    _TEXT_PATTERN: "holds a control character; only tabs and line ends are fine",
    _URL_PATTERN: "must be an http or https address",
}


def _sentences(error: ValidationError) -> Iterable[tuple[str, str]]:
    """Each bad field with what is wrong, in our words: an operator reads them, not a Python programmer."""
    for problem in error.errors(include_url=False, include_input=False):
        field, *entry = problem["loc"]
        context = problem.get("ctx", {})
        if problem["type"] == "string_pattern_mismatch":
            sentence = _PATTERN_SENTENCES[context["pattern"]]
        else:
            sentence = _SENTENCES.get(problem["type"], problem["msg"]).format(**context)
        yield str(field), f"entry {entry[0]} {sentence}" if entry else sentence
