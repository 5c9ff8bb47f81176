"""Names and output as text."""

import os

import pytest

from agent.text import cut, plain, shown, without_passwords


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


def test_of_a_long_text_a_quarter_of_the_start_and_the_end_are_kept() -> None:
    assert cut("abcdefghi", 8) == "a…defghi"
    assert cut("abcdefgh", 8) == "abcdefgh"
    assert cut("a" * 1023 + "x" * 5000 + "z" * 3072, 4096) == "a" * 1023 + "…" + "z" * 3072
