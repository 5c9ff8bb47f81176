"""A path that plays tricks gets an error, never a file and never what another path stands for."""

import itertools
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.process.service import ROOT
from tests.web.api import Api

UP = [
    "..",
    "%2e%2e",
    "%2E%2e",
    ".%2e",
    "%252e%252e",
    "..%2f",
    "%2e%2e%2f",
    "..%5c",
    "..\\",
    "%c0%ae%c0%ae",
    "\uff0e\uff0e",
    "..;",
]
FILES = [
    "app.py",
    "web/gunicorn_worker.py",
    "web/pages/templates/docs.html",
    "etc/passwd",
    ".git",
    ".git/HEAD",
    ".env",
    "status.json",
]


@pytest.fixture
def known(api: Api) -> Api:
    """A service that knows web/web-01."""
    api.pipeline()
    return api


@pytest.mark.parametrize("up", UP)
def test_no_way_up_leads_to_a_file(known: Api, up: str) -> None:
    roots = ["/", "/static/", "/static/fonts/", "/status/", "/status/web/", "/badge/", "/badge/web/"]
    for root, file, depth in itertools.product(roots, FILES, (1, 2, 6)):
        path = root + f"{quote(up, safe='%;')}/" * depth + file
        answer = known.get(path)
        assert (answer.status, answer.json["code"]) == (404, "not_found"), path


@pytest.mark.parametrize(
    "path",
    [
        "/static/", "/static", "/static/.", "/static/..", "/static/.hidden", "/static//style.css", "/static/style.css%00", "/static/style.css%00.png",
        "/static/%2fetc%2fpasswd", "/static//etc/passwd", "/static/STYLE.CSS", "/static/style.css%20", "/static/style.css.",
        "/static/style.css::$DATA", "/static/C:%5cwindows", "/static/" + "a" * 5_000, "/static/%ff", "/static/~root",
        "/.git/config", "/.env", "/.well-known/security.txt", "/favicon.ico", "/status.json", "/data/status.json",
    ],
)  # fmt: skip
def test_only_a_static_file_by_its_own_name_is_one(known: Api, path: str) -> None:
    answer = known.get(path)
    assert (answer.status, answer.json["code"]) == (404, "not_found")


@pytest.mark.parametrize("path", ["/static/./style.css", "/static/style.css/", "/static/x/../style.css"])
def test_a_path_that_stays_in_the_folder_is_the_file_that_it_comes_to(api: Api, path: str) -> None:
    answer = api.request("GET", path, buffered=True)
    assert answer.response.data == (ROOT / "web/pages/static/style.css").read_bytes()


def test_the_folder_of_static_files_has_no_link_and_no_dot_file() -> None:
    """Whatever is put there is served: so nothing is, by accident."""
    there = {path.name for path in (ROOT / "web/pages/static").rglob("*")}
    assert there
    assert not [name for name in there if name.startswith(".") or (ROOT / "web/pages/static" / name).is_symlink()]


@pytest.mark.parametrize("method", ["GET", "DELETE"])
@pytest.mark.parametrize(
    "path",
    [
        "/status//web/web-01", "/status/web//web-01", "/status/web/web-01/", "/status/./web/web-01",
        "/status/x/../web/web-01", "/status/web/x/../web-01", "/status/web/%2e%2e/web-01", "/x/..//status/web/web-01",
        "/status/web%00/web-01", "/status/web/web-01%00", "/status/web/web-01%0a", "/status/web/web-01%20",
        "/status/%77eb/web-01/x", "/status/web/web%2501", "/status/web/web\u201001", "/status/w\u0435b/web-01",
        "/status/\uff57\uff45\uff42/web-01", "/status/WEB/web-01", "/status/web/web-01;x", "/status/web/web-01%3f",
        "/status/web/web-01%23", "/status/web\\web-01", "/status/web/" + "h" * 5_000, "/STATUS/web/web-01",
        "/%00", "/%ff%fe", "/status/web/%ed%a0%80", "/status/%F0%9F%92%A9/x", "/status/web/web-01%e2%80%8b",
    ],
)  # fmt: skip
def test_a_server_is_found_by_its_own_path_only(known: Api, method: str, path: str) -> None:
    answer = known.request(method, path)
    assert answer.status in {404, 405}
    assert known.get("/status/web/web-01").status == 200


def test_an_encoded_slash_is_a_slash_and_never_part_of_a_name(known: Api) -> None:
    assert known.get("/status/web%2fweb-01").json["host"] == "web-01"
    assert known.get("/status/web%2f..%2fweb-01").status == 404
    assert known.get("/status%2fweb/web-01").json["host"] == "web-01"


@pytest.mark.parametrize(
    "name", ["..", ".", "a/b", "a\\b", "%2e", "a%2fb", "a\x00b", "a\nb", "\uff57eb", "-web", "", " web"]
)
def test_no_server_can_be_named_so_that_its_path_plays_tricks(api: Api, name: str) -> None:
    assert api.pipeline(server_group=name).status == api.pipeline(host=name).status == 400
    assert api.cron(server_group=name).status == api.cron(host=name).status == 400
    assert api.legacy(server=name).status == 400


def test_nothing_of_the_place_of_the_store_is_served(known: Api, tmp_path: Path) -> None:
    for path in (
        str(known.store),
        "/" + str(known.store),
        f"/static/{known.store}",
        f"/static/..{tmp_path}/status.json",
    ):
        assert known.get(path).status == 404
