"""Texts as a record keeps them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.texts import MAX_MESSAGE, cut, printable


@given(st.text())
def test_a_text_is_made_printable_and_is_else_as_it_was(text: str) -> None:
    shown = printable(text)
    assert len(shown) == len(text)
    for before, after in zip(text, shown, strict=True):
        is_control = (ord(before) < 32 and before not in "\t\n\r") or 127 <= ord(before) < 160
        assert after == ("\ufffd" if is_control else before)
    assert printable(shown) == shown


@pytest.mark.parametrize("length", [0, 1, MAX_MESSAGE - 1, MAX_MESSAGE])
def test_a_message_that_fits_is_kept(length: int) -> None:
    assert cut("ä" * length) == "ä" * length


@pytest.mark.parametrize("length", [MAX_MESSAGE + 1, 100_000])
def test_of_a_message_that_is_too_long_start_and_end_are_kept(length: int) -> None:
    message = "ä" * 1_023 + "x" * (length - 4_095) + "ö" * 3_072
    assert cut(message) == "ä" * 1_023 + "…" + "ö" * 3_072
    assert len(cut(message)) == MAX_MESSAGE
