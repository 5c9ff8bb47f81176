"""The documents: every link leads somewhere, and lines are short enough to be compared."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("findings/*.md")]
CODE = [
    ROOT / name for name in ("agent", "bench", "deploy", "domain", "operations", "stores", "tests", "web", "workers")
]
EACH = pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)


def prose(path: Path) -> list[str]:
    """The lines of a document outside its blocks of code."""
    return re.sub(r"^```.*?^```$", "", path.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL).split("\n")


def anchors(path: Path) -> set[str]:
    """Where a link into a document can lead: its headings, as the forges name them."""
    headings = [line.lstrip("#").strip() for line in prose(path) if re.match("#+ ", line)]
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@EACH
def test_every_link_leads_to_a_file_and_a_heading(path: Path) -> None:
    text = re.sub("`[^`]*`", "", "\n".join(prose(path)))
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        name, _, anchor = link.partition("#")
        if "://" not in link:
            target = (path.parent / name).resolve() if name else path
            assert target.exists(), link
            assert not anchor or anchor in anchors(target), link


@pytest.mark.parametrize(
    "path", [path for path in DOCUMENTS if path.name != "CHANGELOG.md"], ids=lambda path: path.name
)
def test_lines_have_at_most_120_characters_but_those_of_tables_and_code(path: Path) -> None:
    assert [line for line in prose(path) if len(line) > 120 and not line.startswith(("|", "    "))] == []


@EACH
def test_every_file_of_code_that_is_named_is_there(path: Path) -> None:
    names = set(re.findall(r"`((?:[\w-]+/)*[\w-]+\.(?:py|js|css))`", path.read_text("utf-8")))
    files = [
        f"/{file.relative_to(ROOT)}"
        for folder in (ROOT, *CODE)
        for file in folder.glob("*.*" if folder == ROOT else "**/*.*")
    ]
    if path.name != "CHANGELOG.md":  # which tells of files that were
        assert {name for name in names if not any(file.endswith(f"/{name}") for file in files)} == set()
