"""Names and output as text."""

import os

import pytest

from agent.text import plain, shown, tail, without_passwords


@pytest.mark.parametrize(
    ("output", "text"),
    [
        ("\x1b[1;31mred\x1b[0m", "red"),
        ("\x1b]8;;http://x\x07link\x1b]8;;\x1b\\", "link"),
        ("10%\r50%\r100%\r\nnext", "100%\nnext"),
        ("bell\x07 tab\t", "bell\ufffd tab\t"),
    ],
)
def test_output_becomes_plain(output: str, text: str) -> None:
    assert plain(output) == text


@pytest.mark.parametrize(
    ("message", "safe"),
    [
        ("fatal: 'https://ada:secret@host/x' failed", "fatal: 'https://***@host/x' failed"),
        ("https://token@host and ssh://git:p@ss@host", "https://***@host and ssh://***@host"),
        ("https://host/a@b", "https://host/a@b"),
        ("git@host:x", "git@host:x"),
    ],
)
def test_no_address_shows_its_password(message: str, safe: str) -> None:
    assert without_passwords(message) == safe


def test_any_name_can_be_shown() -> None:
    assert shown(os.fsdecode(b"a\nb\xff\x1b \xc3\xbc")) == "a\\nb\\xff\\x1b ü"


def test_the_end_of_an_output_is_what_counts() -> None:
    assert tail(" abcdef\n", 4) == "…def"
    assert tail(" abc\n", 4) == "abc"
