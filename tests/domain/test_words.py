"""Numbers, lengths and lists as a person reads them."""

from domain.words import length_text, one_of, plural


def test_numbers_and_lengths_read_as_words() -> None:
    assert [plural(number, "file") for number in (0, 1, 2, 1_000)] == ["0 files", "1 file", "2 files", "1,000 files"]
    lengths = [length_text(seconds) for seconds in (1, 90, 300, 7_200, 86_400, 172_800)]
    assert lengths == ["1 second", "90 seconds", "5 minutes", "2 hours", "1 day", "2 days"]


def test_a_choice_is_named_word_by_word() -> None:
    assert one_of(("a", "b", "c")) == "a, b or c"
