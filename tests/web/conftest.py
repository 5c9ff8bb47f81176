import math
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from jinja2 import FileSystemBytecodeCache
from werkzeug.routing import Rule

import stores
from stores.json_file.pace import Pace
from stores.json_file.store import JsonFileStore
from tests.web.api import Api


@pytest.fixture(scope="session", autouse=True)
def _rules_and_templates_are_compiled_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A thousand services are made here, the same each time: to compile them takes longer than to ask them."""
    known: dict[tuple[str, str, bool], Callable[..., Any]] = {}
    compiled = Rule._compile_builder

    def compile_once(rule: Rule, append_unknown: bool = True) -> Callable[..., Any]:
        key = (rule.rule, repr(rule.defaults), append_unknown)
        if key not in known:
            known[key] = compiled(rule, append_unknown)
        return known[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Rule, "_compile_builder", compile_once)
        cache = FileSystemBytecodeCache(str(tmp_path_factory.mktemp("templates")))
        patch.setattr(Flask, "jinja_options", {"bytecode_cache": cache})
        yield


@pytest.fixture(scope="session", autouse=True)
def _the_file_shows_a_report_at_once() -> Iterator[None]:
    """On a busy machine too, where it would wait for its turn."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stores, "JsonFileStore", partial(JsonFileStore, pace=Pace(share=math.inf)))
        yield


@pytest.fixture
def api(tmp_path: Path) -> Api:
    """A service that knows no server yet."""
    return Api(tmp_path)
