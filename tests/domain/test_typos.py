"""A name that is nearly one of the two that make the verdict."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.freshness import Computed
from domain.server import FIELDS
from domain.typos import meant


@pytest.mark.parametrize(
    "name",
    ["stauts", "statsu", "tsatus", "tatus", "statu", "sttus", "status2", "sstatus", "stratus", "stotus", "Status",
     "STATUS", "sta_tus", "sta-tus", " status ", "_status_", "STAUTS", "state", "stats", "statuses"],
)  # fmt: skip
def test_status_is_meant(name: str) -> None:
    assert meant(name) == "status"


@pytest.mark.parametrize(
    "name",
    ["chnaged_files", "changed_file", "change_files", "changed_fiels", "changed_filess", "changedfiles", "changedFiles",
     "Changed-Files", "changed files", "CHANGED_FILES", "changed__files", "changef_files", "change_file", "changed_filles"],
)  # fmt: skip
def test_changed_files_is_meant(name: str) -> None:
    assert meant(name) == "changed_files"


@pytest.mark.parametrize(
    "name",
    ["", "_", "stale", "stage", "start", "tags", "files", "changed", "changes", "file", "static_files", "deployed_files",
     "drifted_files", "sync_status", "comit_sha", "hostname", "env", "message", "statistics", "\u017ft\u0101t\u016bs"],
)  # fmt: skip
def test_other_names_are_honest(name: str) -> None:
    assert meant(name) is None


def test_no_field_and_nothing_that_the_service_itself_answers_with_is_a_typo() -> None:
    names = {*FIELDS, *Computed.__annotations__, "observed", "agent", "notice"} - {"status", "changed_files"}
    assert [name for name in names if meant(name)] == []


@given(st.sampled_from(["status", "changed_files"]), st.integers(0, 2), st.randoms(use_true_random=False))
def test_whatever_one_or_two_slips_make_of_a_name_is_seen(field: str, slips: int, chance: random.Random) -> None:
    name = field.replace("_", "")
    for _ in range(slips):
        name = _slip(name, chance)
    assert meant(name) == field


def _slip(word: str, chance: random.Random) -> str:
    place, letter = chance.randrange(len(word)), chance.choice("abcdefgsutxyz")
    start, one, end = word[:place], word[place], word[place + 1 :]
    return chance.choice(
        [start + end, start + letter + end, start + letter + one + end, start + end[:1] + one + end[1:]]
    )


@given(st.text("status", min_size=9) | st.text("xyz"))
def test_what_is_further_off_is_not(name: str) -> None:
    assert meant(name) is None
