"""GET /, /health, /ready, /openapi.json and /docs."""

import re
from pathlib import Path

from config import VERSION
from tests.web.api import Api


def test_root_says_what_this_is_and_every_link_answers(api: Api) -> None:
    about = api.get("/").json
    assert (about.pop("name"), about.pop("version"), about.pop("api_version")) == ("gitops-status", VERSION, "2.0")
    assert about.pop("auth") == "open"
    for path in about.values():
        # A report's route is a group's when it is read; tokens and workers are shown to who has one, values of a field.
        assert api.get(path).status in {"/tokens": {401}, "/workers": {401}, "/values": {400}}.get(path, {200, 404})
        assert api.request("BREW", path).status == 405


def test_the_version_is_the_newest_of_the_changelog() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+", VERSION)
    assert f"## {VERSION}" in Path("CHANGELOG.md").read_text()


def test_health_and_ready_say_ok(api: Api) -> None:
    assert api.get("/health").json == {"status": "ok"}
    assert api.get("/ready").json == {"status": "ok"}


def test_ready_leaves_nothing_behind(api: Api) -> None:
    api.get("/ready")
    assert [path.name for path in api.store.parent.iterdir()] == ["status.json.lock"]


def test_ready_is_503_where_nothing_can_be_written_and_health_is_not(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    api = Api(tmp_path / "file")
    answer = api.get("/ready")
    assert (answer.status, answer.json["code"]) == (503, "unavailable")
    assert answer.response.status == "503 The store status.json cannot be read: Not a directory"
    assert api.get("/health").status == 200
    assert api.pipeline().status == api.get("/status").status == 503


def test_every_route_is_in_the_document_and_the_reverse(api: Api) -> None:
    routes = {
        (re.sub(r"<(\w+)>", r"{\1}", rule.rule), method)
        for rule in api.app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD"}
        if rule.endpoint != "static"
    }
    described = {
        (path, method.upper()) for path, methods in api.get("/openapi.json").json["paths"].items() for method in methods
    }
    assert described == routes


def test_the_document_is_valid_openapi(api: Api) -> None:
    from openapi_spec_validator import validate  # not above, as every process of the tests loads this file

    validate(api.get("/openapi.json").json)


def test_every_route_has_an_example_that_fits_its_schema(api: Api) -> None:
    from jsonschema.validators import Draft202012Validator  # nor this, which takes a second

    api_document = api.get("/openapi.json").json
    for path, methods in api_document["paths"].items():
        for method, operation in methods.items():
            contents = [content for status, answer in operation["responses"].items() if status < "3"
                        for content in answer.get("content", {}).values()]  # fmt: skip
            if "requestBody" in operation:
                contents.append(operation["requestBody"]["content"]["application/json"])
            assert contents or method == "delete" or path == "/logout", path
            for content in contents:
                schema = {**content["schema"], "components": api_document["components"]}
                Draft202012Validator(schema).validate(content["example"])


def test_the_example_reports_are_accepted(api: Api) -> None:
    for path in ("/status/pipeline", "/status/cron", "/api/status"):
        operation = api.get("/openapi.json").json["paths"][path]["post"]
        example = operation["requestBody"]["content"]["application/json"]["example"]
        answer = api.request("POST", path, json=example)
        assert answer.status in {200, 201}
        assert "X-Ignored-Fields" not in answer.headers


def test_the_documents_page_shows_every_route_and_needs_no_other_host(api: Api) -> None:
    page = api.get("/docs").response.text
    for path in api.get("/openapi.json").json["paths"]:
        assert f"{path}</code>" in page
    assert not re.findall(r'(?:src|href)="(?![/#])', page)


def test_the_documents_page_has_an_anchor_for_each_route_and_leads_nowhere_else(api: Api) -> None:
    page = api.get("/docs").response.text
    ids = re.findall(r' id="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    assert {"post-status-cron", "get-agent", "status-404"} <= set(ids)
    assert set(re.findall(r'href="#([^"]+)"', page)) <= {*ids}
    routes = [method for methods in api.get("/openapi.json").json["paths"].values() for method in methods]
    assert len(re.findall(r'<li><a href="#(?:get|post|delete)-', page)) == len(routes)


def test_the_documents_page_says_a_status_once_and_writes_code_as_code(api: Api) -> None:
    page = api.get("/docs").response.text
    assert "`" not in re.sub("<pre.*?</pre>", "", page, flags=re.DOTALL)
    assert "<code>synced, stale</code>" in page
    assert page.count("The request does not fit the contract") == 1
    assert "As asked." not in page
