"""The law of the house (docs/ARCHITECTURE.md), read from the code itself."""

import ast
import contextlib
import functools
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.process.service import ROOT

# Who may import whom among our own; a folder is a ring.
ALLOWED = {
    "domain": {"domain"},
    "config": {"domain"},
    "storage": {"domain", "storage"},
    "operations": {"domain", "storage"},
    "access": {"domain", "storage"},
    "transfer": {"domain", "storage"},
    "cli": {"access", "domain", "transfer"},
    "web": {"access", "config", "domain", "operations", "storage", "web"},
    "legacy": {"config", "domain", "operations", "storage", "web"},
    "app": {"access", "cli", "config", "domain", "legacy", "storage", "transfer", "web"},
    "gunicorn.conf": {"config", "web"},
    "agent": {"agent"},
}
PURE_IMPORTS = {"collections", "dataclasses", "datetime", "functools", "itertools", "json", "math", "re", "typing"} | {
    "orjson", "pydantic", "pydantic_core", "typing_extensions",
}  # fmt: skip
IMPURE_CALLS = {"open", "print", "input", "now", "today", "utcnow", "getenv"}
OPENING = {"open_store", "open_tokens", "site_of"}
WIRING = {"Settings", "open_store", "open_tokens", "create_app", "JsonFileStore", "TokenFile", "from_environment"}


def ring(path: Path) -> str:
    parts = path.relative_to(ROOT).parts
    return parts[0] if len(parts) > 1 else path.stem


def sources() -> list[Path]:
    """Every Python file of the service and of the agent."""
    files = [
        *ROOT.glob("*.py"),
        *(path for ring in ("agent", "domain", "storage", "web") for path in (ROOT / ring).rglob("*.py")),
    ]
    assert len(files) > 15
    return sorted(files)


FILES = pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(ROOT)))


@functools.cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


def imported(module: ast.AST) -> Iterator[str]:
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            yield from (name.name.split(".")[0] for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports name the whole path"
            yield (node.module or "").split(".")[0]


def called(node: ast.AST) -> Iterator[str]:
    for call in ast.walk(node):
        if isinstance(call, ast.Call):
            function = call.func
            yield function.id if isinstance(function, ast.Name) else getattr(function, "attr", "")


@FILES
def test_imports_go_one_way(path: Path) -> None:
    ours = set(imported(tree(path))) & ALLOWED.keys()
    assert ours <= ALLOWED[ring(path)], ours - ALLOWED[ring(path)]


@FILES
def test_the_store_is_known_by_its_contract_alone(path: Path) -> None:
    """Only app.py chooses an implementation."""
    names = {
        name.name
        for node in ast.walk(tree(path))
        if isinstance(node, ast.ImportFrom) and node.module == "storage"
        for name in node.names
    }
    contract = {"Store", "Records", "Changes", "Decision", "Span", "TokenStore", "Site", "file_id"}
    assert names <= (contract | OPENING if path.name == "app.py" else contract)


@FILES
def test_nothing_is_imported_inside_a_function(path: Path) -> None:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name not in OPENING:
            assert not list(imported(node)), node.name


def test_only_its_own_folder_needs_the_driver_of_the_database() -> None:
    """And only the functions that open or find a store import that folder, when it is wanted."""
    needing = {path for path in sources() if {"psycopg"} & set(imported(tree(path)))}
    assert needing
    assert needing <= set((ROOT / "storage/postgres").glob("*.py"))
    outside = [path for path in sources() if path.parent != ROOT / "storage/postgres"]
    naming = [path for path in outside if "storage.postgres" in path.read_text("utf-8")]
    assert naming == [ROOT / "storage/__init__.py"]
    inside = [node for node in ast.walk(tree(naming[0])) if isinstance(node, ast.FunctionDef)]
    assert {node.name for node in inside if list(imported(node))} == OPENING


@pytest.mark.parametrize("path", sorted((ROOT / "agent").rglob("*.py")), ids=lambda path: path.name)
def test_the_agent_needs_the_standard_library_only(path: Path) -> None:
    assert set(imported(tree(path))) <= sys.stdlib_module_names | {"agent"}


def test_every_file_can_be_the_first_that_is_imported() -> None:
    """As there is no circle: whichever is first, those that it needs are whole before it goes on."""
    modules = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path for path in sources()
    }
    needed = {module: set(needs(path, modules)) for module, path in modules.items()}
    assert needed["app"] >= {"access", "storage", "domain.errors", "web.about"}
    with contextlib.suppress(StopIteration):
        while needed:
            module = next(module for module, needs in needed.items() if not needs & needed.keys())
            del needed[module]
    assert not needed, "in a circle, or behind one"


def needs(path: Path, modules: Mapping[str, Path]) -> Iterator[str]:
    """The modules of ours that one imports when it is imported itself."""
    for node in tree(path).body:
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names if name.name in modules)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = {f"{node.module}.{name.name}" for name in node.names}
            yield from names & modules.keys()
            if node.module in modules and not names <= modules.keys():
                yield node.module


@pytest.mark.parametrize("path", sorted((ROOT / "domain").rglob("*.py")), ids=lambda path: path.name)
def test_the_domain_is_pure(path: Path) -> None:
    module = tree(path)
    assert set(imported(module)) <= PURE_IMPORTS | {"domain"}
    assert not set(called(module)) & IMPURE_CALLS
    assert "environ" not in path.read_text("utf-8").replace("environment", "")


@FILES
def test_no_file_keeps_a_store_settings_or_a_clock_of_its_own(path: Path) -> None:
    if path.name == "gunicorn.conf.py":  # a module of settings, by gunicorn's rules
        return
    statements = [node for node in tree(path).body if not isinstance(node, ast.FunctionDef | ast.ClassDef)]
    for statement in statements:
        assert not set(called(statement)) & WIRING


def python_files() -> dict[str, str]:
    """The text of every Python file of the repository, by its name."""
    listed = subprocess.run(["git", "ls-files", "*.py"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return {name: (ROOT / name).read_text("utf-8") for name in listed.split()}


def test_files_stay_under_300_lines() -> None:
    long = {name: count for name, text in python_files().items() if (count := len(text.splitlines())) >= 300}
    assert not long


def test_no_test_imports_another() -> None:
    files = {name: text for name, text in python_files().items() if name.startswith("tests/")}
    assert len(files) > 100
    assert not [name for name, text in files.items() if re.search(r"^from tests\.(\w+\.)*test_", text, re.MULTILINE)]


def test_no_test_asserts_how_long_something_takes() -> None:
    """A machine may be busy. What is to be quick is a ratio in bench/; what must end is let go only after it has ended."""
    stopwatch = re.compile(
        r"(monotonic|perf_counter|process_time)(_ns)?\(\) ?-|\btime\(\) - [a-z]|performance\.now\(\) ?-"
        r"|assert .*\b(took|elapsed|taken)\b.* < |mark\.timeout\(\d\d?\)"
    )
    assert stopwatch.search("assert time.monotonic() - began < 2")
    files = {name: text for name, text in python_files().items() if name.startswith("tests/")}
    assert not [name for name, text in files.items() if name != "tests/test_law.py" and stopwatch.search(text)]


@FILES
def test_whatever_is_public_says_what_it_gives(path: Path) -> None:
    module = tree(path)
    assert ast.get_docstring(module)
    for node in module.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            assert ast.get_docstring(node), node.name


@pytest.mark.parametrize("template", sorted((ROOT / "web/templates").glob("*")), ids=lambda path: path.name)
def test_templates_escape_everything_and_load_nothing_from_elsewhere(template: Path) -> None:
    text = template.read_text("utf-8")
    assert not re.search(r"\|\s*safe\b|autoescape|Markup", text)
    assert not re.search(r'(?:src|href)="(?:https?:)?//', text)
    assert not re.search(
        r"<script(?! type=\"module\" src=\"{{)|<style|\bstyle=|\bon\w+=", text
    )  # the policy forbids it
