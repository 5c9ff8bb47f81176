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
    "storage": {"domain"},
    "stores": {"domain", "storage", "stores"},
    "operations": {"domain", "operations", "storage"},
    "cli": {"domain", "operations"},
    "web": {"config", "domain", "operations", "storage", "web"},
    "legacy": {"config", "domain", "operations", "storage", "web"},
    "workers": {"domain", "operations", "storage", "workers"},
    "workers.__main__": {"config", "domain", "stores", "web", "workers"},  # of web the look of a log line
    "app": {"cli", "config", "domain", "legacy", "operations", "storage", "stores", "web"},
    "gunicorn.conf": {"config", "web", "workers"},
    "agent": {"agent"},
}
PURE_IMPORTS = {"collections", "dataclasses", "datetime", "functools", "itertools", "json", "math", "re", "typing"} | {
    "orjson", "pydantic", "pydantic_core", "typing_extensions",
}  # fmt: skip
GROUND = {"checked", "errors", "filters", "strict_json", "texts", "times", "words"}
IMPURE_CALLS = {"open", "print", "input", "now", "today", "utcnow", "getenv"}
TYPES_FOR_WEB = {"storage.Part", "storage.Records", "storage.Store"}
OPENING = {"open_leadership", "open_store", "open_tokens", "site_of"}
COMMANDS = {"compact_store", "verify_store", "write_dump"}
WIRING = {"Settings", "open_store", "open_tokens", "create_app", "JsonFileStore", "TokenFile", "from_environment"}


MAINS = {"app.py": {*OPENING, *COMMANDS}, "workers/__main__.py": {"open_leadership", "open_store", "site_of"}}


def ring(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    whole = ".".join(parts)
    return whole if whole in ALLOWED else parts[0]


def sources() -> list[Path]:
    """Every Python file of the service and of the agent."""
    files = [
        *ROOT.glob("*.py"),
        *(
            path
            for ring in ("agent", "domain", "operations", "stores", "web", "workers")
            for path in (ROOT / ring).rglob("*.py")
        ),
    ]
    assert len(files) > 15
    return sorted(files)


FILES = pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(ROOT)))


@functools.cache
def tree(path: Path) -> ast.Module:
    """What a file does when it is imported: not what storage.py does as a command."""
    module = ast.parse(path.read_text("utf-8"))
    module.body = [node for node in module.body if "__main__" not in ast.dump(node) or not isinstance(node, ast.If)]
    return module


def paths(module: ast.AST) -> Iterator[str]:
    """What is imported, by its whole path, as far as an import tells modules from names in them."""
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports name the whole path"
            yield from (f"{node.module}.{name.name}" for name in node.names)


def imported(module: ast.AST) -> set[str]:
    return {path.split(".")[0] for path in paths(module)}


def called(node: ast.AST) -> Iterator[str]:
    for call in ast.walk(node):
        if isinstance(call, ast.Call):
            function = call.func
            yield function.id if isinstance(function, ast.Name) else getattr(function, "attr", "")


@FILES
def test_imports_go_one_way(path: Path) -> None:
    ours = imported(tree(path)) & ALLOWED.keys()
    assert ours <= ALLOWED[ring(path)], ours - ALLOWED[ring(path)]


@FILES
def test_a_store_is_opened_by_its_package_and_an_implementation_is_named_by_none_outside(path: Path) -> None:
    """Only the mains open one; all else knows storage.py, the contract."""
    named = {name for name in paths(tree(path)) if name.split(".")[0] == "stores"}
    if ring(path) != "stores":
        assert named <= {f"stores.{name}" for name in MAINS.get(str(path.relative_to(ROOT)), ())}


def test_what_web_shows_to_programs_and_to_people_know_the_plumbing_and_not_each_other() -> None:
    for room, others in (("base", ("web.api", "web.pages")), ("api", ("web.pages",)), ("pages", ("web.api",))):
        files = list((ROOT / "web" / room).glob("*.py"))
        assert files
        assert not [(path.name, name) for path in files for name in paths(tree(path)) if name.startswith(others)]


def test_web_asks_operations_and_hands_the_store_on_only() -> None:
    files = [ROOT / "legacy.py", *(ROOT / "web").rglob("*.py")]
    assert len(files) > 20
    for path in files:
        asked = [node.attr for node in ast.walk(tree(path)) if isinstance(node, ast.Attribute) and is_store(node.value)]
        assert not asked, (path.name, asked)
        assert {name for name in paths(tree(path)) if name.startswith("storage")} <= TYPES_FOR_WEB, path.name


def is_store(node: ast.expr) -> bool:
    return isinstance(node, ast.Name | ast.Attribute) and ast.unparse(node).split(".")[-1].strip("_") == "store"


@pytest.mark.parametrize(
    "name", ["agent", "domain", "operations", "stores", "web", "web/api", "web/base", "web/pages", "workers"]
)
def test_the_law_is_posted_where_a_ring_begins(name: str) -> None:
    assert "<-" in (ast.get_docstring(tree(ROOT / name / "__init__.py")) or "")


@FILES
def test_nothing_is_imported_inside_a_function(path: Path) -> None:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name not in OPENING:
            assert not imported(node), node.name


def test_only_its_own_folder_needs_the_driver_of_the_database() -> None:
    """And only the functions that open or find a store import that folder, when it is wanted."""
    needing = {path for path in sources() if "psycopg" in imported(tree(path))}
    assert needing
    assert needing <= set((ROOT / "stores/postgres").glob("*.py"))
    outside = [path for path in sources() if path.parent != ROOT / "stores/postgres"]
    naming = [path for path in outside if "stores.postgres" in path.read_text("utf-8")]
    assert naming == [ROOT / "stores/__init__.py"]
    inside = [node for node in ast.walk(tree(naming[0])) if isinstance(node, ast.FunctionDef)]
    assert {node.name for node in inside if imported(node)} == OPENING


@pytest.mark.parametrize("path", sorted((ROOT / "agent").rglob("*.py")), ids=lambda path: path.name)
def test_the_agent_needs_the_standard_library_only(path: Path) -> None:
    assert imported(tree(path)) <= sys.stdlib_module_names | {"agent"}


def test_every_file_can_be_the_first_that_is_imported() -> None:
    """As there is no circle: whichever is first, those that it needs are whole before it goes on."""
    modules = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path for path in sources()
    }
    needed = {module: set(needs(path, modules)) for module, path in modules.items()}
    assert needed["app"] >= {"operations.access", "storage", "stores", "domain.errors", "web.api.about"}
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
    assert imported(module) <= PURE_IMPORTS | {"domain"}
    assert not set(called(module)) & IMPURE_CALLS
    assert "environ" not in path.read_text("utf-8").replace("environment", "")


def test_what_every_noun_shares_knows_no_noun() -> None:
    for name in GROUND:
        ours = {path.split(".")[1] for path in paths(tree(ROOT / f"domain/{name}.py")) if path.startswith("domain.")}
        assert ours <= GROUND, (name, ours - GROUND)


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


@pytest.mark.parametrize("template", sorted((ROOT / "web/pages/templates").glob("*")), ids=lambda path: path.name)
def test_templates_escape_everything_and_load_nothing_from_elsewhere(template: Path) -> None:
    text = template.read_text("utf-8")
    assert not re.search(r"\|\s*safe\b|autoescape|Markup", text)
    assert not re.search(r'(?:src|href)="(?:https?:)?//', text)
    assert not re.search(
        r"<script(?! type=\"module\" src=\"{{)|<style|\bstyle=|\bon\w+=", text
    )  # the policy forbids it
