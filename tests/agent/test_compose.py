"""Which files compose reads beside the compose file, as far as that can be told."""

from pathlib import Path

import pytest

from agent.clone.compose import OVERRIDES, OWN, read_by_compose
from tests.agent.agents import write

ALWAYS = {".env", *OWN, *OVERRIDES}
CANNOT = "compose.yml, line {}: what compose reads there cannot be told. Name it in watch."


def read(folder: Path, compose: str, **others: str) -> tuple[list[str], list[str]]:
    """What is read beside what compose takes by its name, and what cannot be told."""
    write(folder, {"compose.yml": compose, **others})
    paths, problems = read_by_compose(str(folder), "compose.yml")
    return sorted(set(paths) - ALWAYS), problems


def test_the_names_that_compose_takes_by_itself_are_read_unless_the_compose_file_has_another_name(
    tmp_path: Path,
) -> None:
    assert set(read_by_compose(str(tmp_path), "compose.yml").paths) == ALWAYS
    assert set(read_by_compose(str(tmp_path), "sub/docker-compose.yaml").paths) == {f"sub/{one}" for one in ALWAYS}
    assert read_by_compose(str(tmp_path), "sub/stack.yml").paths == ["sub/.env", "sub/stack.yml"]


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        ("services:\n  web:\n    env_file: web.env\n", ["web.env"]),
        ("services:\n  web:\n    env_file: './web.env'  # ours\n    image: x\n", ["web.env"]),
        ("services:\n  web:\n    env_file:\n    - a.env\n    - \"b c.env\"\n    image: x\n", ["a.env", "b c.env"]),
        ("services:\n  web:\n    env_file:\n      - path: a.env\n        required: false\n      - ../b.env\n", ["../b.env", "a.env"]),
        ("services:\n  web:\n    env_file: [a.env,\n      'b.env'\n    ]\n", ["a.env", "b.env"]),
        ("x-all: &all\n  env_file: &files\n    - a.env\nservices:\n  web:\n    <<: *all\n", ["a.env"]),
        ("include:\n- a/other.yml\n-  b.yml\nservices: {}\n", ["a/other.yml", "b.yml"]),
        ("include: [a.yml]\n", ["a.yml"]),
        ("include:\n  - path:\n      - a.yml\n      - b.yml\n    env_file: c.env\n    project_directory: d\n", ["a.yml", "b.yml", "c.env"]),
        ("include:\n  - {path: a.yml, env_file: c.env}\n", ["a.yml", "c.env"]),
        ("services:\n  web:\n    extends:\n      file: common.yml\n      service: web\n", ["common.yml"]),
        ("services:\n  web:\n    extends: other\n    develop:\n      watch:\n        - path: ./web\n          include: '*.py'\n", []),
        ("services:\n  web:\n    extends: {file: common.yml, service: web}\n", ["common.yml"]),
        ("services:\n  web:\n    environment:\n      A: env_file\n    image: x\n", []),
        ("#include: [a.yml]\n", []),
    ],
)  # fmt: skip
def test_files_are_told_from_all_common_ways_to_write_them(tmp_path: Path, text: str, paths: list[str]) -> None:
    assert read(tmp_path, text) == (paths, [])


def test_what_is_included_is_read_from_its_own_folder_and_only_once(tmp_path: Path) -> None:
    more = {
        "a/other.yml": "include: [../b.yml]\nservices:\n  db:\n    env_file: db.env\n",
        "b.yml": "include:\n- a/other.yml\n",
    }
    assert read(tmp_path, "include:\n- a/other.yml\n", **more) == (["a/db.env", "a/other.yml", "b.yml"], [])


def test_an_override_is_read_too(tmp_path: Path) -> None:
    more = {"compose.override.yml": "services:\n  web:\n    env_file: over.env\n"}
    assert read(tmp_path, "services: {}\n", **more) == (["over.env"], [])


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("services:\n  web: {image: x, env_file: a.env}\n", 2),
        ("services:\n  web:\n    env_file: *files\n", 3),
        ("services:\n  web:\n    env_file: ${STAGE}/a.env\n", 3),
        ("services:\n  web:\n    env_file: /etc/a.env\n", 3),
        ("include:\n- https://git.example.com/x.git\n", 1),
        ('{"services": {"web": {"env_file": "a.env"}}}\n', 1),
    ],
)
def test_what_cannot_be_told_is_said(tmp_path: Path, text: str, line: int) -> None:
    assert read(tmp_path, text)[1] == [CANNOT.format(line)]


def test_a_compose_file_of_odd_bytes_or_none_at_all_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "compose.yml").write_bytes(b"include:\n- \xff.yml\n")
    assert "\udcff.yml" in read_by_compose(str(tmp_path), "compose.yml").paths
    assert read_by_compose(str(tmp_path), "nowhere.yml").problems == []
