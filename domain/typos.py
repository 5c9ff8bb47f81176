"""A mistyped name of a field that makes the verdict: ignored, it would turn a server green (API.md, section 2)."""

MOST_OFF = 2  # letters

_MAKE_THE_VERDICT = {name.replace("_", ""): name for name in ("status", "changed_files")}
_SEPARATORS = str.maketrans("", "", "_- ")


def meant(name: str) -> str | None:
    """Which of `status` and `changed_files` a name that is no field is one or two letters off, whatever its case and
    separators; None if neither."""
    plain = name.lower().translate(_SEPARATORS)
    for field, written in _MAKE_THE_VERDICT.items():
        if abs(len(plain) - len(field)) <= MOST_OFF and _one_off(plain, field) & _one_off(field, plain):
            return written
    return None


def _one_off(word: str, other: str) -> set[str]:
    """The word, and what it becomes by one letter dropped, swapped with the next, changed, or inserted. Two words are
    two letters off if they meet here; letters that are in neither need not be tried."""
    letters, places = {*word, *other}, range(len(word) + 1)
    parts = [(word[:place], word[place:]) for place in places]
    dropped = {start + end[1:] for start, end in parts}
    swapped = {start + end[1::-1] + end[2:] for start, end in parts if len(end) > 1}
    changed = {start + letter + end[1:] for start, end in parts if end for letter in letters}
    inserted = {start + letter + end for start, end in parts for letter in letters}
    return {word} | dropped | swapped | changed | inserted
