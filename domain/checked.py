"""A value -> what a model says it is, or every field that is wrong, in words (API.md, section 7)."""

from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from domain.errors import Invalid
from domain.strict_json import MAX_SHOWN, parse_json
from domain.texts import NAME_PATTERN, TEXT_PATTERN, URL_PATTERN

Shape = TypeVar("Shape")

# By what pydantic calls the error, or by the pattern that does not fit.
_SENTENCES = {
    "missing": "is required",
    "string_type": "must be a string",
    "string_too_long": "holds at most {max_length:,} characters",
    "literal_error": "must be one of {expected}",
    "list_type": "must be a list of strings",
    NAME_PATTERN: "must be 1 to 253 of A-Z a-z 0-9 . _ : -, the first a letter or digit",
    TEXT_PATTERN: "holds a control character; only tabs and line ends are fine",
    URL_PATTERN: "must be an http or https address",
}


def read_object(body: bytes) -> dict[str, Any]:
    """The JSON object of a body. Raises Invalid."""
    value = parse_json(body)
    if not isinstance(value, dict):
        raise Invalid("The body must be one JSON object.")
    return value


def checked(model: TypeAdapter[Shape], value: Mapping[str, Any], sentences: Mapping[str, str]) -> Shape:
    """The value as the model has it. Raises Invalid naming every bad field; `sentences` are those of `bad_fields`."""
    try:
        return model.validate_python(value)
    except ValidationError as error:
        fields = dict(bad_fields(error, sentences))
    raise Invalid("; ".join(f"{name[:MAX_SHOWN]} {sentence}" for name, sentence in fields.items()) + ".", fields)


def bad_fields(error: ValidationError, sentences: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Each bad field with what is wrong, in our words: an operator reads them, not a Python programmer.

    `sentences` adds to ours and goes before them: by what pydantic calls the error, by a pattern, or by the name of a
    field, then of all that can be wrong about it but that it is missing or is none.
    """
    known = {**_SENTENCES, **sentences}
    for problem in error.errors(include_url=False, include_input=False):
        field, *entry = map(str, problem["loc"])
        kind, context = problem["type"], problem.get("ctx", {})
        if field in sentences and kind not in ("missing", "extra_forbidden"):
            yield field, sentences[field]
            continue
        sentence = known.get(context.get("pattern", kind), problem["msg"]).format(**context)
        yield field, f"entry {entry[0]} {sentence}" if entry else sentence


def stored_problems(error: ValidationError) -> Iterator[tuple[str, str]]:
    """Each place in a stored value that is wrong, `scopes.0`, with what pydantic says of it: for whoever wrote it by
    hand."""
    for problem in error.errors(include_url=False, include_input=False):
        yield ".".join(map(str, problem["loc"])), problem["msg"]
