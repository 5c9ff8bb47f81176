"""A body of any noun becomes its model, or names every field that is wrong."""

from typing import Annotated, NotRequired

import pytest
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError, with_config
from typing_extensions import TypedDict

from domain.checked import checked, read_object, stored_problems
from domain.errors import Invalid
from domain.texts import Name, Text


@with_config(ConfigDict(extra="forbid"))
class Part(TypedDict):
    """What some noun's body holds."""

    host: Name
    note: NotRequired[Text]
    tags: NotRequired[list[Text]]
    count: NotRequired[Annotated[int, Field(le=9)]]


PART = TypeAdapter(Part)
SENTENCES = {"count": "must be a whole number up to 9", "extra_forbidden": "is no field of a part"}


def test_what_fits_is_handed_on() -> None:
    assert checked(PART, read_object(b'{"host":"a","count":9}'), SENTENCES) == {"host": "a", "count": 9}


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        (b"{}", {"host": "is required"}),
        (b'{"host":3,"count":"x"}', {"host": "must be a string", "count": "must be a whole number up to 9"}),
        (b'{"host":"a","count":10,"kind":1}', {"count": SENTENCES["count"], "kind": "is no field of a part"}),
        (b'{"host":"-"}', {"host": "must be 1 to 253 of A-Z a-z 0-9 . _ : -, the first a letter or digit"}),
        (b'{"host":"a","tags":["b",3]}', {"tags": "entry 1 must be a string"}),
        (b'{"host":"a","note":"\\u0007"}', {"note": "holds a control character; only tabs and line ends are fine"}),
    ],
)
def test_every_field_that_is_wrong_is_named_in_our_words(body: bytes, fields: dict[str, str]) -> None:
    with pytest.raises(Invalid) as raised:
        checked(PART, read_object(body), SENTENCES)
    assert raised.value.fields == fields
    assert str(raised.value) == "; ".join(f"{name} {sentence}" for name, sentence in fields.items()) + "."


def test_a_field_that_is_missing_is_required_whatever_its_own_sentence_says() -> None:
    with pytest.raises(Invalid) as raised:
        checked(PART, {}, {"host": "must be a host"})
    assert raised.value.fields == {"host": "is required"}


@pytest.mark.parametrize("body", [b"[]", b"3", b"null"])
def test_a_body_that_is_no_object_is_refused_in_words(body: bytes) -> None:
    with pytest.raises(Invalid, match=r"^The body must be one JSON object\.$"):
        read_object(body)


def test_of_a_stored_value_the_place_is_named() -> None:
    with pytest.raises(ValidationError) as raised:
        PART.validate_python({"host": "a", "tags": ["b", 3]})
    assert list(stored_problems(raised.value)) == [("tags.1", "Input should be a valid string")]
