"""What a token allows, and which glob covers which."""

import itertools
from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import Forbidden
from domain.tokens import Rights


def rights(*groups: str, scopes: tuple[str, ...] = ("read",)) -> Rights:
    return Rights("0123", "ci", frozenset(scopes), groups)


GLOBS = st.text("ab*?", max_size=5)
# No name needs to be longer than both globs together to tell them apart.
NAMES = ["".join(letters) for length in range(7) for letters in itertools.product("abc", repeat=length)]


@given(GLOBS, st.sampled_from(NAMES))
def test_a_glob_means_the_names_that_a_shell_would_let_it_mean(glob: str, name: str) -> None:
    assert rights(glob).may_in(name) == fnmatchcase(name, glob)


@given(GLOBS, GLOBS)
def test_a_glob_that_is_covered_means_no_other_name(wide: str, narrow: str) -> None:
    if rights(wide).may_in(narrow):
        assert all(fnmatchcase(name, wide) for name in NAMES if fnmatchcase(name, narrow))


@pytest.mark.parametrize(
    ("wide", "narrow", "covers"),
    [("*", "*", True), ("*", "?", True), ("?", "?", True), ("?", "*", False), ("a?", "a*", False), ("a*", "a?b*", True),
     ("a.c", "abc", False), ("*a", "b*a", True), ("*a", "a*", False), ("a", "A", False)],
)  # fmt: skip
def test_a_glob_covers_only_what_it_surely_covers(wide: str, narrow: str, covers: bool) -> None:
    assert rights(wide).may_in(narrow) is covers


def test_no_glob_takes_long() -> None:
    """Where a star may be tried at a second place, this is tried in more ways than a computer can count."""
    assert not rights("*a" * 126).may_in("a" * 125 + "b" * 100_000)


def test_admin_holds_every_scope_and_no_other_does() -> None:
    assert all(rights(scopes=("admin",)).may(scope) for scope in ("read", "pipeline", "cron", "admin"))
    assert [scope for scope in ("read", "pipeline", "cron", "admin") if rights(scopes=("cron",)).may(scope)] == ["cron"]


def test_narrowed_rights_keep_what_is_not_named() -> None:
    wide = rights("web", "db-*", scopes=("read", "cron"))
    assert wide.narrowed({}) == wide
    assert wide.narrowed({"scopes": ["cron"]}) == rights("web", "db-*", scopes=("cron",))
    assert wide.narrowed({"groups": ["db-1"]}) == rights("db-1", scopes=("read", "cron"))
    with pytest.raises(Forbidden, match="'db'"):
        wide.narrowed({"groups": ["web", "db"]})
