"""Which files a `source` means, and where they belong."""

import fnmatch
import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.clone.globs import destination, fitting

PATHS = [
    "a",
    "a.conf",
    "d/a.conf",
    "d/b.conf",
    "d/.x.conf",
    "d/e/a.conf",
    "d/e/f/a.conf",
    "ä",
    "a\nb",
    "-r",
    "[x]",
    "a b",
]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("a.conf", ["a.conf"]),
        ("d/a.conf", ["d/a.conf"]),
        ("d", []),
        ("d/", []),
        ("*.conf", ["a.conf"]),
        ("d/*.conf", ["d/a.conf", "d/b.conf", "d/.x.conf"]),
        ("d/*", ["d/a.conf", "d/b.conf", "d/.x.conf"]),
        ("*/*.conf", ["d/a.conf", "d/b.conf", "d/.x.conf"]),
        ("d/**", ["d/a.conf", "d/b.conf", "d/.x.conf", "d/e/a.conf", "d/e/f/a.conf"]),
        ("d/**/a.conf", ["d/a.conf", "d/e/a.conf", "d/e/f/a.conf"]),
        ("**/a.conf", ["a.conf", "d/a.conf", "d/e/a.conf", "d/e/f/a.conf"]),
        ("**/e/**/*.conf", ["d/e/a.conf", "d/e/f/a.conf"]),
        ("**", PATHS),
        ("**/**", PATHS),
        ("a**", ["a", "a.conf", "a\nb", "a b"]),
        ("?", ["a", "ä"]),
        ("a?b", ["a\nb", "a b"]),
        ("d/[ab].conf", ["d/a.conf", "d/b.conf"]),
        ("d/[!b].conf", ["d/a.conf"]),
        ("d/[a-b].conf", ["d/a.conf", "d/b.conf"]),
        ("d/[b-a].conf", []),
        ("d[/]a.conf", []),
        ("d[!x]a.conf", []),
        ("d[+-9]a.conf", []),
        ("[[]x]", ["[x]"]),
        ("[x]", []),
        ("[x", []),
        ("-?", ["-r"]),
        ("a.con", []),
        ("a+", []),
    ],
)
def test_a_source_means_these_files(source: str, expected: list[str]) -> None:
    assert fitting(source, PATHS) == expected


@pytest.mark.parametrize(
    ("source", "target", "path", "expected"),
    [
        ("etc/rsyslog.conf", "/etc/rsyslog.conf", "etc/rsyslog.conf", "/etc/rsyslog.conf"),
        ("etc/rsyslog.conf", "/etc/", "etc/rsyslog.conf", "/etc/rsyslog.conf"),
        ("etc/rsyslog.d/*.conf", "/etc/rsyslog.d/", "etc/rsyslog.d/a.conf", "/etc/rsyslog.d/a.conf"),
        ("etc/**", "/etc/", "etc/nginx/conf.d/a.conf", "/etc/nginx/conf.d/a.conf"),
        ("roles/*/files/*.conf", "/x/", "roles/web/files/a.conf", "/x/web/files/a.conf"),
        ("**/a.conf", "/x/", "d/e/a.conf", "/x/d/e/a.conf"),
        ("*", "/x/", "-r", "/x/-r"),
    ],
)
def test_a_file_belongs_below_its_target(source: str, target: str, path: str, expected: str) -> None:
    assert destination(source, target, path) == expected


def test_whatever_fits_stays_below_the_target() -> None:
    for path in PATHS:
        assert destination("**", "/x/", path) == f"/x/{path}"


@given(st.text("ab[]!-^\\.*?+/", max_size=8), st.text("ab[]!-^\\.+", min_size=1, max_size=6))
def test_any_glob_is_understood_and_fits_as_in_a_shell(glob: str, name: str) -> None:
    """Within a name, that is as fnmatch has it."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = fitting(glob, [name])
    if "/" not in glob and "**" not in glob:
        assert bool(found) == fnmatch.fnmatchcase(name, glob)
