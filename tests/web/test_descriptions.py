"""Each route says beside its view what it needs; nothing is wired by a view's name."""

from collections import Counter
from collections.abc import Iterator

import pytest
from flask import Flask
from werkzeug.routing import Rule

from tests.process.service import ROOT
from tests.web.api import Api
from web.base.describe import Description, description_of
from web.base.measured import SOURCES


@pytest.fixture
def app(api: Api) -> Iterator[Flask]:
    with api.app.app_context():
        yield api.app


def routes(app: Flask) -> list[tuple[Rule, Description]]:
    """Every route but that of the pages' files."""
    described = [
        (rule, description_of(rule.endpoint)) for rule in app.url_map.iter_rules() if rule.endpoint != "static"
    ]
    assert len(described) > 30
    return [(rule, said) for rule, said in described if said]


def test_every_route_has_a_description(app: Flask) -> None:
    assert len(routes(app)) == len(list(app.url_map.iter_rules())) - 1


def test_each_says_where_its_groups_stand(app: Flask) -> None:
    for rule, said in routes(app):
        if said.groups == "path":
            assert "server_group" in rule.arguments, rule
        else:
            assert "server_group" not in rule.arguments, rule
            assert ("server_group" in said.parameters) == (said.groups == "filters"), rule


def test_what_changes_something_in_groups_names_them_in_path_or_body(app: Flask) -> None:
    changing = {(rule.rule, said.groups) for rule, said in routes(app) if said.scope not in (None, "read")}
    assert changing == {
        ("/status/pipeline", "body"),
        ("/status/cron", "body"),
        ("/api/status", "body"),
        ("/status/<server_group>/<host>", "path"),
        ("/tokens", "none"),
        ("/workers", "none"),
        ("/tokens/<token_id>", "none"),
    }


def test_each_source_of_reports_is_counted_by_one_route(app: Flask) -> None:
    assert Counter(said.counter for _, said in routes(app) if said.counter) == Counter(SOURCES)
    assert all(said.groups == "body" for _, said in routes(app) if said.counter)


def test_no_view_or_blueprint_is_known_by_its_name(app: Flask) -> None:
    views = {rule.endpoint for rule in app.url_map.iter_rules()} - {"static"}
    prefixes = {f"{name}." for name in app.blueprints}
    for path in (ROOT / "legacy.py", ROOT / "app.py", *(ROOT / "web").rglob("*.py"), *(ROOT / "web").rglob("*.html")):
        text = path.read_text("utf-8")
        assert "request.blueprint" not in text, path
        assert not [name for name in views | prefixes if f'"{name}"' in text], path
